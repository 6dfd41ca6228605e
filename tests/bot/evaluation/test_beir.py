"""A folder in BEIR's format is ranked by each way of finding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.evaluation.beir import evaluate
from bot.evaluation.data_files import BadData
from knowledge.embeddings import SentenceEmbedder

TEXTS = {
    "d1": "Bananas are yellow and grow in warm countries.",
    "d2": "Error XJ-4481 means that the printer has no paper.",
    "d3": "The library opens at nine on weekdays.",
}
ASKED = {"q1": ("When can I borrow a book?", "d3"), "q2": ("XJ-4481", "d2"), "q3": ("Nobody answers this.", "")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qrels").mkdir()
    lines = [json.dumps({"_id": name, "title": "", "text": text}) for name, text in TEXTS.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    (tmp_path / "queries.jsonl").write_text(
        "\n".join(json.dumps({"_id": q, "text": t}) for q, (t, _) in ASKED.items())
    )
    rows = [f"{q}\t{doc}\t1" for q, (_, doc) in ASKED.items() if doc] + ["q3\td1\t0"]
    (tmp_path / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]))
    return tmp_path


def test_each_way_of_finding_is_measured(folder: Path, embedder: SentenceEmbedder) -> None:
    found = evaluate(folder, embedder, k=1)
    measured = {method: {m.name: (m.value, m.of) for m in means} for method, means in found.items()}
    assert set(measured) == {"fused", "dense", "bm25"}
    assert measured["fused"]["recall@1"] == (1, 2)
    assert measured["dense"]["MRR"][0] >= 0.75
    assert measured["fused"]["nDCG@1"] == (1, 2)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("corpus.jsonl", None, "cannot be read"),
        ("corpus.jsonl", '{"_id": "a"}', "line 1 is no object with _id and text"),
        ("queries.jsonl", "{", "line 1 is no JSON"),
        ("queries.jsonl", '{"text": "x"}', "line 1 is no object with _id and text"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\tmuch", "the score 'much' is no number"),
        ("qrels/test.tsv", "query-id\tscore\nq1\t1", "line 2 has no query-id, corpus-id and score"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\n", "No query of"),
    ],
)
def test_what_is_not_in_the_format_is_named(
    folder: Path, embedder: SentenceEmbedder, name: str, text: str | None, said: str
) -> None:
    (folder / name).unlink() if text is None else (folder / name).write_text(text)
    with pytest.raises(BadData, match=said):
        evaluate(folder, embedder, k=1)
