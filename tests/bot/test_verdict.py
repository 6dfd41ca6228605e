"""Brief → verdict → question, on a small book of signals whose sums can be done in the head."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.question import ENOUGH, SURE, ask, share_changed
from bot.types import RECOGNISED, Fact, ProjectBrief
from bot.verdict import Sums, conclude, decide, relevance
from knowledge.labelled import LabelledMessage
from knowledge.signals import Balance, Signal, SignalBook, Slot


def signal(name: str, slot: str, **effects: float) -> Signal:
    return Signal(
        name, slot, f"{name} holds.", (name,), {k.replace("_", "-"): v for k, v in effects.items()}, "r", "d#s"
    )


SIGNALS = [
    signal("copy", "task", prompt_engineering=2.5, fine_tuning=-0.5),
    signal("search", "task", retrieval=2.5),
    signal("none", "labels", prompt_engineering=2, fine_tuning=-3),
    signal("many", "labels", fine_tuning=3),
    signal("daily", "change", retrieval=2, fine_tuning=-2),
    signal("never", "change", fine_tuning=0.5),
    signal("live", "live", simpler_tool=3, retrieval=-1),
    signal("slow", "speed", prompt_engineering=-1),
    signal("wish", "wish"),
]
BOOK = SignalBook(
    {s.id: s for s in SIGNALS},
    {
        "task": Slot("task", "", "What is the task?", (("Write", "copy"), ("Search", "search"))),
        "labels": Slot("labels", "", "How many labels?", (("None", "none"), ("Many", "many"))),
        "change": Slot("change", "", "How often do facts change?", (("Daily", "daily"), ("Never", "never"))),
        "live": Slot("live", "", "Is it live?", (("Live", "live"),)),
        "wish": Slot("wish", "", "Is the method open?", (("Yes", "wish"),)),
    },
    "digest",
    Balance(both=1.0, constants={"ask-first": 1.5, "hybrid": -2.0}),
)


def brief(*names: str) -> ProjectBrief:
    return ProjectBrief(tuple(Fact(BOOK.signals[n].slot, n, "", f"said {n}", "said") for n in names))


DECIDED = {
    "prompt": (("copy", "none"), "prompt-engineering"),
    "retrieval": (("search", "daily"), "retrieval"),
    "tuning": (("many",), "fine-tuning"),
    "tool": (("live",), "simpler-tool"),
    "hybrid of two strong ones": (("search", "many"), "hybrid"),
    "nothing known": ((), "ask-first"),
    "only a wish": (("wish",), "ask-first"),
}


@pytest.mark.parametrize(("names", "approach"), DECIDED.values(), ids=DECIDED.keys())
def test_the_facts_add_up_to_the_approach(names: tuple[str, ...], approach: str) -> None:
    assert decide(brief(*names), BOOK).approach == approach


def test_a_wish_changes_nothing() -> None:
    assert decide(brief("copy", "none", "wish"), BOOK) == decide(brief("copy", "none"), BOOK)


def test_the_same_brief_gives_the_same_verdict_in_any_order() -> None:
    given, turned = decide(brief("copy", "none"), BOOK), decide(brief("none", "copy"), BOOK)
    assert (given.approach, given.scores) == (turned.approach, turned.scores)


def test_reasons_carry_the_persons_words_the_strongest_first() -> None:
    verdict = decide(brief("none", "copy"), BOOK)
    assert [r.you_said for r in verdict.reasons_for] == ["said copy", "said none"]


def test_reasons_against_the_chosen_approach_are_told() -> None:
    verdict = decide(brief("copy", "none", "slow"), BOOK)
    assert verdict.approach == "prompt-engineering"
    assert [r.you_said for r in verdict.reasons_against] == ["said slow"]


def test_a_hybrid_names_its_parts() -> None:
    assert set(decide(brief("search", "many"), BOOK).parts) == {"retrieval", "fine-tuning"}


def test_what_would_change_the_verdict_really_changes_it() -> None:
    given = brief("copy", "none")
    changes = conclude(given, BOOK).would_change
    assert any("fine-tuning" in change.text or "hybrid" in change.text for change in changes)
    flipped = Sums(given, BOOK).outcome_if("many")
    assert flipped == decide(brief("copy", "many"), BOOK).approach != decide(given, BOOK).approach


def test_the_question_is_the_one_whose_answers_change_most() -> None:
    known = brief("copy")
    verdict = decide(known, BOOK)
    question = ask(known, verdict, BOOK)
    shares = {
        s.name: share_changed(s, verdict, Sums(known, BOOK))
        for s in BOOK.slots.values()
        if s.name not in ("task", "wish")
    }
    assert question is not None
    assert shares[question.slot] == max(shares.values())


def test_the_task_is_asked_first() -> None:
    known = brief("never")
    question = ask(known, decide(known, BOOK), BOOK)
    assert question is not None
    assert question.slot == "task"


def test_a_reason_needs_an_effect_that_is_written_and_counts() -> None:
    """Fitting may turn an effect round; the reason's sentence would then say the opposite of what was counted."""
    turned = replace(BOOK, balance=replace(BOOK.balance, effects={"copy": {"prompt-engineering": -0.5}}))
    verdict = decide(brief("copy", "none"), turned)
    assert verdict.approach == "prompt-engineering"
    assert [r.you_said for r in (*verdict.reasons_for, *verdict.reasons_against)] == ["said none"]


def test_what_is_known_is_not_asked() -> None:
    known = brief("search", "many", "daily", "live")
    assert ask(known, decide(known, BOOK), BOOK) is None


def test_nothing_is_asked_when_no_answer_would_change_the_verdict() -> None:
    sure = replace(BOOK, slots={"change": BOOK.slots["change"]})
    known = brief("live")
    assert ask(known, decide(known, sure), sure) is None


def test_fitted_effects_take_the_place_of_the_written_ones() -> None:
    fitted = replace(BOOK, balance=replace(BOOK.balance, effects={"many": {"retrieval": 3.0}}))
    assert decide(brief("many"), BOOK).approach == "fine-tuning"
    assert max(decide(brief("many"), fitted).scores, key=lambda score: score[1])[0] == "retrieval"


def test_a_fact_that_was_hardly_recognised_counts_little() -> None:
    [sure] = brief("many").facts
    doubtful = ProjectBrief((replace(sure, probability=0.1),))
    assert decide(doubtful, BOOK).approach == "ask-first"
    assert decide(doubtful, BOOK).reasons_for == ()


def test_what_no_fact_can_be_told_for_is_not_advised() -> None:
    book = replace(BOOK, balance=Balance(both=1.0, constants={"ask-first": 1.0, "hybrid": -2.0}))
    [sure] = brief("many").facts
    told, guessed = (ProjectBrief((replace(sure, probability=p),)) for p in (RECOGNISED, RECOGNISED - 0.01))
    assert decide(told, book).approach == "fine-tuning"
    unfounded = decide(guessed, book)
    assert max(unfounded.scores, key=lambda score: score[1])[0] == "fine-tuning"
    assert (unfounded.approach, unfounded.parts, unfounded.alternatives) == ("ask-first", (), ())
    assert unfounded.confidence < 0.5
    assert ask(guessed, unfounded, book) is not None


def test_nothing_is_asked_when_the_verdict_is_sure() -> None:
    known = brief("copy", "none")
    assert decide(known, BOOK).confidence >= SURE
    assert ask(known, decide(known, BOOK), BOOK) is None


def test_two_facts_that_cannot_both_hold_are_asked_about() -> None:
    none = replace(BOOK.signals["none"], contradicts=("many",))
    book = replace(BOOK, signals={**BOOK.signals, "none": none})
    verdict = decide(brief("copy", "none", "many"), book)
    assert verdict.approach == "ask-first"
    assert verdict.contradiction is not None
    assert {fact.signal for fact in verdict.contradiction} == {"none", "many"}
    question = ask(brief("copy", "none", "many"), verdict, book)
    assert question is not None
    assert question.slot == "labels"


def test_a_contradiction_that_decides_nothing_is_let_be() -> None:
    daily = replace(BOOK.signals["daily"], contradicts=("never",))
    book = replace(BOOK, signals={**BOOK.signals, "daily": daily})
    verdict = decide(brief("copy", "none", "live", "live", "daily", "never"), book)
    assert verdict.contradiction is None


def test_who_has_told_much_is_not_asked_more() -> None:
    known = brief("search", "many")
    doubtful = replace(decide(known, BOOK), confidence=0.5)
    assert ask(known, doubtful, BOOK) is not None
    told = ProjectBrief((*known.facts, *(replace(known.facts[0], slot=f"slot {n}") for n in range(ENOUGH))))
    assert ask(told, doubtful, BOOK) is None


def test_an_undecided_verdict_always_asks() -> None:
    known = brief("wish")
    verdict = decide(known, BOOK)
    sure = replace(
        BOOK,
        slots={"change": replace(BOOK.slots["change"], options=(("Never", "wish"),)), "wish": BOOK.slots["wish"]},
    )
    assert verdict.approach == "ask-first"
    assert share_changed(sure.slots["change"], verdict, Sums(known, sure)) == 0
    assert ask(known, verdict, sure) is not None


@pytest.mark.parametrize("slot", ["labels", "live"])
def test_what_nobody_with_such_a_task_speaks_of_is_neither_asked_nor_supposed(slot: str) -> None:
    other = "none" if slot == "labels" else "live"
    told = LabelledMessage(f"copy, {other}", "prompt-engineering", (), ((0, 4, "copy"), (6, 10, other)))
    taught = replace(BOOK, messages=(told,))
    known = brief("copy")
    assert taught.told_with == {"copy": {"task": 1.0, slot: 1.0}}
    assert {c.slot for c in conclude(known, taught).would_change} == {slot}
    question = ask(known, decide(known, taught), taught)
    assert question is None or question.slot == slot
    assert relevance(brief("search"), taught) == dict.fromkeys(BOOK.slots, 1.0)
