"""An evaluation case and what may be expected of its answer; the format stands in the README."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from bot.errors import ConsultantError
from bot.types import Approach, Message

# Each expectation with the type of its value; "not_" before the name turns it round.
EXPECTATIONS: dict[str, tuple[type, ...]] = {
    "approach": (list, str),
    "parts": (list,),
    "asks": (bool,),
    "refuses": (bool,),
    "contains": (list, str),
    "contains_any": (list, str),
    "contains_exactly": (list, str),
    "equals": (str,),
    "starts_with": (str,),
    "regex": (str,),
    "cites": (list, str),
    "sections": (list, str),
    "excerpts": (list,),
    "answer": (str,),
    "min_support": (int, float),
    "max_seconds": (int, float),
    "max_words": (int,),
}
# What an answer may advise; "none" when it is no advice.
APPROACHES = (*get_args(Approach), "none")
KEYS = {"id", "ask", "history", "expect", "tags", "pair", "why"}


class BadCases(ConsultantError):
    """Raised when a file of cases cannot be used; the message names the file, the case or line, and the key."""


@dataclass(frozen=True)
class Case:
    """One question with what is expected of its answer; cases with the same `pair` are compared with each other.

    `weights` are the checks' (1 unless told); with a `threshold` the case passes when so large a share of the weights
    does. `skipped` are checks of another tool's file that nothing here can do, `rubric` is what a judge should look
    for, `again` the id of the case that this one repeats.
    """

    id: str
    ask: str
    expect: Mapping[str, Any]
    history: tuple[Message, ...] = ()
    tags: tuple[str, ...] = ()
    pair: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = None
    skipped: tuple[str, ...] = ()
    rubric: str = ""
    again: str = ""


def case_of(row: Any, place: str) -> Case:
    """One case of our own format; `place` begins what a BadCases says."""
    if not isinstance(row, dict):
        raise BadCases(f"{place} is no mapping. Write id, ask and expect.")
    if unknown := set(row) - KEYS:
        raise BadCases(
            f"{place} has the unknown key {sorted(map(str, unknown))[0]!r}. Known are {', '.join(sorted(KEYS))}."
        )
    for key in ("id", "ask"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise BadCases(f"{place}: {key} must be a text that is not empty.")
    expect = row.get("expect", {})
    if not isinstance(expect, dict):
        raise BadCases(f"{place}: expect must be a mapping.")
    for key, value in expect.items():
        check_expectation(str(key), value, place)
    if not isinstance(row.get("tags", []), list):
        raise BadCases(f"{place}: tags must be a list.")
    return Case(
        id=row["id"],
        ask=row["ask"],
        expect=expect,
        history=_history(row.get("history", []), place),
        tags=tuple(str(tag) for tag in row.get("tags", [])),
        pair=str(row.get("pair", "")),
    )


def check_expectation(key: str, value: Any, place: str) -> None:
    """Raise BadCases when nothing can check it, or its value is of another kind than it should be."""
    base = key.removeprefix("not_")
    types = EXPECTATIONS.get(base)
    if types is None:
        raise BadCases(
            f"{place}: nothing can check {key!r}. Known are {', '.join(EXPECTATIONS)}, each also with not_."
        )
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise BadCases(f"{place}: {key} must be {' or '.join(t.__name__ for t in types)}, not {value!r}.")
    held: Any = value
    if base == "regex":
        _check_pattern(held, f"{place}: {key}")
    if base == "excerpts":
        if not all(isinstance(span, dict) and {"doc", "start", "end"} <= set(span) for span in held):
            raise BadCases(f"{place}: each of {key} has a doc, a start and an end.")
    elif isinstance(value, list):
        _check_list(base, value, f"{place}: {key}")
    elif base == "approach":
        _check_list(base, [value], f"{place}: {key}")


def _check_pattern(value: str, place: str) -> None:
    try:
        re.compile(value)
    except re.error as error:
        raise BadCases(f"{place} is no regular expression ({error}).") from error


def _check_list(base: str, values: list[Any], place: str) -> None:
    if bad := [value for value in values if not isinstance(value, str | int | float)]:
        raise BadCases(f"{place} must hold texts, not {bad[0]!r}.")
    known = APPROACHES if base in ("approach", "parts") else values
    if unknown := [value for value in values if value not in known]:
        raise BadCases(f"{place}: there is no approach {unknown[0]!r}. Choose from: {', '.join(APPROACHES)}.")


def _history(turns: Any, place: str) -> tuple[Message, ...]:
    if not isinstance(turns, list):
        raise BadCases(f"{place}: history must be a list of turns.")
    messages = []
    for turn in turns:
        if (
            not isinstance(turn, dict)
            or turn.get("role") not in ("user", "assistant")
            or not isinstance(turn.get("content"), str)
        ):
            raise BadCases(f"{place}: each turn of history has a role (user or assistant) and a content, a text.")
        messages.append(Message(turn["role"], turn["content"]))
    return tuple(messages)
