"""What the commands of the command line share: options, settings, and how a known error is said."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from bot.settings import Settings

BUSY = 75  # EX_TEMPFAIL of sysexits.h: try again later.

P = ParamSpec("P")
R = TypeVar("R")


def known_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Print a known error as one line on stderr; leave its traceback to unknown ones."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from bot.errors import ConsultantError
        from knowledge.errors import KnowledgeError, WriterBusy

        try:
            return command(*args, **kwargs)
        except (ConsultantError, KnowledgeError) as error:
            click.echo(f"consultant: {error}", err=True)
            sys.exit(BUSY if isinstance(error, WriterBusy) else 1)
        except BrokenPipeError:
            # The reader of our output went away (`consultant ask … | head -1`).
            sys.exit(0)

    return wrapped


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command takes."""
    command = click.option("--embeddings", help="Embedding model: its name or a folder.")(command)
    return click.option("--home", type=click.Path(path_type=Path), help="Data directory.")(command)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that answer."""
    command = click.option(
        "--prompt", help="Prompts for the model: auto, full or brief, with @TECHNIQUE+… for some."
    )(command)
    return click.option("--model", help="Who writes: quoting, local, openai:NAME, http://host/v1#NAME, …")(command)


def settings_of(options: dict[str, Any]) -> Settings:
    """The settings that a command's options, the environment and the defaults give; raises BadSetting."""
    from bot.settings import read_settings

    return read_settings(**options)
