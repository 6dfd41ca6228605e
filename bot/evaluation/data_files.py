"""What the benchmarks of others are read from: folders with tables and JSON lines, checked line by line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.errors import ConsultantError


class BadData(ConsultantError):
    """Raised when a folder does not hold the benchmark it should; the message names the file and the line."""


def json_lines(path: Path, *keys: str) -> list[dict[str, Any]]:
    """The objects of a file with one a line, each with these keys; raises BadData."""
    rows = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadData(f"{path}, line {number} is no JSON ({error}). Mend or fetch the file again.") from error
        if not isinstance(row, dict) or not set(keys) <= set(row):
            raise BadData(f"{path}, line {number} is no object with {' and '.join(keys)}. Fetch the file again.")
        rows.append(row)
    return rows


def table(path: Path, *keys: str, tabs: bool = False, quotes: bool = True) -> Iterator[dict[str, str]]:
    """The rows of a table whose first line names these columns among others, with commas or `tabs` between them;
    without `quotes`, a quotation mark is a character like any other. Raises BadData."""
    lines = io.StringIO(_text(path), newline="")
    reader = csv.DictReader(
        lines, delimiter="\t" if tabs else ",", quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    )
    for row in reader:
        if any(row.get(key) is None for key in keys):
            raise BadData(f"{path}, line {reader.line_num} has no {', '.join(keys[:-1])} and {keys[-1]}.")
        yield row


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadData(f"{path} cannot be read ({error.strerror}). Give the folder that holds it.") from error
    except ValueError as error:
        raise BadData(f"{path} is not in UTF-8. Fetch the file again.") from error
