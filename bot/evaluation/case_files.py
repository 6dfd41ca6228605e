"""Files → evaluation cases: YAML, JSON, JSONL, CSV, or a promptfoo configuration."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bot.evaluation import promptfoo
from bot.evaluation.cases import KEYS, BadCases, Case, case_of

# A row with the words that say where it stands in its file.
Placed = tuple[str, Any]
NOTHING = "holds no list of cases. Write each as an entry with id, ask and expect."


def read_cases(paths: Iterable[Path]) -> list[Case]:
    """All cases of the files in their order; raises BadCases, also when two have the same id."""
    cases: list[Case] = []
    seen: dict[str, str] = {}
    for path in paths:
        for place, case in _cases(path):
            if case.id in seen:
                raise BadCases(
                    f"{place}: the id {case.id!r} stands in {seen[case.id]} too. Give each case its own id."
                )
            seen[case.id] = place
            cases.append(case)
    return cases


def _cases(path: Path) -> Iterator[tuple[str, Case]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        config, rows = _rows(text, path)
    except (OSError, ValueError, yaml.YAMLError, csv.Error, RecursionError) as error:
        # The errors of YAML run over several lines.
        why = " ".join(str(error).split())
        raise BadCases(f"{path} cannot be read as cases ({why}). Mend the file, or leave it out.") from error
    if config is not None:
        for number, case in enumerate(promptfoo.cases_of(config, path), 1):
            yield f"{path}, test {number}", case
    elif not rows:
        raise BadCases(f"{path} {NOTHING}")
    for place, row in rows:
        yield f"{path}, {place}", case_of(row, f"{path}, {place}")


def _rows(text: str, path: Path) -> tuple[dict[str, Any] | None, list[Placed]]:
    """A configuration of promptfoo, or the rows of our own format."""
    if path.suffix == ".csv":
        return None, list(_csv_rows(text, path))
    if path.suffix == ".jsonl":
        return None, list(_json_lines(text, path))
    loader = _Loader(text)
    node = loader.get_single_node()
    loaded = loader.construct_document(node) if node else None
    if promptfoo.is_config(loaded):
        return loaded, []
    if not isinstance(loaded, list) or node is None:
        raise BadCases(f"{path} {NOTHING}")
    lines = [entry.start_mark.line + 1 for entry in node.value]
    return None, [
        (f"case {n} (line {line})", row) for n, (line, row) in enumerate(zip(lines, loaded, strict=True), 1)
    ]


if TYPE_CHECKING:
    _Safe = yaml.SafeLoader
else:
    _Safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):
    """A safe loader, and a quick one where there is one, that does not let a second key win over the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise ValueError(f"line {key.start_mark.line + 1}: the key {key.value!r} stands there twice")
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _json_lines(text: str, path: Path) -> Iterator[Placed]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except ValueError as error:
                raise BadCases(f"{path}, line {number} is no JSON ({error}). Mend it.") from error


def _csv_rows(text: str, path: Path) -> Iterator[Placed]:
    """A row a case: the columns id, ask, tags (separated by commas), and a column for each expectation."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    names = [name.strip() for name in reader.fieldnames or []]
    if names and not {"id", "ask"} <= set(names):
        raise BadCases(f"{path}, line 1 names no columns id and ask. Write id,ask,… with commas between them.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadCases(f"{path}, line 1 names the column {twice[0]!r} twice. Leave one of them out.")
    before = 1
    for row in reader:
        # A quoted field may run over lines: a row is named by its first.
        place, before = f"line {before + 1}", reader.line_num
        if None in row or None in row.values():
            raise BadCases(f"{path}, {place} has other columns than the first line. Mend it.")
        yield (
            place,
            _csv_case({name.strip(): value for name, value in row.items() if value.strip()}, f"{path}, {place}"),
        )


def _csv_case(filled: dict[str, str], place: str) -> dict[str, Any]:
    own: dict[str, Any] = {k: v for k, v in filled.items() if k in KEYS}
    if "tags" in own:
        own["tags"] = [tag.strip() for tag in own["tags"].split(",")]
    if "history" in own:
        try:
            own["history"] = json.loads(own["history"])
        except ValueError as error:
            raise BadCases(f"{place}: history is no JSON ({error}). Write a list of turns.") from error
    return {**own, "expect": {k: _csv_value(v) for k, v in filled.items() if k not in KEYS}}


def _csv_value(text: str) -> Any:
    """true, false and numbers are such; what holds a bar is a list."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(r"\d+", text):
        return int(text)
    if re.fullmatch(r"\d*\.\d+", text):
        return float(text)
    return [part.strip() for part in text.split("|")] if "|" in text else text
