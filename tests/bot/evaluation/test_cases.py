"""Files of cases are read strictly: what is wrong is named with its file, its line or case, and its key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.evaluation.case_files import read_cases
from bot.evaluation.cases import BadCases

SUITES = sorted((Path(__file__).parent.parent.parent / "data" / "suites").glob("*.yaml"))


def test_every_suite_in_the_repository_is_read() -> None:
    assert len(read_cases(SUITES)) > 300


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "holds no list"),
        ("[]", "holds no list"),
        ("[1]", "no mapping"),
        ("- {id: a}", "ask must be"),
        ("- {id: a, ask: ' '}", "ask must be"),
        ("- {id: a, ask: b, expct: {}}", "'expct'"),
        ("- {id: a, ask: b, expect: {approch: x}}", "'approch'"),
        ("- {id: a, ask: b, expect: {asks: maybe}}", "asks must be bool"),
        ("- {id: a, ask: b, expect: {max_seconds: true}}", "max_seconds must be"),
        ("- {id: a, ask: b, expect: {regex: '['}}", "regex is no regular expression"),
        ("- {id: a, ask: b, expect: {excerpts: [{doc: x}]}}", "excerpts has a doc, a start and an end"),
        ("- {id: a, ask: b, tags: x}", "tags must be a list"),
        ("- {id: a, ask: b, history: [{role: boss, content: c}]}", "each turn"),
        ("- {id: a, ask: b, history: [{role: user, content: 5}]}", "content, a text"),
        ("- {id: a, ask: b, expect: {approach: [retreival]}}", "no approach 'retreival'. Choose from: prompt-eng"),
        ("- {id: a, ask: b, expect: {not_approach: tuning}}", "not_approach: there is no approach 'tuning'"),
        ("- {id: a, ask: b, expect: {contains: [{}]}}", "contains must hold texts, not {}"),
        ("- {id: a, ask: b}\n\n- {id: c, ask: c}\n- {id: a, ask: c}", r"case 3 \(line 4\): the id 'a' stands in"),
        ("- {id: a, ask: b}\n- {id: a, ask: c}", r"case 1 \(line 1\) too. Give each case its own id"),
        ("- id: a\n  ask: b\n  ask: c", "line 3: the key 'ask' stands there twice"),
        ("- {id: a", "cannot be read"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadCases, match=named) as caught:
        read_cases([file])
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_line_is_named_however_a_case_is_written(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text("# Two cases.\n- id: a\n  ask: >-\n    Long\n    text.\n\n- id: b\n  ask: c\n  tag: [x]\n")
    with pytest.raises(BadCases, match=r"cases\.yaml, case 2 \(line 7\) has the unknown key 'tag'"):
        read_cases([file])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"id": "a", "ask": "b"}\n\n{"id": }', "line 3 is no JSON"),
        ('{"id": "a", "ask": "b"}\n5', "line 2 is no mapping"),
        ('{"id": "a", "ask": "b"}\n{"id": "a", "ask": "b"}', "line 2: the id 'a' stands in .* line 1 too"),
    ],
    ids=["no JSON", "no mapping", "the same id"],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(text)
    with pytest.raises(BadCases, match=named):
        read_cases([file])


def test_a_line_of_json_may_hold_what_ends_a_line_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text('{"id": "a", "ask": "one\u2028two"}\n', encoding="utf-8")
    assert read_cases([file])[0].ask == "one\u2028two"


def test_json_and_json_lines_are_read_too(tmp_path: Path) -> None:
    rows = [{"id": "a", "ask": "b", "expect": {"asks": True}}, {"id": "c", "ask": "d"}]
    lines, whole = tmp_path / "cases.jsonl", tmp_path / "more.json"
    lines.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    whole.write_text(json.dumps([{"id": "e", "ask": "f"}]), encoding="utf-8")
    assert [case.id for case in read_cases([lines, whole])] == ["a", "c", "e"]


def test_a_table_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    names, row = "id,ask,approach,asks,max_words,min_support,tags", "retrieval|hybrid,false,80,0.95"
    text = f'{names}\na,"Two\nlines, please?",{row},"x, y"\n'
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    [case] = read_cases([file])
    assert case.ask.split() == ["Two", "lines,", "please?"]
    assert case.expect == {"approach": ["retrieval", "hybrid"], "asks": False, "max_words": 80, "min_support": 0.95}
    assert case.tags == ("x", "y")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("id,ask\na\n", "line 2 has other columns"),
        ("id,ask\na,b,c\n", "line 2 has other columns"),
        ("id,ask,colour\na,b,red\n", "line 2: nothing can check 'colour'"),
        ("id,ask\na,b\n,c\n", "line 3: id must be"),
        ("id,ask\n", "holds no list"),
        ("id;ask\na;b\n", "line 1 names no columns id and ask"),
        ("id,ask,id\na,b,c\n", "line 1 names the column 'id' twice"),
        ("id,ask,history\na,b,hello\n", "line 2: history is no JSON"),
        ('id,ask\na,"two\nlines"\n,c\n', "line 4: id must be"),
    ],
    ids=[
        "too few",
        "too many",
        "unknown",
        "no id",
        "no rows",
        "semicolons",
        "twice",
        "history",
        "a field of two lines",
    ],
)
def test_a_bad_table_is_named_with_its_line(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(text)
    with pytest.raises(BadCases, match=named):
        read_cases([file])


def test_ten_thousand_cases_and_a_hundred_turns_are_read(tmp_path: Path) -> None:
    turns = [{"role": "user" if n % 2 == 0 else "assistant", "content": f"turn {n}"} for n in range(100)]
    rows = [{"id": f"c{n}", "ask": "What is LoRA?", "history": turns if n == 0 else []} for n in range(10_000)]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(rows))
    cases = read_cases([file])
    assert (len(cases), len(cases[0].history)) == (10_000, 100)


# promptfoo

# The example of its "getting started", and assertions of every kind it documents that we know of.
PROMPTFOO = """
prompts:
  - 'Convert this English to {{language}}: {{input}}'
providers: [openai:gpt-5-mini, vertex:gemini-2.5-pro]
defaultTest:
  assert:
    - type: latency
      threshold: 5000
tests:
  - vars:
      language: French
      input: Hello world
    assert:
      - type: contains
        value: 'Bonjour le monde'
  - description: Spanish
    threshold: 0.5
    vars:
      language: Spanish
      input: Where is the library?
    assert:
      - type: icontains
        value: 'Dónde está la biblioteca'
        weight: 3
      - type: not-contains-any
        value: where, library
      - type: javascript
        value: output.length < 50
      - type: llm-rubric
        value: ensure that the output is correct
"""


def test_a_configuration_of_promptfoo_runs_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "promptfooconfig.yaml"
    file.write_text(PROMPTFOO, encoding="utf-8")
    french, spanish = read_cases([file])
    assert (french.id, french.ask) == ("test 1", "Convert this English to French: Hello world")
    assert french.expect == {"max_seconds": 5.0, "contains_exactly": ["Bonjour le monde"]}
    assert spanish.expect == {
        "max_seconds": 5.0,
        "contains": ["Dónde está la biblioteca"],
        "not_contains_any": ["where", "library"],
    }
    assert (spanish.weights["contains"], spanish.threshold) == (3, 0.5)
    assert spanish.skipped == ("javascript",)
    assert spanish.rubric == "ensure that the output is correct"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("tests: []", "tests must be a list"),
        ("tests: [1]", "test 1 is no mapping"),
        ("tests: [{vars: {a: x, b: y}}]", "none of its vars is the question"),
        ("tests: [{vars: {question: x}, assert: [{value: y}]}]", "each assert has a type"),
        ("tests: [{vars: {question: x}, assert: [{type: equals}]}]", "equals has no value"),
        ("tests: [{vars: [x]}]", "test 1: vars must be a mapping, not"),
        ("tests: [{vars: {question: x}, assert: {type: equals}}]", "assert must be a list"),
        ("tests: [{vars: {question: x}, threshold: most}]", "the threshold must be a number, not 'most'"),
        ("tests: [{vars: {question: x}, assert: [{type: latency, threshold: soon}]}]", "latency must be a number"),
        ("tests: [{vars: {question: x}, assert: [{type: equals, value: a, weight: b}]}]", "equals must be a number"),
        ("tests: [{vars: {question: x}, assert: [{type: regex, value: '['}]}]", "regex is no regular expression"),
    ],
)
def test_a_bad_configuration_is_named(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "promptfooconfig.yaml"
    file.write_text(text)
    with pytest.raises(BadCases, match=named):
        read_cases([file])
