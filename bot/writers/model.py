"""The writer with a language model: it turns what the quoting writer found into connected sentences.

The model explains, it does not decide: the verdict, what would change it, the steps, tables and the question are as
without it, and what the sources do not answer is refused before it is asked. Each of its sentences is checked as
soon as it is complete, and shown only if a passage supports it. When its call fails, or less than half of what it
wrote is supported, the quoting writer's answer takes its place and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot.completion import Circuit, Completion, ModelFault
from bot.errors import BadPrompt
from bot.grounding import reworded
from bot.orders import without_orders
from bot.prices import cost
from bot.prompts.loader import Prompt, fitting, load, read_texts, unescape
from bot.structured import as_text, held_to_schema
from bot.support import Support, share_of_words
from bot.types import Checked, Draft, Queries, Question, Quote, Verdict, Writing
from bot.writers.quoting import QuotingWriter
from knowledge.retriever import Retrieval
from knowledge.sentences import plain, sentences, without_markers
from knowledge.types import Passage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

FULL, BRIEF = FAMILIES = "full", "brief"
# Of a message that is advised on, and of a question that is answered.
PURPOSES = ("advise", "answer")
# Of the techniques of the brief prompts, those that helped (`python -m benchmarks prompting`).
MEASURED_BRIEF = f"{BRIEF}@delimiters+role+examples"
# Tokens of a prompt: a small model's window is small, and what is far from the question is lost on it.
BUDGET = {FULL: 6000, BRIEF: 1800}
# Less of its claims supported, and the model's text is not the answer.
ENOUGH = 0.5
FALLS_BACK = "I answered in my sources' own words, because the model {reason}."
CUT_SHORT = "My explanation is cut short, because the model {reason}."
UNSUPPORTED = "wrote {supported} of {claims} sentences that my sources support"
_SOURCED = frozenset({"lead", "support", "reason", "against"})
_CITED = re.compile(r"\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
# A model puts the number before or behind the full stop; before it, the sentence stays whole.
_CITED_BEHIND = re.compile(r"([.!?][\"”’)]*)((?:[ \t]*\[\d{1,3}(?:\s*,\s*\d{1,3})*\])+)")
_UNFINISHED = re.compile(r"\s*\[[\d,\s]*\Z")
_MARKUP = re.compile(r"\*\*|__|`|^\s*(?:[-*+•>#]+|\d{1,2}[.)])\s+", re.MULTILINE)
_LABEL = re.compile(r"^\s*(?:paragraph|answer|notes?|explanation)\s*:\s*", re.I)


@dataclass
class ModelWriter:
    """Writes with any LangChain chat model, `setting` as it is named in the settings and `shown` to people.

    `family` tells which prompts it is given: full, or brief for small ones, with `@TECHNIQUE+…` to switch techniques;
    a function when that is known only at the first question; `own` are texts of prompt files that take the place of
    ours with their ids. `name` and `prompt` are those of what the model leaves to the quoting writer; how the model
    wrote is told by a Writing at the end.
    """

    model: BaseChatModel
    setting: str
    shown: str
    family: str | Callable[[], str] = FULL
    timeout: float = 60.0
    structured: bool | Callable[[], bool] = False
    quoting: QuotingWriter = field(default_factory=QuotingWriter)
    circuit: Circuit = field(default_factory=Circuit)
    own: Mapping[str, str] = field(default_factory=dict)
    name = QuotingWriter.name
    prompt = QuotingWriter.prompt

    def write(
        self, queries: Queries, retrieval: Retrieval, verdict: Verdict | None, question: Question | None
    ) -> Iterator[Draft | Writing]:
        """The statements of the answer in reading order, then how they were written."""
        drafts = list(self.quoting.write(queries, retrieval, verdict, question))
        notes = _notes(drafts)
        if not notes:
            yield from drafts
            return
        before = drafts[: drafts.index(notes[0])]
        after = [d for d in drafts[len(before) :] if d not in notes]
        family, structured, fault = self._known()
        sent = compose(drafts, queries, retrieval, verdict, family, structured=structured, own=self.own)
        model = held_to_schema(self.model) if structured else self.model
        completion = Completion(model, sent.messages, timeout=self.timeout, circuit=self.circuit)
        checked = _Checked(sent.passages, queries)
        yield from before
        opening = "support" if verdict else "lead"
        try:
            with closing(_nothing() if fault else completion.__iter__()) as pieces:
                for draft in checked.sentences(as_text(pieces) if structured else pieces):
                    yield replace(draft, block=opening)  # type: ignore[arg-type]
                    opening = "support"
        except ModelFault as error:
            fault = error.reason
        # What broke off after one sentence explains nothing.
        kept = checked.supported >= max(ENOUGH * checked.claims, 2 if fault else 1)
        if kept:
            yield from after
            if fault:
                yield Draft(CUT_SHORT.format(reason=fault.rstrip(".")), "plain")
        else:
            reason = fault or UNSUPPORTED.format(supported=checked.supported, claims=checked.claims)
            yield Draft("", "restart")
            yield from drafts
            yield Draft(FALLS_BACK.format(reason=reason.rstrip(".")), "plain")
        usage = completion.usage
        yield Writing(
            model=self.shown,
            prompt=sent.prompt.named,
            techniques=sent.prompt.techniques,
            messages=sent.messages,
            text=checked.text,
            checked=tuple(checked.found),
            kept=kept,
            fault=fault,
            passages_left_out=sent.left_out,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            cost=cost(self.setting, usage.tokens_in, usage.tokens_out),
            first_text_seconds=usage.first_text_seconds,
            seconds=usage.seconds,
            tries=usage.tries,
        )

    def _known(self) -> tuple[str, bool, str]:
        """The prompts it is given, whether it is held to a schema, and the fault that kept this from being known."""
        try:
            family = self.family if isinstance(self.family, str) else self.family()
            structured = self.structured if isinstance(self.structured, bool) else self.structured()
        except ModelFault as error:
            return MEASURED_BRIEF, False, error.reason
        return family, structured, ""


@dataclass(frozen=True)
class Composed:
    """What a model is sent: the prompt, its (role, text) messages, the passages that it may cite by number.

    `left_out` of the passages had no room.
    """

    prompt: Prompt
    messages: tuple[tuple[str, str], ...]
    passages: tuple[Passage, ...]
    left_out: int


def compose(
    drafts: Sequence[Draft],
    queries: Queries,
    retrieval: Retrieval,
    verdict: Verdict | None,
    family: str,
    *,
    structured: bool = False,
    own: Mapping[str, str] | None = None,
) -> Composed:
    """The prompt of this family, or the `own` one in its place, over what the quoting writer drafted.

    Raises BadPrompt.
    """
    notes = _notes(drafts)
    # Who is asked for one more fact gets an answer to what they asked, and no reasons for a verdict.
    advises = verdict is not None and bool(verdict.parts)
    prompt = load_family(family, own)["advise" if advises else "answer"]
    prompt = prompt.asking_for("structured" if structured else "plain")
    size = family.partition("@")[0]
    passages = _passages(notes, retrieval, size)
    before = drafts[: drafts.index(notes[0])] if notes else drafts
    advice = before[-1].text if advises and before else ""
    messages, left_out = fitting(prompt, _values(queries, advice, notes, passages), tokens=BUDGET[size])
    return Composed(prompt, tuple(messages), tuple(passages), left_out)


def _notes(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts that a model puts into its own words."""
    return [d for d in drafts if d.block in _SOURCED and d.quote]


def load_family(spec: str, own: Mapping[str, str] | None = None) -> dict[str, Prompt]:
    """Purpose → prompt of `full` or `brief`, with `@TECHNIQUE+TECHNIQUE` only with these; raises BadPrompt.

    Texts of `own` take the place of our files with their ids.
    """
    family, at, techniques = spec.partition("@")
    if family not in FAMILIES:
        raise BadPrompt(f"There are no prompts {family!r}. Set CONSULTANT_PROMPT to auto, {FULL} or {BRIEF}.")
    return {purpose: load(f"{prompt_id(purpose, family)}{at}{techniques}", own=own) for purpose in PURPOSES}


def prompt_id(purpose: str, family: str) -> str:
    """The name of the prompt that a family has for a purpose.

    >>> prompt_id("advise", BRIEF), prompt_id("answer", FULL)
    ('advise-brief', 'answer')
    """
    return f"{purpose}-brief" if family == BRIEF else purpose


def own_prompts(folder: Path) -> dict[str, str]:
    """The id → text of the files in a folder that take the place of ours with their names; raises BadPrompt."""
    return read_texts(folder, {prompt_id(purpose, family) for purpose in PURPOSES for family in FAMILIES})


def _nothing() -> Generator[str, None, None]:
    yield from ()


@dataclass
class _Checked:
    """Splits a model's text into sentences as it comes and finds for each the passage that supports it."""

    passages: Sequence[Passage]
    queries: Queries
    text: str = ""
    found: list[Checked] = field(default_factory=list)
    _said: set[str] = field(default_factory=set)

    @property
    def claims(self) -> int:
        """How many sentences claim something."""
        return len(self.found)

    @property
    def supported(self) -> int:
        """How many of these a passage supports."""
        return sum(sentence.supported_by is not None for sentence in self.found)

    def sentences(self, pieces: Iterable[str]) -> Iterator[Draft]:
        """Every sentence with its best passage; what none supports is handed on too, so that it is counted."""
        rest = ""
        for piece in pieces:
            self.text += piece
            *whole, rest = _split(rest + piece)
            for sentence in whole:
                if self._repeats(sentence):
                    return
                yield from self._check(sentence)
        if re.search(r"[.!?][\"”’)]*\s*$", _CITED.sub("", rest)) and not self._repeats(rest):
            yield from self._check(rest)

    def _repeats(self, sentence: str) -> bool:
        """A small model that says a thing twice says it for ever."""
        words = " ".join(re.findall(r"\w+", _CITED.sub("", sentence).lower()))
        again = bool(words) and words in self._said
        self._said.add(words)
        return again

    def _check(self, sentence: str) -> Iterator[Draft]:
        named = [int(n) for numbers in _CITED.findall(sentence) for n in numbers.split(",")]
        text = _cleaned(_CITED.sub("", sentence))
        # Neither "Sure!" nor "Here is why:" claims anything.
        if len(re.findall(r"\w+", text)) < 4 or text.endswith(":") or text == "NOTHING":
            return
        first = [n for n in named if 1 <= n <= len(self.passages)]
        judged: list[tuple[bool, float, int, Draft, str]] = []
        for n in dict.fromkeys([*first, *range(1, len(self.passages) + 1)]):
            draft, found = self._judged(text, self.passages[n - 1])
            judged.append((found.holds, found.score, -n, draft, "; ".join(found.faults) or "its words are not there"))
            if found.holds:
                break
        holds, _, n, draft, reason = max(judged, key=lambda row: row[:3])
        self.found.append(Checked(text, tuple(named), -n if holds else None, "" if holds else reason))
        yield draft

    def _judged(self, text: str, passage: Passage) -> tuple[Draft, Support]:
        """The draft that rests on the passage's nearest sentence, and how well it does."""
        spoken = sentences(passage.chunk.text, offset=passage.chunk.start)
        nearest = max(spoken, key=lambda s: share_of_words(text, s.text) + share_of_words(s.text, text))
        quote = Quote(passage, nearest)
        draft = Draft(text, "support", quote, reworded=True, told=self.queries.message)
        return draft, reworded(draft, quote)


def _passages(notes: Sequence[Draft], retrieval: Retrieval, family: str) -> list[Passage]:
    """What the model may cite by number: each note's own passage, or for the full prompts all, the notes' first."""
    own = [note.quote.passage for note in notes if note.quote]
    if family == BRIEF:
        return own
    return list({p.chunk.id: p for p in [*retrieval.passages[::-1], *own[::-1]]}.values())[::-1]


def _values(
    queries: Queries, advice: str, notes: Sequence[Draft], passages: Sequence[Passage]
) -> dict[str, str | Sequence[str]]:
    """What fills the slots of a prompt; all of it is data."""
    said = [f"You said “{note.said}”. {note.text}" if note.said else note.text for note in notes]
    return {
        "verdict": advice,
        "project": queries.message,
        "message": queries.message,
        "notes": said,
        "passages": [plain(without_markers(without_orders(p.chunk.text))) for p in passages],
        "history": queries.context,
    }


def _split(text: str) -> list[str]:
    """The sentences of a growing text; the last one may not be complete yet.

    >>> _split("It is so. [1] And so it g")
    ['It is so [1].', 'And so it g']
    """
    unfinished = _UNFINISHED.search(text)
    body, tail = (text[: unfinished.start()], unfinished[0]) if unfinished else (text, "")
    moved = _CITED_BEHIND.sub(lambda m: f" {m[2].strip()}{m[1]}", body)
    found = [s.text for s in sentences(moved)]
    if not found:
        return [text]
    if moved[-1:].isspace() and not tail:
        found[-1] += moved[len(moved.rstrip()) :]
    return [*found[:-1], found[-1] + tail]


def _cleaned(text: str) -> str:
    return " ".join(_LABEL.sub("", _MARKUP.sub("", unescape(text))).split()).replace(" .", ".")
