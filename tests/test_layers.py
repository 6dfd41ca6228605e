"""Imports run one way: ui → bot → knowledge; and the command line loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {"knowledge": {"knowledge"}, "bot": {"bot", "knowledge"}, "ui": {"ui", "bot", "knowledge"}}
MODULES = [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """The first names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_its_room_and_those_below(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert imported(path) & set(MAY_IMPORT) <= MAY_IMPORT[room]


@pytest.mark.parametrize("room", ["bot", "knowledge"])
def test_only_the_ui_knows_gradio(room: str) -> None:
    assert [p.name for p in (ROOT / room).rglob("*.py") if imported(p) & {"gradio", "fastapi", "click"}] == []


def test_the_command_line_loads_nothing_heavy() -> None:
    code = "import sys, ui.cli; print(sorted({'torch', 'chromadb', 'gradio', 'sklearn'} & set(sys.modules)))"
    child = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"
