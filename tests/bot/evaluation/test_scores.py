"""Each scorer on examples computed by hand, and shown to fail when it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bot.evaluation.reply import Reply, from_json, reply_of, to_json
from bot.evaluation.scores import excerpts, measure, retrieval, score, token_recall
from tests.bot.evaluation.samples import REFUSED, place, quoted, reply

ADVICE = reply()


def alike(texts: Sequence[str]) -> Any:
    """Embeddings by which two texts are the same when they begin with the same letter."""
    return np.array([[1.0, 0.0] if t[:1].lower() == texts[0][:1].lower() else [0.0, 1.0] for t in texts])


@pytest.mark.parametrize(
    ("expect", "right", "wrong"),
    [
        ({"approach": ["prompt-engineering"]}, ADVICE, reply(approach="fine-tuning")),
        ({"not_approach": "fine-tuning"}, ADVICE, reply(approach="fine-tuning")),
        ({"parts": ["prompt-engineering"]}, ADVICE, REFUSED),
        ({"asks": True}, reply(question="When?"), ADVICE),
        ({"asks": True}, reply(approach="ask-first"), ADVICE),
        ({"asks": False}, ADVICE, reply(question="When?")),
        ({"refuses": True}, REFUSED, ADVICE),
        ({"refuses": False}, replace(REFUSED, kind="small-talk"), REFUSED),
        ({"contains": ["PROMPT  engineering", "cheap"]}, ADVICE, reply(text="Prompt engineering.")),
        ({"contains_any": ["retrieval", "prompt"]}, ADVICE, REFUSED),
        ({"contains_exactly": "Start with"}, ADVICE, reply(text="start with")),
        ({"not_contains": "sources"}, ADVICE, REFUSED),
        ({"equals": "start with prompt engineering. it is CHEAP."}, ADVICE, REFUSED),
        ({"starts_with": "start WITH"}, ADVICE, REFUSED),
        ({"regex": r"(?m)^Start .*\.$"}, ADVICE, REFUSED),
        ({"cites": ["lora"]}, ADVICE, reply(quotes=(quoted("rag#costs"),))),
        ({"not_cites": ["rag"]}, ADVICE, reply(quotes=(quoted("rag#costs"),))),
        ({"sections": ["rag#costs"]}, ADVICE, reply(found=(place("lora#costs"),))),
        ({"excerpts": [{"doc": "rag", "start": 5, "end": 9}]}, ADVICE, reply(found=(place("rag#costs", 20, 30),))),
        ({"min_support": 0.75}, ADVICE, reply(supported=2)),
        ({"max_seconds": 1}, ADVICE, reply(seconds=1.5)),
        ({"max_words": 7}, ADVICE, reply(text="one two three four five six seven eight")),
        ({"answer": "Start over"}, ADVICE, reply(text="Nothing of that kind.")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_check_passes_and_fails(expect: dict[str, Any], right: Reply, wrong: Reply) -> None:
    assert [s.passed for s in score(expect, right, alike)] == [True]
    assert [s.passed for s in score(expect, wrong, alike)] == [False]


def test_what_differs_from_run_to_run_is_in_no_score() -> None:
    one, other = reply(seconds=0.1), reply(seconds=0.2)
    expect = {"max_seconds": 1, "approach": "prompt-engineering"}
    assert score(expect, one) == score(expect, other)
    assert measure(expect, one) == measure(expect, other)


def test_the_measures_of_retrieval_are_those_computed_by_hand() -> None:
    found = retrieval(["a", "b", "c", "d"], ["b", "d", "z"], k=3)
    # DCG 1/log2(3); the ideal has three hits: 1 + 1/log2(3) + 1/2.
    assert found == pytest.approx(
        {"recall@3": 1 / 3, "precision@3": 1 / 3, "MRR": 1 / 2, "nDCG@3": 0.6309 / (1 + 0.6309 + 0.5)}, abs=1e-4
    )
    assert retrieval([], ["b"], k=3) == {"recall@3": 0, "precision@3": 0, "MRR": 0, "nDCG@3": 0}
    assert retrieval(["b"], ["b"], k=1) == {"recall@1": 1, "precision@1": 1, "MRR": 1, "nDCG@1": 1}


def test_excerpts_are_counted_in_characters() -> None:
    found = [place("rag#costs", 0, 10), place("rag#more", 8, 20)]
    spans = [{"doc": "rag", "start": 5, "end": 15}, {"doc": "lora", "start": 0, "end": 10}]
    assert excerpts(found, spans) == {"excerpt recall": 10 / 20, "excerpt precision": 10 / 20}


def test_a_word_counts_as_often_as_it_stands() -> None:
    assert token_recall("to be or not to be", "to be") == pytest.approx(2 / 6)
    assert token_recall("", "anything") == 0


def test_the_measures_of_a_reply() -> None:
    expect = {"cites": ["lora", "raft"], "sections": ["prompting#costs"], "answer": "Start with a prompt."}
    found = measure(expect, ADVICE, alike)
    assert found["quotes verbatim"] == 1
    assert found["sentences supported"] == 0.75
    assert (found["citation precision"], found["citation recall"]) == (0.5, 0.5)
    assert (found["recall@5"], found["MRR"]) == (1, 0.5)
    assert (found["token recall"], found["answer similarity"]) == (0.75, 1)
    assert found["words"] == 7


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (reply(quotes=(quoted("prompting#costs", verbatim=False),)), "quotes verbatim"),
        (reply(supported=1), "sentences supported"),
        (reply(quotes=(quoted("rag#costs"),)), "citation precision"),
        (reply(found=()), "recall@5"),
        (reply(text="Begin."), "token recall"),
    ],
    ids=["a wrong quote", "unsupported", "a wrong citation", "nothing found", "another answer"],
)
def test_what_is_made_worse_measures_worse(changed: Reply, name: str) -> None:
    expect = {"cites": ["lora"], "sections": ["prompting#costs"], "answer": "Start with a prompt."}
    assert measure(expect, changed)[name] < measure(expect, ADVICE)[name]


def test_a_swapped_number_changes_the_score() -> None:
    told = "The study found 87 percent of 202 answers right."
    expect = {"answer": "Found right: 87 percent of 202.", "contains": ["87 percent"], "regex": r"\b87\b"}
    right, swapped = reply(text=told), reply(text=told.replace("87", "78"))
    assert [s.passed for s in score(expect, right)] == [True, True, True]
    assert [s.passed for s in score(expect, swapped)[1:]] == [False, False]
    assert measure(expect, swapped)["token recall"] < measure(expect, right)["token recall"]


def test_a_swapped_number_in_a_real_quote_is_not_verbatim(consultant: Any) -> None:
    answer = consultant.ask("What did LoRA Land find?")
    n, cited = next((n, c) for n, c in enumerate(answer.citations) if any(d.isdigit() for d in c.quote))
    turned = replace(cited, quote=cited.quote.translate(str.maketrans("0123456789", "1234567890")))
    swapped = replace(answer, citations=(*answer.citations[:n], turned, *answer.citations[n + 1 :]))
    assert measure({}, reply_of(answer, 0.1))["quotes verbatim"] == 1
    assert measure({}, reply_of(swapped, 0.1))["quotes verbatim"] < 1


def test_a_reply_that_was_saved_is_the_same() -> None:
    assert from_json(to_json(ADVICE)) == ADVICE


def test_a_real_answer_becomes_a_reply(consultant: Any) -> None:
    answer = consultant.ask("We have 40,000 labelled photos and need an answer in 50 ms offline. What fits?")
    made = reply_of(answer, 0.1)
    assert made.approach == answer.verdict.approach
    assert made.quotes
    assert all(quote.verbatim for quote in made.quotes)
    assert made.cited[0] == answer.citations[0].passage.chunk.id.split(".")[0]
    broken = replace(answer, citations=(replace(answer.citations[0], quote="Something else."),))
    assert not reply_of(broken, 0.1).quotes[0].verbatim
