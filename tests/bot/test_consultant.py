"""The ask path as a whole, over the real corpus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot import assemble
from bot.consultant import AnswerStream, Consultant
from bot.errors import BadQuestion
from bot.queries import MAX_CHARACTERS
from bot.settings import Settings, read_settings
from bot.types import Answer, Citation, Message, Statement
from knowledge.errors import NoIndex
from knowledge.recogniser import Recogniser, Vector

PROJECT = "We are six people, need product texts for three shops next week, no labelled data. Should we fine-tune?"


def ids(answer: Answer) -> list[tuple[str, int]]:
    return [(citation.doc, citation.start) for citation in answer.citations]


def test_a_stream_gives_the_statements_of_its_answer(consultant: Consultant) -> None:
    stream = consultant.stream(PROJECT)
    pieces = list(stream)
    assert tuple(statement for statement, _ in pieces) == stream.answer.statements
    assert tuple(citation for _, citation in pieces if citation) == stream.answer.citations


def test_a_stream_replays_what_came(consultant: Consultant) -> None:
    stream = consultant.stream(PROJECT)
    first = list(stream)
    assert len(first) >= 3
    assert list(stream) == first
    assert stream.answer is stream.answer


def test_a_stream_that_was_left_in_the_middle_goes_on(consultant: Consultant) -> None:
    stream = consultant.stream(PROJECT)
    first = next(iter(stream))
    assert stream.answer.statements[0] == first[0]
    assert [statement for statement, _ in stream] == list(stream.answer.statements)


def test_two_readers_of_one_stream_both_hear_all() -> None:
    pieces: list[tuple[Statement, None]] = [(Statement(word, "plain"), None) for word in ("one", "two", "three")]
    stream = AnswerStream(iter([*pieces, Answer((), "refused")]))
    reader = iter(stream)
    heard = [next(reader)]
    assert list(stream) == pieces
    assert heard + list(reader) == pieces


def test_a_stream_that_failed_says_why_each_time_it_is_read() -> None:
    def fail() -> Iterator[tuple[Statement, Citation | None] | Answer]:
        yield Statement("one", "plain"), None
        raise NoIndex("There is no index.")

    stream = AnswerStream(fail())
    for _ in range(2):
        with pytest.raises(NoIndex):
            _ = stream.answer


def test_each_citation_comes_with_the_statement_that_cites_it_first(consultant: Consultant) -> None:
    for statement, citation in consultant.stream(PROJECT):
        assert citation is None or citation.n == statement.citation


def test_the_same_question_has_the_same_answer(consultant: Consultant) -> None:
    first, second = consultant.ask(PROJECT), consultant.ask(PROJECT)
    assert first.statements == second.statements
    assert first.citations == second.citations


def test_an_answer_says_how_it_was_made(consultant: Consultant) -> None:
    answer = consultant.ask(PROJECT)
    assert (answer.model, answer.prompt.id, len(answer.prompt.version)) == ("quoting", "quoting", 8)
    assert answer.generation == consultant.retriever.home.current().name
    assert 0 <= answer.timings_ms["retrieve"] <= answer.timings_ms["first_text"] <= answer.timings_ms["total"]


def test_citations_name_the_studies_behind_them(consultant: Consultant) -> None:
    sources = [source for c in consultant.ask("What is LoRA?").citations for source in c.sources]
    assert any("Hu et al." in source.authors for source in sources)
    assert all(source.url.startswith("https://") for source in sources)


def test_a_bad_question_fails_before_anything_is_shown(consultant: Consultant) -> None:
    with pytest.raises(BadQuestion):
        consultant.stream(" ")


def test_without_an_index_the_next_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoIndex, match="consultant ingest"):
        assemble.consultant(read_settings(home=tmp_path)).ask("What is LoRA?")


@pytest.mark.parametrize("word", ["Hello", "Thanks!"])
def test_small_talk_is_answered_without_sources(consultant: Consultant, word: str) -> None:
    answer = consultant.ask(word)
    assert (len(answer.statements), answer.citations, answer.passages) == (1, (), ())
    assert "project" in answer.statements[0].text


def test_as_much_as_may_be_asked_is_answered(consultant: Consultant) -> None:
    message = "We have no labels and two weeks. ".ljust(MAX_CHARACTERS - 30, "w") + " Should we fine-tune?"
    assert consultant.ask(message).statements


@pytest.mark.parametrize(
    ("before", "question", "doc"),
    [
        pytest.param("What is LoRA?", "How much memory does it need?", "lora", id="memory of LoRA"),
        pytest.param("What is DPO?", "When does it fail?", "preference-tuning", id="failure of DPO"),
        pytest.param(
            "What is RAG?", "How do I start with it?", "retrieval-augmented-generation", id="start with RAG"
        ),
    ],
)
def test_a_follow_up_is_about_what_was_asked_before(
    consultant: Consultant, before: str, question: str, doc: str
) -> None:
    history = [Message("user", before), Message("assistant", "…")]
    assert doc in {citation.doc for citation in consultant.ask(question, history).citations[:2]}


def test_a_follow_up_that_says_nothing_alone_is_understood(consultant: Consultant) -> None:
    history = [Message("user", "Should I use structured output for invoices?"), Message("assistant", "…")]
    assert consultant.ask("And with handwriting?").status == "refused"
    assert consultant.ask("And with handwriting?", history).status == "grounded"


def test_a_question_that_stands_alone_is_not_bent_by_the_one_before(consultant: Consultant) -> None:
    history = [Message("user", "What is LoRA?"), Message("assistant", "…")]
    assert ids(consultant.ask(PROJECT, history)) == ids(consultant.ask(PROJECT))


def test_many_may_ask_at_once(consultant: Consultant) -> None:
    history = [Message("user", "What is LoRA?")]
    turns = [(PROJECT, []), ("How much memory does it need?", history), ("What is RAG?", [])] * 8
    alone = [ids(consultant.ask(*turn)) for turn in turns[:3]] * 8
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda turn: ids(consultant.ask(*turn)), turns)) == alone


def test_the_first_questions_may_come_at_once(settings: Settings) -> None:
    """A fresh server loads the model while its first visitors ask."""
    fresh = assemble.consultant(settings)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(fresh.ask, ["What is LoRA?"] * 4))
    assert {answer.status for answer in answers} == {"grounded"}
    fresh.retriever.generation().close()


def heard(consultant: Consultant, message: str) -> str:
    """What the person gets to read, of which the words quoted back must be theirs."""
    try:
        answer = consultant.ask(message)
    except BadQuestion as error:
        return str(error)
    assert all(statement.said in message for statement in answer.statements)
    return answer.statements[0].text


def test_hostile_strings_are_answered_or_turned_down_in_one_line(consultant: Consultant, shared: Path) -> None:
    strings = json.loads((shared / "data" / "strings" / "naughty.json").read_text(encoding="utf-8"))
    lines = [heard(consultant, string) for string in strings]
    assert len(lines) == 515
    assert all(re.fullmatch(r"[\"A-Z][^\n]{10,400}\.", line) for line in lines)


def test_each_message_of_a_conversation_is_read_once(consultant: Consultant, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[str]] = []
    scores = Recogniser.scores

    def noted(self: Recogniser, texts: Sequence[str], vectors: Vector) -> Vector:
        read.append(list(texts))
        return scores(self, texts, vectors)

    monkeypatch.setattr(Recogniser, "scores", noted)
    history = [Message("user", f"We have {n} mails with labels.") for n in range(3)]
    first = consultant.ask("Should we fine-tune now?", history).brief
    assert len(read) == 4
    assert consultant.ask("Should we fine-tune now?", history).brief == first
    assert len(read) == 4
