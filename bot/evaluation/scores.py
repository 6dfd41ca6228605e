"""Scorers: pure functions (what is expected, reply) → checks that pass or fail, and measures between 0 and 1 or more.

Texts are compared after NFKC, case and white space are made uniform. The measures of retrieval are the field's own
(Manning, Raghavan & Schütze, 2008, "Introduction to Information Retrieval", chapter 8), those of tokens SQuAD's
(Rajpurkar et al., 2016).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.evaluation.reply import Place, Reply
from knowledge.reading import reading_ease

Embed = Callable[[Sequence[str]], Any]
# How alike (cosine) an answer must be to the reference, or which share of its words it must hold, to pass.
SIMILAR, RECALLED = 0.6, 0.6


@dataclass(frozen=True)
class Score:
    """One check of one answer; `found` says what the answer held, `weight` what it counts in the case."""

    check: str
    passed: bool
    expected: str
    found: str
    weight: float = 1.0


def score(
    expect: Mapping[str, Any], reply: Reply, embed: Embed | None = None, weights: Mapping[str, float] | None = None
) -> tuple[Score, ...]:
    """Every check that the expectations name, in their order; `embed` is needed for `answer` alone."""
    return tuple(_score(name, value, reply, embed, (weights or {}).get(name, 1.0)) for name, value in expect.items())


def measure(expect: Mapping[str, Any], reply: Reply, embed: Embed | None = None) -> dict[str, float]:
    """What can be measured of a reply: always how much is supported and how it reads, the rest where the case names
    the sections or the excerpts that answer it, the documents to cite, or a reference answer."""
    found = {
        "quotes verbatim": _share([quote.verbatim for quote in reply.quotes]),
        "words": float(len(reply.text.split())),
        "reading ease": round(reading_ease(reply.text), 2),
    }
    if reply.sentences:
        found["sentences supported"] = reply.supported / reply.sentences
    if gold := _many(expect.get("cites", [])):
        cited = {quote.place.doc for quote in reply.quotes}
        found["citation precision"] = len(cited & set(gold)) / len(cited) if cited else 0.0
        found["citation recall"] = len(cited & set(gold)) / len(set(gold))
    if gold := _many(expect.get("sections", [])):
        found |= retrieval([place.section for place in reply.found], gold)
    if spans := expect.get("excerpts"):
        found |= excerpts(reply.found, spans)
    if isinstance(reference := expect.get("answer"), str):
        found["token recall"] = token_recall(reference, reply.text)
        if embed:
            found["answer similarity"] = round(similarity(reference, reply.text, embed), 4)
    return {name: round(value, 4) for name, value in found.items()}


def retrieval(found: Sequence[str], gold: Sequence[str], *, k: int = 5) -> dict[str, float]:
    """recall@k, precision@k, MRR and nDCG@k of a ranked list, every one of `gold` being as good as another.

    >>> retrieval(["b", "a", "c"], ["a", "z"], k=2)
    {'recall@2': 0.5, 'precision@2': 0.5, 'MRR': 0.5, 'nDCG@2': 0.38685280723454163}
    """
    ranked = list(dict.fromkeys(found))
    hits = [name in gold for name in ranked]
    ideal = sum(1 / math.log2(n + 2) for n in range(min(k, len(set(gold)))))
    return {
        f"recall@{k}": sum(hits[:k]) / len(set(gold)),
        f"precision@{k}": sum(hits[:k]) / k,
        "MRR": next((1 / n for n, hit in enumerate(hits, 1) if hit), 0.0),
        f"nDCG@{k}": sum(hit / math.log2(n + 2) for n, hit in enumerate(hits[:k])) / ideal,
    }


def excerpts(found: Sequence[Place], spans: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of the excerpts' characters that was retrieved, and the share of what was retrieved that is theirs.

    Smith & Troynikov, 2024, "Evaluating Chunking Strategies for Retrieval". Each span has `doc`, `start` and `end`.
    """
    wanted = {(s["doc"], i) for s in spans for i in range(int(s["start"]), int(s["end"]))}
    got = {(place.doc, i) for place in found for i in range(place.start, place.end)}
    return {
        "excerpt recall": len(wanted & got) / len(wanted) if wanted else 1.0,
        "excerpt precision": len(wanted & got) / len(got) if got else 0.0,
    }


def token_recall(reference: str, text: str) -> float:
    """The share of the reference's words that the text holds, each as often as there.

    >>> token_recall("Start with a prompt.", "A prompt will do.")
    0.5
    """
    wanted, there = (Counter(re.findall(r"\w+", normal(t))) for t in (reference, text))
    return sum((wanted & there).values()) / max(1, sum(wanted.values()))


def similarity(reference: str, text: str, embed: Embed) -> float:
    """The cosine of the embeddings of two texts."""
    one, other = embed([reference, text])
    return float(np.dot(one, other))


def normal(text: str) -> str:
    """Text made uniform for comparing.

    >>> normal("Fine-Tuning  is\\nＯＫ")
    'fine-tuning is ok'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _score(name: str, value: Any, reply: Reply, embed: Embed | None, weight: float) -> Score:
    base = name.removeprefix("not_")
    if base == "answer":
        found, passed = _answer(value, reply, embed)
    else:
        found, passed = CHECKS[base](value, reply)
    return Score(name, passed != name.startswith("not_"), _told(value), found, weight)


def _approach(value: Any, reply: Reply) -> tuple[str, bool]:
    return reply.approach, reply.approach in _many(value)


def _parts(value: Any, reply: Reply) -> tuple[str, bool]:
    return ", ".join(reply.parts), set(reply.parts) == set(value)


def _asks(value: Any, reply: Reply) -> tuple[str, bool]:
    return str(reply.asks), reply.asks is value


def _refuses(value: Any, reply: Reply) -> tuple[str, bool]:
    return reply.status, reply.refuses is value


def _contains(value: Any, reply: Reply) -> tuple[str, bool]:
    missing = [words for words in _many(value) if normal(words) not in normal(reply.text)]
    return f"without {missing}" if missing else "all", not missing


def _contains_any(value: Any, reply: Reply) -> tuple[str, bool]:
    there = [words for words in _many(value) if normal(words) in normal(reply.text)]
    return str(there), bool(there)


def _contains_exactly(value: Any, reply: Reply) -> tuple[str, bool]:
    missing = [words for words in _many(value) if words not in reply.text]
    return f"without {missing}" if missing else "all", not missing


def _equals(value: Any, reply: Reply) -> tuple[str, bool]:
    return reply.text[:80], normal(str(value)) == normal(reply.text)


def _starts_with(value: Any, reply: Reply) -> tuple[str, bool]:
    return reply.text[:80], normal(reply.text).startswith(normal(str(value)))


def _regex(value: Any, reply: Reply) -> tuple[str, bool]:
    match = re.search(value, reply.text)
    return match.group()[:80] if match else "no match", match is not None


def _cites(value: Any, reply: Reply) -> tuple[str, bool]:
    cited = {quote.place.doc for quote in reply.quotes}
    return ", ".join(sorted(cited)), bool(cited & set(_many(value)))


def _sections(value: Any, reply: Reply) -> tuple[str, bool]:
    found = [place.section for place in reply.found]
    return ", ".join(found), bool(set(found) & set(_many(value)))


def _excerpts(value: Any, reply: Reply) -> tuple[str, bool]:
    recall = excerpts(reply.found, value)["excerpt recall"]
    return f"{recall:.2f}", recall > 0


def _support(value: Any, reply: Reply) -> tuple[str, bool]:
    rate = reply.supported / reply.sentences if reply.sentences else 0.0
    return f"{rate:.2f}", rate >= value


def _seconds(value: Any, reply: Reply) -> tuple[str, bool]:
    # The time itself would make no two runs alike.
    return "in time" if reply.seconds <= value else "late", reply.seconds <= value


def _words(value: Any, reply: Reply) -> tuple[str, bool]:
    return str(len(reply.text.split())), len(reply.text.split()) <= value


def _answer(value: Any, reply: Reply, embed: Embed | None) -> tuple[str, bool]:
    recalled = token_recall(value, reply.text)
    alike = similarity(value, reply.text, embed) if embed else 0.0
    return f"similarity {alike:.2f}, token recall {recalled:.2f}", alike >= SIMILAR or recalled >= RECALLED


CHECKS: dict[str, Callable[[Any, Reply], tuple[str, bool]]] = {
    "approach": _approach,
    "parts": _parts,
    "asks": _asks,
    "refuses": _refuses,
    "contains": _contains,
    "contains_any": _contains_any,
    "contains_exactly": _contains_exactly,
    "equals": _equals,
    "starts_with": _starts_with,
    "regex": _regex,
    "cites": _cites,
    "sections": _sections,
    "excerpts": _excerpts,
    "min_support": _support,
    "max_seconds": _seconds,
    "max_words": _words,
}


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _many(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(v) for v in value]


def _share(told: Sequence[bool]) -> float:
    return sum(told) / len(told) if told else 1.0
