"""The vocabulary of this room: frozen values from message to answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from knowledge.clauses import Clause
from knowledge.types import Passage, Sentence, Source

Role = Literal["user", "assistant"]
Status = Literal["grounded", "partly", "ungrounded", "refused"]
Origin = Literal["said", "inferred", "edited"]
Approach = Literal["prompt-engineering", "retrieval", "fine-tuning", "hybrid", "simpler-tool", "ask-first"]
# A reply answers what was asked the turn before; once read, it is part of a project.
Kind = Literal["project", "question", "reply", "small-talk", "off-topic"]
# A restart takes back what was shown before it: another writer begins anew.
Block = Literal["lead", "support", "reason", "against", "change", "step", "cell", "question", "plain", "restart"]

# How probable a fact must be to be shown or given as a reason; what is less probable than SAID is inferred.
RECOGNISED, SAID = 0.2, 0.3
# Slots of which several signals may hold at once.
_MANY = {"task": 3, "tried": 2, "feedback": 2}


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class Fact:
    """One thing known of the project: the slot, the signal that holds, what it means, and the person's words.

    `probability` is how sure the recogniser is that the words mean the signal.
    """

    slot: str
    signal: str
    value: str
    quote: str
    origin: Origin
    probability: float = 1.0


@dataclass(frozen=True)
class Edit:
    """A fact that the person set by hand: the slot, and its value in their words; an empty value takes it out."""

    slot: str
    value: str


@dataclass(frozen=True)
class ProjectBrief:
    """What is known of the project, in the order of the slots, of each slot the most probable first.

    `facts` hold what is only faintly probable too; `told` is what was recognised.
    """

    facts: tuple[Fact, ...] = ()

    @property
    def told(self) -> tuple[Fact, ...]:
        """What may be shown as known: of most slots one fact, of some (a project has several tasks) a few."""
        found: list[Fact] = []
        for fact in self.facts:
            before = sum(other.slot == fact.slot for other in found)
            if fact.probability >= RECOGNISED and before < _MANY.get(fact.slot, 1):
                found.append(fact)
        return tuple(found)


@dataclass(frozen=True)
class VerdictReason:
    """Why: the person's words, what they mean for the choice, and the section that bears it out."""

    you_said: str
    reason: str
    signal: str
    section: str
    effect: float


@dataclass(frozen=True)
class Change:
    """What would change the verdict: with this answer to what the slot `ask`s it would be `approach`.

    `text` says so in a sentence or two.
    """

    slot: str
    ask: str
    answer: str
    approach: Approach
    text: str


@dataclass(frozen=True)
class Alternative:
    """An approach that was not advised, and what was said that speaks against it, strongest first."""

    approach: Approach
    why_not: tuple[VerdictReason, ...]


@dataclass(frozen=True)
class Verdict:
    """The approach advised; `parts` are its parts, `scores` the log odds that the facts add up to for each outcome.

    `alternatives` come the likeliest first. `contradiction` are two facts that cannot both hold and lead to
    different advice; then the advice is to ask.
    """

    approach: Approach
    parts: tuple[str, ...]
    confidence: float
    scores: tuple[tuple[str, float], ...]
    reasons_for: tuple[VerdictReason, ...]
    reasons_against: tuple[VerdictReason, ...]
    would_change: tuple[Change, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    contradiction: tuple[Fact, Fact] | None = None

    @property
    def shares(self) -> dict[str, float]:
        """How probable each outcome is, in [0, 1], the most probable first: the softmax of the scores."""
        odds = sorted(self.scores, key=lambda score: -score[1])
        total = sum(math.exp(value - odds[0][1]) for _, value in odds)
        return {name: math.exp(value - odds[0][1]) / total for name, value in odds}


@dataclass(frozen=True)
class Question:
    """The one question worth asking: the slot it fills and quick replies."""

    slot: str
    text: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Queries:
    """What to look up: the message, the turn before it when it is a follow-up, and what the message states.

    `language` is the message's, by its English name; `off_subject` are the log odds that it is about something else
    than we know, by its vector alone.
    """

    kind: Kind
    message: str
    context: str = ""
    clauses: tuple[Clause, ...] = ()
    language: str = "English"
    off_subject: float = 0.0

    @property
    def looked_up(self) -> tuple[Clause, ...]:
        """The clauses that are searched for too; a long message has said what it is about by then."""
        return self.clauses[:10]


@dataclass(frozen=True)
class Citation:
    """A verbatim sentence of a document: `quote` stands at `start:end` of the document's text.

    `score` is the retrieval score of its passage in [0, 1]; `sources` are the studies the sentence rests on.
    """

    n: int
    doc: str
    title: str
    heading: str
    quote: str
    start: int
    end: int
    score: float
    sources: tuple[Source, ...]
    passage: Passage


@dataclass(frozen=True)
class Statement:
    """A sentence of the answer. `said` are the person's words that it takes up.

    `place` are the names of the row and the column of a table's cell.
    """

    text: str
    block: Block
    citation: int | None = None
    said: str = ""
    place: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Quote:
    """A sentence of a passage."""

    passage: Passage
    sentence: Sentence


@dataclass(frozen=True)
class Draft:
    """What a writer hands on: a statement before it was checked, with the sentence it rests on, if any.

    Unless it is `reworded`, its text must be that sentence, word for word; then it may also take up what the person
    `told`.
    """

    text: str
    block: Block
    quote: Quote | None = None
    said: str = ""
    reworded: bool = False
    told: str = ""
    place: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class PromptVersion:
    """Which prompt or set of phrases wrote the answer; the version is a hash of its content."""

    id: str
    version: str


@dataclass(frozen=True)
class Checked:
    """A sentence that a model wrote, the numbers of the passages that it named, and the one that supports it.

    Without one the sentence was taken out, and `reason` says why.
    """

    text: str
    named: tuple[int, ...]
    supported_by: int | None
    reason: str = ""


@dataclass(frozen=True)
class Writing:
    """How a language model wrote: what it was sent, what it wrote, what the check took out, and what it took.

    `kept` tells whether its text is the answer; `fault` what went wrong with the call. `tokens_in` and `tokens_out`
    are what the provider counted; `cost` is in dollars by bot/prices.yaml; each is None where it is not known.
    """

    model: str
    prompt: PromptVersion
    techniques: tuple[str, ...]
    messages: tuple[tuple[str, str], ...]
    text: str = ""
    checked: tuple[Checked, ...] = ()
    kept: bool = False
    fault: str = ""
    passages_left_out: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    first_text_seconds: float | None = None
    seconds: float = 0.0
    tries: int = 0


@dataclass(frozen=True)
class Considered:
    """What was understood and concluded before a word is written; without a project there is no verdict."""

    kind: Kind
    brief: ProjectBrief
    verdict: Verdict | None
    question: Question | None


@dataclass(frozen=True)
class Grounding:
    """How many sentences make a claim, and how many of these are supported by what they cite."""

    sentences: int
    supported: int


@dataclass(frozen=True)
class Answer:
    """Advice, or an explanation, or a refusal, with all that is needed to show how it was made."""

    statements: tuple[Statement, ...]
    status: Status
    citations: tuple[Citation, ...] = ()
    grounding: Grounding = Grounding(0, 0)
    kind: Kind = "question"
    brief: ProjectBrief = ProjectBrief()
    verdict: Verdict | None = None
    question: Question | None = None
    model: str = "quoting"
    prompt: PromptVersion = PromptVersion("quoting", "")
    searched: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    generation: str = ""
    timings_ms: dict[str, float] = field(default_factory=dict)
    writing: Writing | None = None


def so_far(statements: Sequence[Statement], statement: Statement) -> list[Statement]:
    """The answer with one more statement; a restart takes back all before it."""
    return [] if statement.block == "restart" else [*statements, statement]
