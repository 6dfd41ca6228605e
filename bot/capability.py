"""A short test of what a model can, so that prompts are chosen by what it does and not by its name.

Four questions, each with a right answer that a program can see: does it follow a format, does it cite, does it say
that the passages do not answer, can it be held to a schema? What was found is kept in the data directory, so that
each model is tested once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bot.completion import Completion, Messages, ModelFault
from bot.prompts.loader import load
from bot.structured import complete, held_to_schema

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

FILE = "capabilities.json"
# Both must hold for the full prompts: who cannot cite or refuse writes better from a few notes.
_PASSAGES = (
    "The library of Aldmoor opens at nine on weekdays and is closed on Sundays.",
    "A reader's card of the library of Aldmoor costs four crowns a year.",
)
_COST = "What does a reader's card of the library of Aldmoor cost?"


@dataclass(frozen=True)
class Capability:
    """What a model showed in the test."""

    format: bool = False
    cites: bool = False
    refuses: bool = False
    structured: bool = False

    @property
    def full(self) -> bool:
        """Whether it can be given the full prompts."""
        return self.format and self.cites and self.refuses


def examine(model: BaseChatModel, *, timeout: float) -> Capability:
    """Ask the four questions, within so many seconds in all; raises ModelFault, but not when it refuses a schema."""

    def said(messages: Messages, asked: Any = model) -> str:
        return "".join(Completion(asked, messages, timeout=timeout / 4)).strip()

    def messages(message: str, output: Literal["plain", "structured"] = "plain") -> Messages:
        return load("answer").asking_for(output).render({"message": message, "notes": (), "passages": _PASSAGES})

    def answered(message: str) -> str:
        return said(messages(message))

    form = said(load("probe").render({"message": "blue, red, green"}))
    cites = answered(_COST)
    refuses = answered("Who built the bridge of Aldmoor, and in which year?")
    structured = ""
    with suppress(ModelFault):
        structured = said(messages(_COST, "structured"), held_to_schema(model))
    return Capability(
        format=_is_list(form, ["blue", "green", "red"]),
        cites="four" in cites and re.search(r"\[2\]", cites) is not None,
        refuses=re.fullmatch(r"\W*NOTHING\W*", refuses) is not None,
        structured=[number for _, number in complete(structured, ended=True)] == [2],
    )


def remembered(home: Path, setting: str, examined: Callable[[], Capability]) -> Capability:
    """What is known of the model that the settings name, examined now if it never was."""
    try:
        return Capability(**json.loads((home / FILE).read_text(encoding="utf-8"))[setting])
    except (OSError, ValueError, TypeError, KeyError):
        found = examined()
        keep(home, setting, found)
        return found


def keep(home: Path, setting: str, found: Capability) -> None:
    """Write down what the test of a model showed."""
    path = home / FILE
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    home.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps({**known, setting: asdict(found)}, indent=1), encoding="utf-8")
    draft.replace(path)


def _is_list(text: str, words: list[str]) -> bool:
    try:
        return bool(json.loads(text) == words)
    except ValueError:
        return False
