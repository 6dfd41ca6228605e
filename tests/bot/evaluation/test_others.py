"""The benchmarks of others, from folders small enough to compute by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.evaluation import begin, chunking, clapnq
from bot.evaluation.chunking import Question, measure
from bot.evaluation.data_files import BadData
from bot.evaluation.statistics import auroc
from knowledge.embeddings import SentenceEmbedder
from knowledge.types import Chunk

BEGIN = (
    "response\tknowledge\tbegin_label\n"
    "The tower is 300 metres high.\tThe tower is 300 metres high and made of iron.\tFully attributable\n"
    'The "tower is red.\tThe tower is 300 metres high and made of iron.\tNot fully attributable\n'
)
TEXT = "Bananas are yellow and grow in warm countries.\n\nThe library opens at nine on weekdays.\n"


def clapnq_lines(question: str, text: str) -> str:
    return json.dumps({"input": question, "passages": [{"title": "T", "text": text}]}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds all three."""
    (tmp_path / "answerable.jsonl").write_text(clapnq_lines("When does the library open?", TEXT))
    # A character that ends a line elsewhere, and none in JSON.
    (tmp_path / "unanswerable.jsonl").write_text(clapnq_lines("Who won the cup?", "Error XJ-4481.\u2028"))
    (tmp_path / "one.tsv").write_text(BEGIN)
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "town.md").write_text(TEXT)
    spans = json.dumps([{"start_index": 0, "end_index": 10}]).replace('"', '""')
    (tmp_path / "questions.csv").write_text(f'question,corpus_id,references\nWhat colour?,town,"{spans}"\n')
    return tmp_path


@pytest.mark.parametrize(
    ("scores", "value"),
    [([3, 2, 1, 0], 1.0), ([0, 1, 2, 3], 0.0), ([1, 1, 1, 1], 0.5), ([3, 1, 2, 0], 0.75)],
    ids=["apart", "the wrong way", "all alike", "one swapped"],
)
def test_the_area_is_the_share_of_pairs_in_order(scores: list[float], value: float) -> None:
    found = auroc("x", scores, [True, True, False, False])
    assert found.value == value
    assert found.low <= value <= found.high
    assert auroc("x", scores, [True, True, False, False]) == found


def test_answerable_questions_are_told_from_others(folder: Path, embedder: SentenceEmbedder) -> None:
    found = {name: figure for name, [figure] in clapnq.evaluate(folder, embedder).items()}
    assert found[clapnq.OURS].value == 1.0
    assert found[clapnq.BASELINE].of == 2


def test_responses_are_told_apart_by_what_bears_them_out(folder: Path) -> None:
    rows = begin.read(folder)
    assert [row.attributable for row in rows] == [True, False]
    found = {one.name: one.value for one in begin.evaluate(rows)[begin.OURS]}
    assert found == {"AUROC": 1.0, "let through": 1.0, "turned down": 1.0}


def test_excerpts_are_measured_in_characters(folder: Path, embedder: SentenceEmbedder) -> None:
    question = Question("?", "town", ((0, 10), (40, 50)))
    pieces = [Chunk("a", "town", "", "", 5, 25), Chunk("b", "elsewhere", "", "", 40, 50)]
    assert measure(pieces, question) == (5 / 20, 5 / 30, 5 / (20 + 30 - 5))
    found = chunking.evaluate(folder, embedder, k=1)
    assert set(found) == {"fused", "dense", "bm25"}
    fused = {one.name: one.value for one in found["fused"]}
    assert (fused["recall@1"], fused["precision@1"]) == (1.0, round(10 / len(TEXT.strip()), 4))


BROKEN: dict[str, tuple[str, str | None, str]] = {
    "no file": ("answerable.jsonl", None, r"answerable\.jsonl cannot be read"),
    "no JSON": ("unanswerable.jsonl", "\n{", r"unanswerable\.jsonl, line 2 is no JSON"),
    "no input": ("answerable.jsonl", "{}", r"line 1 is no object with input and passages"),
    "no passage": ("answerable.jsonl", '{"input": "a", "passages": []}', "a question has no passage"),
    "one kind": ("unanswerable.jsonl", "", "holds no questions of one of the two kinds"),
    "another table": ("one.tsv", "a\tb\nc\td\n", r"one\.tsv, line 2 has no response, knowledge and begin_label"),
    "an empty table": ("one.tsv", "", r"holds no \*\.tsv with both kinds"),
    "no documents": ("corpora/town.md", None, r"holds no corpora/\*\.md"),
    "no spans": ("questions.csv", "question,corpus_id,references\nq,town,[1]\n", "references of 'q' are no spans"),
    "not UTF-8": ("questions.csv", "\xff", r"questions\.csv is not in UTF-8"),
}


@pytest.mark.parametrize(("name", "text", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_not_in_the_format_is_named(
    folder: Path, embedder: SentenceEmbedder, name: str, text: str | None, said: str
) -> None:
    path = folder / name
    path.unlink() if text is None else path.write_text(text, encoding="latin-1")
    read: dict[str, Callable[[], object]] = {
        ".jsonl": lambda: clapnq.evaluate(folder, embedder),
        ".tsv": lambda: begin.read(folder),
    }
    with pytest.raises(BadData, match=said):
        read.get(path.suffix, lambda: chunking.evaluate(folder, embedder, k=1))()
