"""The README is true: its generated parts are fresh, its commands and settings are all there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.settings import PREFIX, Settings
from ui.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_generated_parts_of_the_readme_are_fresh() -> None:
    child = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "README.md"], cwd=ROOT, capture_output=True, text=True
    )
    assert child.returncode == 0, f"run: make docs\n{child.stdout}{child.stderr}"


def test_every_command_is_in_the_readme() -> None:
    assert [name for name in main.commands if not re.search(rf"\b{name}\b", README)] == []


def test_every_setting_is_in_the_readme() -> None:
    assert [n for n in Settings.model_fields if f"{PREFIX}{n.upper()}" not in README] == []


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`?make ([a-z ]+)`", README))
    targets = {word for words in named for word in words.split()}
    assert targets
    assert [t for t in targets if not re.search(rf"^{t}:", makefile, re.MULTILINE)] == []


def test_every_dependency_has_its_job_in_a_sentence() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("\n")
    required = [line for line in lines if re.match(r'\s+"[A-Za-z0-9_\[\]-]+(>=|==)', line)]
    assert len(required) > 20
    assert [line for line in required if not re.search(r"# .{8,}\.$", line)] == []


def test_every_dependency_is_pinned() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    names = re.findall(
        r'^\s+"([A-Za-z0-9_-]+)(?:\[|>=|==)', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M
    )
    # The development extra takes in the other extras of the project itself.
    names = [n for n in names if n != "chatbot-consultant"]
    assert [n for n in names if f"\n{n.lower().replace('_', '-')}==" not in pins] == []


def test_the_python_example_runs(
    corpus_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [code] = re.findall(r"```python\n(.*?)```", README, re.S)
    monkeypatch.setenv("CONSULTANT_HOME", str(corpus_home))
    exec(compile(code, "README.md", "exec"), {})
    approach, heading, *_ = capsys.readouterr().out.split("\n")
    assert approach == "fine-tuning"
    assert "LoRA" in heading
