"""Evaluation cases from YAML, JSON or JSONL; the format stands in the README."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ConsultantError
from bot.types import Message

# Each expectation with the type of its value; "not_" before the name turns it round.
EXPECTATIONS: dict[str, tuple[type, ...]] = {
    "approach": (list, str),
    "parts": (list,),
    "asks": (bool,),
    "refuses": (bool,),
    "contains": (list, str),
    "contains_any": (list, str),
    "regex": (str,),
    "cites": (list, str),
    "min_support": (int, float),
    "max_seconds": (int, float),
}
_KEYS = {"id", "ask", "history", "expect", "tags", "pair", "why"}


class BadCases(ConsultantError):
    """Raised when a file of cases cannot be used; the message names the file, the case and the key."""


@dataclass(frozen=True)
class Case:
    """One question with what is expected of its answer; cases with the same `pair` are compared with each other."""

    id: str
    ask: str
    expect: Mapping[str, Any]
    history: tuple[Message, ...] = ()
    tags: tuple[str, ...] = ()
    pair: str = ""


def read_cases(paths: Iterable[Path]) -> list[Case]:
    """All cases of the files in their order; raises BadCases, also when two have the same id."""
    cases: list[Case] = []
    seen: dict[str, Path] = {}
    for path in paths:
        for number, row in enumerate(_rows(path), 1):
            case = _case(row, f"{path}, case {number}")
            if case.id in seen:
                raise BadCases(
                    f"{path}: the id {case.id!r} stands in {seen[case.id]} too. Give each case its own id."
                )
            seen[case.id] = path
            cases.append(case)
    return cases


def _rows(path: Path) -> list[Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = (
            [json.loads(line) for line in text.splitlines() if line.strip()]
            if path.suffix == ".jsonl"
            else yaml.safe_load(text)
        )
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadCases(f"{path} cannot be read as cases ({error}). Mend the file, or leave it out.") from error
    if not isinstance(rows, list) or not rows:
        raise BadCases(f"{path} holds no list of cases. Write each as an entry with id, ask and expect.")
    return rows


def _case(row: Any, place: str) -> Case:
    if not isinstance(row, dict):
        raise BadCases(f"{place} is no mapping. Write id, ask and expect.")
    if unknown := set(row) - _KEYS:
        raise BadCases(
            f"{place} has the unknown key {sorted(map(str, unknown))[0]!r}. Known are {', '.join(sorted(_KEYS))}."
        )
    for key in ("id", "ask"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise BadCases(f"{place}: {key} must be a text that is not empty.")
    expect = row.get("expect", {})
    if not isinstance(expect, dict):
        raise BadCases(f"{place}: expect must be a mapping.")
    for key, value in expect.items():
        types = EXPECTATIONS.get(str(key).removeprefix("not_"))
        if types is None:
            raise BadCases(
                f"{place}: nothing can check {key!r}. Known are {', '.join(EXPECTATIONS)}, each also with not_."
            )
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise BadCases(f"{place}: {key} must be {' or '.join(t.__name__ for t in types)}, not {value!r}.")
    return Case(
        id=row["id"],
        ask=row["ask"],
        expect=expect,
        history=_history(row.get("history", []), place),
        tags=tuple(str(tag) for tag in row.get("tags", [])),
        pair=str(row.get("pair", "")),
    )


def _history(turns: Any, place: str) -> tuple[Message, ...]:
    if not isinstance(turns, list):
        raise BadCases(f"{place}: history must be a list of turns.")
    messages = []
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ("user", "assistant") or "content" not in turn:
            raise BadCases(f"{place}: each turn of history has a role (user or assistant) and a content.")
        messages.append(Message(turn["role"], str(turn["content"])))
    return tuple(messages)
