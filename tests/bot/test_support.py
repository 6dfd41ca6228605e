"""Support: wording, numbers, denials, directions and names, each against the passage."""

from __future__ import annotations

import pytest

from bot.support import support

PASSAGE = (
    "In a 2024 study, Mistral-7B got 48.1% right alone, 50.4% after plain fine-tuning and 87.5% with RAG. "
    "Fine-tuning did not teach new facts reliably, while retrieval can show its sources. "
    "A tuned model answers faster, and one developer needs about 1,200 examples and two weeks."
)


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("Mistral-7B got 87.5% right with RAG in a 2024 study.", id="another order"),
        pytest.param("About 1200 examples are needed by one developer.", id="a number written otherwise"),
        pytest.param("Two weeks and 1,200 examples are needed.", id="number words"),
        pytest.param("New facts were not taught reliably by fine-tuning.", id="the same denial"),
        pytest.param("Retrieval can show sources.", id="shortened"),
    ],
)
def test_what_the_passage_says_is_supported(sentence: str) -> None:
    assert support(sentence, PASSAGE).holds


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        pytest.param("Mistral-7B got 97.5% right with RAG.", "97.5 is not", id="another number"),
        pytest.param("One developer needs about 2024 examples.", "2024 stands for", id="a number of something else"),
        pytest.param("Fine-tuning did teach new facts reliably.", "denied in the passage", id="denial left out"),
        pytest.param("Retrieval cannot show its sources.", "but not in the passage", id="denial added"),
        pytest.param("A tuned model answers slower.", "slower stands for faster", id="direction"),
        pytest.param(
            "Retrieval did not teach new facts reliably, while fine-tuning can show its sources.",
            "exchanged",
            id="names exchanged",
        ),
    ],
)
def test_what_turns_the_passage_round_is_named(sentence: str, fault: str) -> None:
    found = support(sentence, PASSAGE)
    assert not found.holds
    assert fault in " ".join(found.faults)


def test_other_words_are_not_supported() -> None:
    found = support("Prompt caching halves the bill of most chatbots.", PASSAGE)
    assert not found.holds
    assert found.score < 0.4


def test_nothing_is_supported_by_nothing() -> None:
    assert not support("", PASSAGE).holds
    assert not support("LoRA is cheap.", "").holds
