"""ClapNQ: are questions that the passages answer told from those they do not?

Rosenthal et al., 2024, "ClapNQ: Cohesive Long-form Answers from Passages in Natural Questions for RAG systems": real
questions in `answerable.jsonl` and `unanswerable.jsonl`, each with an `input` and its `passages`. All passages lie in
one index; a question is scored by the best that is found for it.
"""

from __future__ import annotations

from pathlib import Path

from bot.evaluation.data_files import BadData, json_lines
from bot.evaluation.statistics import Mean, auroc
from knowledge.embeddings import SentenceEmbedder
from knowledge.lexical import LexicalIndex

OURS, BASELINE = "cosine of the nearest passage", "best BM25 score"


def evaluate(folder: Path, embedder: SentenceEmbedder) -> dict[str, list[Mean]]:
    """The AUROC of the likeness that the product refuses by, and of the baseline; raises BadData."""
    asked, passages, labels = _read(folder)
    near = embedder.embed(asked) @ embedder.embed(passages).T
    lexical = LexicalIndex.build(passages)
    scores = {OURS: near.max(axis=1), BASELINE: [lexical.scores(question).max() for question in asked]}
    return {name: [auroc("AUROC", found, labels)] for name, found in scores.items()}


def _read(folder: Path) -> tuple[list[str], list[str], list[bool]]:
    """Questions, their passages with the title before the text, and whether they are answered."""
    asked, passages, labels = [], [], []
    for name in ("answerable", "unanswerable"):
        path = folder / f"{name}.jsonl"
        for row in json_lines(path, "input", "passages"):
            try:
                passages.append(f"{row['passages'][0]['title']}\n{row['passages'][0]['text']}")
            except (LookupError, TypeError) as error:
                raise BadData(f"{path}: a question has no passage with title and text. Fetch it again.") from error
            asked.append(str(row["input"]))
            labels.append(name == "answerable")
    if len(set(labels)) < 2:
        raise BadData(f"{folder} holds no questions of one of the two kinds. Fetch the files again.")
    return asked, passages, labels
