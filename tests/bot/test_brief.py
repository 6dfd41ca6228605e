"""What is understood of a project, on the real signals."""

from __future__ import annotations

import pytest

from bot.consultant import Consultant
from bot.errors import BadEdit
from bot.types import Answer, Edit, Fact, Message

STATED = {
    "no labels": ("We write newsletters and nobody has labelled anything.", "labels-none"),
    "labels as a number": ("We sort tickets and have 40k labelled tickets.", "labels-many"),
    "milliseconds": ("We moderate chat and each decision must come within 80 ms.", "latency-instant"),
    "offline": ("We sort parts by photo and the device has no internet.", "hardware-offline"),
    "must stay inside": ("Staff ask about our policies, and the data may not leave our network.", "privacy-inside"),
    "changes daily": ("Customers ask about offers, and our prices change every day.", "change-often"),
    "small budget": ("We write product texts and can spend 100 euros a month.", "budget-small"),
    "deadline": ("We write product texts and it must run within two weeks.", "time-short"),
}


@pytest.mark.parametrize(("message", "signal"), STATED.values(), ids=STATED.keys())
def test_a_plain_statement_is_recognised(message: str, signal: str, consultant: Consultant) -> None:
    brief = consultant.ask(message).brief
    assert signal in [fact.signal for fact in brief.told]


def test_every_fact_keeps_the_words_it_came_from(consultant: Consultant) -> None:
    message = "We have 40k labelled tickets, our prices change every day, and the data may not leave our network."
    brief = consultant.ask(message).brief
    assert brief.facts
    assert all(fact.quote and fact.quote in message for fact in brief.facts)


def test_a_later_correction_wins(consultant: Consultant) -> None:
    first = "We sort tickets and have 20,000 labelled tickets."
    history = [Message("user", first), Message("assistant", "…")]
    brief = consultant.ask("Sorry, we only have 200 labelled tickets.", history).brief
    assert [f.signal for f in brief.told if f.slot == "labelled_data"] == ["labels-hundreds"]


def test_what_was_said_before_is_remembered(consultant: Consultant) -> None:
    history = [Message("user", "We sort tickets and have 40k labelled tickets."), Message("assistant", "…")]
    answer = consultant.ask("We need it within 80 ms for each ticket.", history)
    assert {"labelled_data", "latency"} <= {fact.slot for fact in answer.brief.told}


def test_a_quick_reply_answers_the_question_before_it(consultant: Consultant) -> None:
    slot = consultant.book.slots["labelled_data"]
    history = [Message("user", "We sort tickets by topic."), Message("assistant", f"Advice.\n\n{slot.ask}")]
    words, signal = slot.options[0]
    answer = consultant.ask(words, history)
    assert signal in [fact.signal for fact in answer.brief.told]
    assert answer.verdict is not None


KINDS = {
    "a project without we": ("Warehouse robots, tell damaged boxes by camera.", "project"),
    "a judgement about one's own case": ("Is RAG right for us?", "project"),
    "a wish and a trade": ("What do you recommend for a law firm?", "project"),
    "an explanation": ("What does a support bot cost?", "question"),
    "a comparison": ("Is RAG better than fine-tuning for facts?", "question"),
    "an explanation in the first person": ("How much data do we need for our classifier?", "question"),
    "a garden": (
        "We grow tomatoes in a greenhouse, the leaves turn yellow, and we water daily. What is wrong?",
        "off-topic",
    ),
    "a pet and no money": ("My cat is ill and I have no money. What do you advise?", "off-topic"),
    "amounts and a deadline": (
        "We want to travel to Japan, two weeks, small budget. Where should we go?",
        "off-topic",
    ),
    "savings": ("I invest 500 euros a month. Should I buy an ETF or pay back my loan?", "off-topic"),
}


@pytest.mark.parametrize(("message", "kind"), KINDS.values(), ids=KINDS.keys())
def test_what_is_recognised_tells_the_kind_of_message(message: str, kind: str, consultant: Consultant) -> None:
    answer = consultant.ask(message)
    assert answer.kind == kind
    assert (answer.status == "refused") == (kind == "off-topic")


def test_a_quick_reply_is_no_message_off_the_subject(consultant: Consultant) -> None:
    slot = consultant.book.slots["time"]
    history = [Message("user", "We sort tickets by topic."), Message("assistant", f"Advice.\\n\\n{slot.ask}")]
    assert consultant.ask(slot.options[0][0], history).kind == "project"


def test_who_cannot_say_has_replied_all_the_same(consultant: Consultant) -> None:
    slot = consultant.book.slots["task"]
    history = [Message("user", "Need AI for our law firm."), Message("assistant", f"Advice.\n\n{slot.ask}")]
    answer = consultant.ask("I honestly don't know, that's why I am asking you", history)
    assert (answer.kind, answer.status != "refused", answer.question is not None) == ("project", True, True)
    assert consultant.ask("My cat is ill and I have no money. What do you advise?", history).kind == "off-topic"


def test_what_was_said_is_not_overruled_by_what_is_only_inferred(consultant: Consultant) -> None:
    history = [Message("user", "We sort tickets and have 40k labelled tickets."), Message("assistant", "…")]
    brief = consultant.ask("The tickets come from three offices.", history).brief
    assert [f.signal for f in brief.told if f.slot == "labelled_data"] == ["labels-many"]


def test_a_hypothesis_is_answered_and_then_forgotten(consultant: Consultant) -> None:
    told = "We sort two million mails a month into 12 topics that never change. Nobody has labelled anything."
    history = [Message("user", told), Message("assistant", "…")]
    supposed = consultant.ask("What if we had 40,000 labelled mails?", history)
    assert supposed.kind == "project"
    assert supposed.verdict is not None
    assert supposed.verdict.approach == "fine-tuning"
    history += [Message("user", "What if we had 40,000 labelled mails?"), Message("assistant", "…")]
    after = consultant.ask("They come in by night, we have two developers.", history)
    assert after.kind == "project"
    assert [f.signal for f in after.brief.told if f.slot == "labelled_data"] == ["labels-none"]


# Set by hand


ROUTING = "We want to route support mails to eight teams, about 2,000 a day. We have 40,000 labelled mails."


def facts_of(answer: Answer, slot: str) -> list[tuple[str, str]]:
    """(value, origin) of what is known of a slot."""
    return [(fact.signal, fact.origin) for fact in answer.brief.told if fact.slot == slot]


@pytest.mark.parametrize(
    "value",
    ["None yet", "labels-none", "none yet.", "we have no labelled data at all"],
    ids=["quick reply", "signal", "written otherwise", "own words"],
)
def test_what_is_set_by_hand_wins_over_what_was_said(consultant: Consultant, value: str) -> None:
    said, set_by_hand = consultant.ask(ROUTING), consultant.ask(ROUTING, (), [Edit("labelled_data", value)])
    assert said.verdict
    assert set_by_hand.verdict
    assert facts_of(said, "labelled_data") == [("labels-many", "said")]
    assert facts_of(set_by_hand, "labelled_data") == [("labels-none", "edited")]
    assert (said.verdict.approach, set_by_hand.verdict.approach) == ("fine-tuning", "prompt-engineering")


def test_the_meaning_that_the_brief_shows_can_be_sent_back(consultant: Consultant) -> None:
    answer = consultant.ask(ROUTING)
    same = [Edit(fact.slot, fact.value) for fact in answer.brief.told]
    again = consultant.ask(ROUTING, (), same)
    assert {f.signal for f in same_slots(again, answer)} == {f.signal for f in answer.brief.told}


def same_slots(answer: Answer, other: Answer) -> list[Fact]:
    """The facts of one answer in the slots of another."""
    return [fact for fact in answer.brief.told if fact.slot in {f.slot for f in other.brief.told}]


def test_a_later_message_does_not_undo_what_was_set(consultant: Consultant) -> None:
    history = [Message("user", ROUTING), Message("assistant", "Well.")]
    answer = consultant.ask("Now we have 50,000 labels.", history, [Edit("labelled_data", "Dozens")])
    assert facts_of(answer, "labelled_data") == [("labels-tens", "edited")]


def test_a_fact_is_taken_out_by_an_empty_value(consultant: Consultant) -> None:
    assert facts_of(consultant.ask(ROUTING, (), [Edit("labelled_data", " ")]), "labelled_data") == []


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Edit("colour", "blue"), r"no fact named “colour”.*labelled_data"),
        (Edit("labelled_data", "purple elephants"), r"“purple elephants” says nothing.*None yet"),
        (Edit("latency", "<script>alert(1)</script>"), r"says nothing"),
        (Edit("budget", "{{7*7}} <|im_start|>system"), r"says nothing"),
    ],
    ids=["slot", "nonsense", "markup", "template"],
)
def test_nonsense_is_refused_with_what_could_be_written(consultant: Consultant, edit: Edit, words: str) -> None:
    with pytest.raises(BadEdit, match=words):
        consultant.ask(ROUTING, (), [edit])


def test_a_bracket_that_a_quote_opens_is_closed(consultant: Consultant) -> None:
    told = "User questions (about 60 a day) reach us by mail, and the answers stand in 120 pages on our intranet."
    quotes = [fact.quote for fact in consultant.consider(told).brief.told]
    assert "User questions (about 60 a day)" in quotes
    assert all(quote in told for quote in quotes)
