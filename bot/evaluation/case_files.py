"""Files → evaluation cases: YAML, JSON, JSONL, CSV, or a promptfoo configuration."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from bot.evaluation import promptfoo
from bot.evaluation.cases import KEYS, BadCases, Case, case_of


def read_cases(paths: Iterable[Path]) -> list[Case]:
    """All cases of the files in their order; raises BadCases, also when two have the same id."""
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
        expect = {k: _csv_value(v) for k, v in filled.items() if k not in KEYS}
        own: dict[str, Any] = {k: v for k, v in filled.items() if k in KEYS}
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
