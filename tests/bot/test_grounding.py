"""What is not word for word in its passage is taken out; the rest is numbered as it is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.grounding import Grounder, is_supported
from bot.types import Citation, Draft, Quote, Statement, Status
from knowledge.chunks import chunk_sentences, chunks
from knowledge.types import Document, Passage, Sentence, Source

TEXT = """# LoRA

## What is LoRA?

LoRA is *cheap*. [@hu2021] It trains two small
matrices. [@hu2021; @gone] It never trains 100 layers.

## What does it need?

LoRA needs one graphics card.
"""
HU = Source("hu2021", "LoRA", "Hu et al.", 2021, "https://arxiv.org/abs/2106.09685")
DOCUMENT = Document("lora", "LoRA", TEXT, sources=(HU,))
WHAT, NEED = (Passage(chunk, 0.9, 0.8, 2.0) for chunk in chunks(DOCUMENT))
CHEAP, TRAINS, NEVER = (Quote(WHAT, s) for s in chunk_sentences(WHAT.chunk))
CARD = Quote(NEED, chunk_sentences(NEED.chunk)[0])

Shown = list[tuple[Statement, Citation | None]]


def check(*drafts: Draft) -> tuple[Shown, Grounder]:
    grounder = Grounder({"lora": DOCUMENT})
    return list(grounder.check(drafts)), grounder


def test_a_verbatim_sentence_is_shown_with_its_place_and_sources() -> None:
    [(statement, citation)], _ = check(Draft("It trains two small matrices.", "lead", TRAINS))
    assert statement == Statement("It trains two small matrices.", "lead", 1)
    assert citation is not None
    assert TEXT[citation.start : citation.end] == citation.quote == "It trains two small\nmatrices."
    assert (citation.doc, citation.heading, citation.sources) == ("lora", "What is LoRA?", (HU,))


def test_what_the_person_said_travels_with_the_statement() -> None:
    [(statement, _)], _ = check(Draft("LoRA is cheap.", "reason", CHEAP, said="no budget"))
    assert (statement.said, statement.block) == ("no budget", "reason")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("LoRA is not cheap.", id="negated"),
        pytest.param("LoRA is cheap", id="without its full stop"),
        pytest.param("lora is cheap.", id="in lower case"),
        pytest.param("LoRA is cheap. Always.", id="with more"),
        pytest.param("is cheap.", id="in part"),
        pytest.param("LoRA is *cheap*.", id="with its markup"),
        pytest.param("LoRA is cheap. [@hu2021]", id="with its marker"),
        pytest.param("LoRA\u00a0is cheap.", id="with a hard space"),
        pytest.param("", id="empty"),
    ],
)
def test_altered_words_are_taken_out(text: str) -> None:
    shown, grounder = check(Draft(text, "lead", CHEAP))
    assert shown == []
    assert grounder.citations == []
    assert grounder.result()[1] == "ungrounded"


def test_a_changed_number_is_taken_out() -> None:
    assert is_supported(Draft("It never trains 100 layers.", "lead"), NEVER, DOCUMENT)
    assert not is_supported(Draft("It never trains 1000 layers.", "lead"), NEVER, DOCUMENT)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        pytest.param("LoRA trains two small matrices and is cheap.", True, id="joined"),
        pytest.param("LoRA never trains 100 layers.", True, id="pronoun resolved"),
        pytest.param("LoRA trains three small matrices.", False, id="another number"),
        pytest.param("LoRA does not train two small matrices.", False, id="negated"),
        pytest.param("LoRA trains 100 layers.", False, id="negation left out"),
        pytest.param("Full fine-tuning is expensive.", False, id="something else"),
        pytest.param("", False, id="empty"),
    ],
)
def test_other_words_must_be_supported_by_the_passage(text: str, holds: bool) -> None:
    shown, _ = check(Draft(text, "lead", TRAINS, reworded=True))
    assert bool(shown) is holds


@pytest.mark.parametrize("by", [-1, 1, 40, len(TEXT)], ids=["one back", "one on", "40 on", "beyond the end"])
def test_an_altered_place_is_taken_out(by: int) -> None:
    moved = replace(TRAINS.sentence, start=TRAINS.sentence.start + by, end=TRAINS.sentence.end + by)
    shown, _ = check(Draft("It trains two small matrices.", "lead", Quote(WHAT, moved)))
    assert shown == []


def test_a_place_before_the_passage_is_taken_out() -> None:
    """Moved back by the passage's length, a negative index would find the same words from the end."""
    by = len(WHAT.chunk.text)
    moved = replace(TRAINS.sentence, start=TRAINS.sentence.start - by, end=TRAINS.sentence.end - by)
    shown, _ = check(Draft("It trains two small matrices.", "lead", Quote(WHAT, moved)))
    assert shown == []


def test_a_sentence_of_another_passage_is_taken_out() -> None:
    shown, _ = check(Draft("LoRA needs one graphics card.", "lead", Quote(WHAT, CARD.sentence)))
    assert shown == []


def test_altered_sentence_and_text_together_are_taken_out() -> None:
    forged = replace(CHEAP.sentence, text="LoRA is free.")
    shown, _ = check(Draft("LoRA is free.", "lead", Quote(WHAT, forged)))
    assert shown == []


def test_a_passage_that_says_what_its_document_does_not_is_taken_out() -> None:
    chunk = replace(WHAT.chunk, text=WHAT.chunk.text.replace("*cheap*", "*loved*"))
    sentence = chunk_sentences(chunk)[0]
    shown, _ = check(Draft("LoRA is loved.", "lead", Quote(replace(WHAT, chunk=chunk), sentence)))
    assert shown == []


def test_a_repeated_quote_keeps_its_number_and_is_cited_once() -> None:
    drafts = [Draft("LoRA is cheap.", "lead", CHEAP), Draft("LoRA needs one graphics card.", "support", CARD)]
    shown, grounder = check(*drafts, drafts[0])
    assert [statement.citation for statement, _ in shown] == [1, 2, 1]
    assert shown[2][1] is None
    assert [c.n for c in grounder.citations] == [1, 2]


def test_a_longer_quote_from_the_same_start_has_a_citation_of_its_own() -> None:
    end = NEVER.sentence.end
    both = Sentence(TEXT[TRAINS.sentence.start : end], TRAINS.sentence.start, end)
    text = "It trains two small matrices. It never trains 100 layers."
    shown, grounder = check(
        Draft("It trains two small matrices.", "lead", TRAINS), Draft(text, "lead", Quote(WHAT, both))
    )
    assert len(shown) == 2
    assert [c.end for c in grounder.citations] == [TRAINS.sentence.end, end]


def test_numbers_follow_what_is_shown_not_what_was_drafted() -> None:
    bad = Draft("LoRA is not cheap.", "lead", CHEAP)
    shown, grounder = check(bad, Draft("LoRA needs one graphics card.", "lead", CARD))
    assert [statement.citation for statement, _ in shown] == [1]
    assert grounder.result()[0].sentences == 2


GOOD = Draft("LoRA is cheap.", "lead", CHEAP)
BAD = Draft("LoRA is free.", "support", CHEAP)
PLAIN = Draft("Hello.", "plain")


@pytest.mark.parametrize(
    ("drafts", "status", "counts"),
    [
        pytest.param([GOOD, GOOD], "grounded", (2, 2), id="all hold"),
        pytest.param([GOOD, BAD], "partly", (2, 1), id="some hold"),
        pytest.param([BAD, BAD], "ungrounded", (2, 0), id="none holds"),
        pytest.param([BAD, PLAIN], "ungrounded", (1, 0), id="plain words do not save it"),
        pytest.param([GOOD, PLAIN], "grounded", (1, 1), id="plain words claim nothing"),
        pytest.param([PLAIN], "refused", (0, 0), id="nothing claimed"),
        pytest.param([], "refused", (0, 0), id="nothing said"),
    ],
)
def test_the_status_says_how_much_holds(drafts: list[Draft], status: Status, counts: tuple[int, int]) -> None:
    _, grounder = check(*drafts)
    grounding, told = grounder.result()
    assert (told, (grounding.sentences, grounding.supported)) == (status, counts)
