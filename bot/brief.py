"""Messages → ProjectBrief: what the person said of the project, each fact with the words it came from.

The recogniser scores every clause for every signal of knowledge/signals.yaml; a signal is as probable as its best
clause makes it. The verdict adds all of them up, each by its probability; what is shown is `ProjectBrief.told`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from bot.errors import BadEdit
from bot.queries import is_question
from bot.types import RECOGNISED, SAID, Edit, Fact, Kind, Origin, ProjectBrief, Queries
from knowledge.clauses import Clause
from knowledge.recogniser import Recogniser, Vector
from knowledge.signals import SignalBook, Slot

Embed = Callable[[Sequence[str]], Vector]
# What is set by hand is a phrase, in characters.
LONGEST_EDIT = 200
# How probable it must be that a message without a word of the field tells of a system to build.
TELLS = 0.5
# What is less probable counts for nothing.
LEAST = 0.02
_HYPOTHESIS = re.compile(
    r"(?:(?:and|but|so)\s+)?(?:what if|suppose|imagine|assuming|if (?:we|i|they) (?:had|could|would|got))\b", re.I
)


# Anybody may say these of anything; they do not tell of a system to build.
_OF_ANYTHING = frozenset({"context", "team", "budget", "time", "hardware", "wish", "error_cost", "accuracy"})
_FIELD = re.compile(
    r"\b(?:a\.?i\.?|(?:chat ?)?gpt\S*|llms?|(?:chat ?)?bots?|assistants?|models?|prompt\w*|fine[- ]?tun\w*|rag|"
    r"retriev\w*|lora|sft|embedding\w*|vectors?|machine learning|agents?|classif\w*|automat\w*|build|tools?|"
    r"software|moderat\w*|gpu servers?)\b",
    re.I,
)

# Who was asked and cannot say has answered, in however many words.
_CANNOT_SAY = re.compile(
    r"\b(?:(?:don['’]?t|do not|wouldn['’]?t) (?:really |even )?know|no idea|not sure|can['’]?t say)\b", re.I
)
_FOR_SOMEBODY = re.compile(r"\b(?:we|us|our|my|for an?)\b", re.I)
_ASKS_FOR_ADVICE = re.compile(r"\bwhat (?:do|would|can) you (?:recommend|advise|suggest)\b", re.I)
# Also who asks for leave: "Can I use ChatGPT's output?" tells of no project.
_ASKS_TO_EXPLAIN = re.compile(
    r"\W*(?:(?:and|so|but)\s+)?(?:how|what|which|why|when|where|who|may (?:i|we)|(?:am|are) (?:i|we) allowed|"
    r"can (?:i|we) (?:use|keep|send|still|trust|sell|rely)|is it (?:legal|allowed|safe|true|possible))\b",
    re.I,
)


def added(earlier: ProjectBrief, said: Sequence[Fact], book: SignalBook) -> ProjectBrief:
    """The brief after one more message: what it says replaces what was said of the same slot before."""
    before, now = _by_slot(earlier.facts), _by_slot(said)
    facts = [fact for slot in book.slots for fact in _latest(before.get(slot, []), now.get(slot, []))]
    return ProjectBrief(tuple(facts))


def edited(
    brief: ProjectBrief, edits: Sequence[Edit], book: SignalBook, recogniser: Recogniser, embed: Embed
) -> ProjectBrief:
    """The brief with what the person set by hand in place of what was read; raises BadEdit."""
    facts = {slot: list(found) for slot, found in _by_slot(brief.facts).items()}
    for edit in edits:
        if edit.slot not in book.slots:
            raise BadEdit(f"There is no fact named “{edit.slot}”. Use one of: {', '.join(book.slots)}.")
        value = " ".join(edit.value.split())[:LONGEST_EDIT]
        facts[edit.slot] = [_meant(book.slots[edit.slot], value, book, recogniser, embed)] if value else []
    return ProjectBrief(tuple(fact for slot in book.slots for fact in facts.get(slot, [])))


def _meant(slot: Slot, value: str, book: SignalBook, recogniser: Recogniser, embed: Embed) -> Fact:
    """The fact of a slot that a value names, by its quick reply or its meaning, or else says in other words."""
    known = {words.casefold(): signal for words, signal in slot.options}
    of_slot = [signal for signal in book.signals.values() if signal.slot == slot.name]
    for signal in of_slot:
        known |= {signal.id: signal.id, signal.means.casefold(): signal.id}
    name = known.get(value.casefold().rstrip(" .!"), known.get(value.casefold()))
    if name is None:
        scores = recogniser.scores([value], embed([value]))[0]
        best = max(of_slot, key=lambda signal: scores[recogniser.signals.index(signal.id)])
        if scores[recogniser.signals.index(best.id)] < SAID:
            replies = ", ".join(words for words, _ in slot.options) or ", ".join(s.means for s in of_slot[:5])
            raise BadEdit(f"“{value}” says nothing that I understand of this: {slot.means} Write one of: {replies}.")
        name = best.id
    return Fact(slot.name, name, book.signals[name].means, value, "edited")


def kind_of(queries: Queries, brief: ProjectBrief) -> Kind:
    """What kind of message it is, now that it is known what it states.

    A message that tells of a system to build is about a project, even without "we", and so is "Is fine-tuning right
    for us?" and "What if we had labels?"; one that tells of the person alone, in none of the field's words, is
    about something else.
    """
    if queries.kind == "small-talk":
        return "small-talk"
    if queries.kind == "reply":
        return "project"
    said = [fact for fact in brief.told if fact.quote in queries.message]
    of_system = _of_system(said)
    # "Recommend me a novel" means a task a little; only who speaks of such systems means it by that.
    tells = of_system >= (RECOGNISED if _FIELD.search(queries.message) else TELLS)
    advice = _ASKS_FOR_ADVICE.search(queries.message) is not None
    wishes = advice or any(fact.slot == "wish" for fact in said)
    if queries.kind == "project":
        # Once a project is on the table, the team or the time are said of it.
        adds = bool(said) and _of_system(brief.told) >= TELLS
        return "project" if tells or adds or _FIELD.search(queries.message) else "off-topic"
    states = any(not is_question(clause.text) for clause in queries.clauses)
    personal = _FOR_SOMEBODY.search(queries.message) and (advice or not _ASKS_TO_EXPLAIN.match(queries.message))
    supposes = _HYPOTHESIS.match(queries.message) is not None
    return "project" if (tells or wishes) and (states or personal or supposes) else "question"


def _of_system(facts: Sequence[Fact]) -> float:
    """How much facts tell of a system to build, by their probabilities."""
    return sum(fact.probability for fact in facts if fact.slot not in _OF_ANYTHING)


def _quoted(clause: Clause, message: str) -> str:
    """A clause as the person wrote it; one that ends before a bracket that it opened is quoted with the bracket."""
    open_one = clause.text.count("(") > clause.text.count(")")
    return message[clause.start : clause.end + (open_one and message[clause.end : clause.end + 1] == ")")]


def _by_slot(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    found: defaultdict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        found[fact.slot].append(fact)
    return found


def _latest(before: list[Fact], now: list[Fact]) -> list[Fact]:
    """What holds of a slot: what is said now, else what was said before, else what is inferred from either."""
    if any(fact.origin == "said" for fact in now):
        return now
    if any(fact.origin == "said" for fact in before):
        return before
    best: dict[str, Fact] = {}
    for fact in [*before, *now]:
        if fact.signal not in best or fact.probability > best[fact.signal].probability:
            best[fact.signal] = fact
    return sorted(best.values(), key=lambda fact: -fact.probability)


def asked_slot(said: str, book: SignalBook) -> Slot | None:
    """The slot that the consultant's last turn asked for; the turn ends in the question, word for word."""
    return next((slot for slot in book.slots.values() if said.rstrip().endswith(slot.ask)), None)


def is_reply(queries: Queries, asked: Slot | None, book: SignalBook) -> bool:
    """Whether a message answers what was asked the turn before, though it says little or nothing by itself."""
    if quick_reply(queries.message, asked, book):
        return True
    short = queries.kind == "question" or _CANNOT_SAY.search(queries.message) is not None
    return asked is not None and short and "?" not in queries.message


def quick_reply(message: str, asked: Slot | None, book: SignalBook) -> list[Fact]:
    """The fact that a quick reply states, when the message is one."""
    for words, signal_id in asked.options if asked else ():
        if message.casefold().strip(" .!") == words.casefold():
            signal = book.signals[signal_id]
            return [Fact(signal.slot, signal.id, signal.means, message, "said")]
    return []


def stated(
    queries: Queries, vectors: Vector, book: SignalBook, recogniser: Recogniser, *, latest: bool
) -> list[Fact]:
    """The signals that are probable at all, the most probable first, each with the clause that means it most.

    `vectors` has a row for each clause, `recogniser` knows the book's signals. A hypothesis ("what if we had
    labels?") counts in the `latest` message and is then forgotten.
    """
    clauses = [
        (clause, vector)
        for clause, vector in zip(queries.clauses, vectors, strict=True)
        if latest or not _HYPOTHESIS.match(clause.text)
    ]
    if not clauses:
        return []
    scores = recogniser.scores([clause.text for clause, _ in clauses], np.stack([vector for _, vector in clauses]))
    best, most = scores.argmax(axis=0), scores.max(axis=0)
    found = []
    for column in np.argsort(-most, kind="stable"):
        probability = float(most[column])
        if probability < LEAST:
            break
        signal = book.signals[recogniser.signals[column]]
        origin: Origin = "said" if probability >= SAID else "inferred"
        words = _quoted(clauses[best[column]][0], queries.message)
        found.append(Fact(signal.slot, signal.id, signal.means, words, origin, round(probability, 4)))
    return found
