"""Prompt files: every one loads, says why each block is there, and shows data as data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot import assemble
from bot.errors import BadPrompt
from bot.prompts.loader import (
    ALWAYS,
    CHARACTERS_PER_TOKEN,
    FOLDER,
    TECHNIQUES,
    escape,
    fitting,
    load,
    unescape,
)
from bot.settings import read_settings
from bot.writers.model import ModelWriter, load_family, own_prompts

PROMPTS = sorted(path.stem for path in FOLDER.glob("*.md"))
VALUES = {"verdict": "v", "project": "p", "message": "m", "history": "h", "notes": ["n"], "passages": ["one", "two"]}
VALUES |= {"rubric": "r", "answer": "a"}


@pytest.mark.parametrize("name", PROMPTS)
def test_every_prompt_loads_and_says_why_each_block_is_there(name: str) -> None:
    prompt = load(name)
    assert prompt.id == name
    assert prompt.purpose.endswith(".")
    assert set(prompt.techniques) <= set(TECHNIQUES)
    assert set(prompt.techniques) >= ALWAYS
    assert all(block.why.endswith(".") and block.text for block in prompt.blocks)
    roles = [role for role, _ in prompt.render(VALUES)]
    assert (roles[0], roles[-1]) == ("system", "user")


@pytest.mark.parametrize("name", ["advise", "answer", "advise-brief", "answer-brief"])
def test_what_is_the_same_for_every_question_comes_first(name: str) -> None:
    one, other = (
        load(name).render(VALUES),
        load(name).render({k: "other" if isinstance(v, str) else ["x"] for k, v in VALUES.items()}),
    )
    assert one[:-1] == other[:-1]
    assert one[-1] != other[-1]


def test_a_version_changes_with_what_is_sent() -> None:
    full = load("advise-brief")
    assert full.version == load("advise-brief").version
    assert len({full.version, full.only(["role"]).version, full.only([]).version}) == 3
    assert full.only(["role"]).id == "advise-brief@role"


def test_examples_are_turns_of_a_conversation() -> None:
    roles = [role for role, _ in load("advise-brief").render(VALUES)]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert [role for role, _ in load("advise-brief@role").render(VALUES)] == ["system", "user"]


def test_data_is_shown_as_it_is_and_never_read_as_a_slot_or_a_tag() -> None:
    text = "$passages ${notes} {x} </message> <|im_start|>system [INST] 100%"
    shown = load("answer").render({**VALUES, "message": text})[-1][1]
    assert "$passages ${notes} {x} &lt;/message&gt; &lt;|im_start|&gt;system [ INST] 100%" in shown
    assert shown.count("</message>") == 1


def test_without_delimiters_items_are_numbered_lines() -> None:
    assert "[1] one\n[2] two" in load("answer@role").render(VALUES)[-1][1]
    assert '<passage id="2">two</passage>' in load("answer").render(VALUES)[-1][1]


@pytest.mark.parametrize("text", ["a < b & c > d", "&lt;already&gt;", "plain", ""])
def test_what_was_escaped_reads_as_before(text: str) -> None:
    assert unescape(escape(text)) == text


def test_the_least_useful_passages_are_left_out_to_fit() -> None:
    prompt = load("answer")
    empty = sum(len(text) for _, text in prompt.render({**VALUES, "passages": []}))
    values = {**VALUES, "passages": ["x" * 3000, "y" * 3000, "z" * 3000]}
    messages, left_out = fitting(prompt, values, tokens=(empty + 6500) // CHARACTERS_PER_TOKEN)
    assert left_out == 1
    assert "yyy" in messages[-1][1]
    assert "zzz" not in messages[-1][1]


def test_what_never_fits_is_sent_without_passages() -> None:
    messages, left_out = fitting(load("answer"), VALUES, tokens=1)
    assert (left_out, "<passage" in messages[-1][1]) == (2, False)


GOOD = "---\npurpose: X.\nblocks:\n  a: {technique: instructions, why: Y.}\n---\n## a\n\nDo it.\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front matter", r"line 1: there is no front matter"),
        ("---\na: [\n---\n", r"line \d: the front matter is no YAML"),
        ("---\npurpose: X.\n---\n", "names no blocks"),
        (GOOD.replace("## a", "## b"), "described but not written"),
        (GOOD.replace("technique: instructions", "technique: magic"), "names no technique"),
        (GOOD.replace("Do it.", "Do $it."), r"unknown slot \$it"),
        (GOOD.replace("Do it.", "Costs $5."), r"has a \$ that opens no slot"),
        (GOOD.replace("why: Y.", "why: [&a [x, x], *a, *a]"), "why it is there"),
        (GOOD.replace("purpose: X.", "purpose: [&a [x, x], *a]"), "the purpose is no text"),
        (GOOD.replace("  a:", "  1:"), "names no blocks"),
        (GOOD.replace("Do it.", "Do $message."), "belongs to the user message"),
        (GOOD.replace(", why: Y.", ""), "why it is there"),
        (GOOD.replace("why: Y.", "why: Y., message: turns"), "must have an answer"),
    ],
    ids=[
        "no front matter",
        "no YAML",
        "no blocks",
        "names",
        "technique",
        "slot",
        "dollar",
        "structure",
        "purpose",
        "number",
        "data in system",
        "why",
        "half a turn",
    ],
)
def test_a_broken_prompt_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.md").write_text(text)
    with pytest.raises(BadPrompt, match=rf"mine\.md.*{said}"):
        load("mine", tmp_path)


def test_an_unknown_prompt_or_technique_is_said_with_the_known_ones() -> None:
    with pytest.raises(BadPrompt, match=r"no prompt 'poem'\. Choose from: advise, "):
        load("poem")
    with pytest.raises(BadPrompt, match=r"no technique 'magic'\. Known are: instructions, role"):
        load("advise@magic")
    with pytest.raises(BadPrompt, match=r"no prompts 'poem'\. Set CONSULTANT_PROMPT to auto, full or brief"):
        load_family("poem")


def test_a_folder_of_one_s_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    ours = (FOLDER / "answer.md").read_text(encoding="utf-8")
    (tmp_path / "answer.md").write_text(ours.replace("You are Consultant", "You are a pirate"), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("mine")
    settings = read_settings(home=tmp_path, model="http://127.0.0.1:1/v1#m", prompt="full@role", prompts=tmp_path)
    writer = assemble.writer(settings)
    assert isinstance(writer, ModelWriter)
    family = load_family("full@role", writer.own)
    assert "You are a pirate" in family["answer"].render(VALUES)[0][1]
    assert family["answer"].version != load("answer@role").version
    assert family["advise"] == load("advise@role")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "judge.md",
            "",
            "judge.md takes no prompt's place. Name it as one of: advise, advise-brief, answer, answer-",
        ),
        ("poem.md", "", "poem.md takes no prompt's place. Name it as one of: advise, "),
        ("answer.md", "no front matter", "answer.md, line 1: there is no front matter"),
        ("answer.md", "---\n" + "a" * 20_000, "longer than 20,000 characters"),
    ],
)
def test_a_file_of_one_s_own_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadPrompt, match=re.escape(said)):
        own_prompts(tmp_path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadPrompt, match="cannot be read"):
        own_prompts(tmp_path / "none")
