"""Evaluation cases from YAML, JSON, JSONL, CSV or a promptfoo configuration; the format stands in the README."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
_KEYS = {"id", "ask", "history", "expect", "tags", "pair", "why"}


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


def read_cases(paths: Iterable[Path]) -> list[Case]:
    """All cases of the files in their order; raises BadCases, also when two have the same id."""
    from bot.evaluation import promptfoo

    cases: list[Case] = []
    seen: dict[str, Path] = {}
    for path in paths:
        loaded = _load(path)
        found = (
            promptfoo.cases_of(loaded, path)
            if promptfoo.is_config(loaded)
            else [
                case_of(row, f"{path}, {_place(path, number)}") for number, row in enumerate(_listed(loaded, path), 1)
            ]
        )
        for case in found:
            if case.id in seen:
                raise BadCases(
                    f"{path}: the id {case.id!r} stands in {seen[case.id]} too. Give each case its own id."
                )
            seen[case.id] = path
            cases.append(case)
    return cases


def _load(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            return _csv_rows(text, path)
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return yaml.load(text, Loader=_Loader)  # noqa: S506 -- a safe loader that is quick
    except (OSError, ValueError, yaml.YAMLError, csv.Error, RecursionError) as error:
        raise BadCases(f"{path} cannot be read as cases ({error}). Mend the file, or leave it out.") from error


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _listed(loaded: Any, path: Path) -> list[Any]:
    if not isinstance(loaded, list) or not loaded:
        raise BadCases(f"{path} holds no list of cases. Write each as an entry with id, ask and expect.")
    return loaded


def _place(path: Path, number: int) -> str:
    # A CSV has its names in the first line.
    return f"line {number + 1}" if path.suffix == ".csv" else f"case {number}"


def _csv_rows(text: str, path: Path) -> list[dict[str, Any]]:
    """A row a case: the columns id, ask, tags (separated by commas), and a column for each expectation."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows = []
    for number, row in enumerate(reader, 2):
        if None in row or None in row.values():
            raise BadCases(f"{path}, line {number} has other columns than the first line. Mend it.")
        filled = {name.strip(): value for name, value in row.items() if value.strip()}
        expect = {k: _csv_value(v) for k, v in filled.items() if k not in _KEYS}
        own: dict[str, Any] = {k: v for k, v in filled.items() if k in _KEYS}
        if "tags" in own:
            own["tags"] = [tag.strip() for tag in own["tags"].split(",")]
        if "history" in own:
            own["history"] = json.loads(own["history"])
        rows.append({**own, "expect": expect})
    return rows


def _csv_value(text: str) -> Any:
    """true, false and numbers are such; what holds a bar is a list."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(r"\d+", text):
        return int(text)
    if re.fullmatch(r"\d*\.\d+", text):
        return float(text)
    return [part.strip() for part in text.split("|")] if "|" in text else text


def case_of(row: Any, place: str) -> Case:
    """One case of our own format; `place` begins what a BadCases says."""
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
        _check_expectation(str(key), value, place)
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


def _check_expectation(key: str, value: Any, place: str) -> None:
    types = EXPECTATIONS.get(key.removeprefix("not_"))
    if types is None:
        raise BadCases(
            f"{place}: nothing can check {key!r}. Known are {', '.join(EXPECTATIONS)}, each also with not_."
        )
    held: Any = value
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise BadCases(f"{place}: {key} must be {' or '.join(t.__name__ for t in types)}, not {value!r}.")
    if key.endswith("regex"):
        try:
            re.compile(held)
        except re.error as error:
            raise BadCases(f"{place}: {key} is no regular expression ({error}).") from error
    if key.endswith("excerpts") and not all(isinstance(s, dict) and {"doc", "start", "end"} <= set(s) for s in held):
        raise BadCases(f"{place}: each of {key} has a doc, a start and an end.")


def _history(turns: Any, place: str) -> tuple[Message, ...]:
    if not isinstance(turns, list):
        raise BadCases(f"{place}: history must be a list of turns.")
    messages = []
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ("user", "assistant") or "content" not in turn:
            raise BadCases(f"{place}: each turn of history has a role (user or assistant) and a content.")
        messages.append(Message(turn["role"], str(turn["content"])))
    return tuple(messages)
