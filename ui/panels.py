"""What stands beside the conversation: the project, the verdict, the sources, and how the answer was made.

Each panel is a Jinja template that escapes whatever it is given, and is sanitised once more by ui/render.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.evaluation.recorded import Recorded
from bot.prompts import loader
from bot.question import NEVER
from bot.types import Answer, Block, Considered, Fact, ProjectBrief, Verdict, VerdictReason
from bot.verdict import NAMES, contributions, relevance
from knowledge.signals import OUTCOMES, SignalBook, Slot
from ui import render
from ui.templating import rate, template

# What the page calls each outcome.
TITLES = {
    "prompt-engineering": "Prompt engineering",
    "retrieval": "Retrieval (RAG)",
    "fine-tuning": "Fine-tuning",
    "simpler-tool": "A simpler tool",
    "hybrid": "A hybrid",
    "ask-first": "Ask first",
}
KINDS = {
    "project": "advice on a project",
    "question": "a question about the subject",
    "reply": "the reply to a question",
    "small-talk": "small talk",
    "off-topic": "something else than this subject",
}
MAX_OPEN = 8
MAX_WHY_NOT = 2


@dataclass(frozen=True)
class Supposed:
    """A change that is looked at without being made: the slot and its answer."""

    slot: Slot
    answer: str


@dataclass(frozen=True)
class _Row:
    """A fact as it is shown: what may be chosen in its place, and the words that it came from."""

    slot: str
    label: str
    value: str
    options: tuple[str, ...]
    words: str
    origin: str

    @property
    def own(self) -> str:
        """What the field for other words is called."""
        return f"{self.label}, in other words"

    @property
    def source(self) -> str:
        """How the words came here."""
        return {"edited": "you set", "inferred": "perhaps, from"}.get(self.origin, "you said")


def project(understood: Considered | None, book: SignalBook, note: str = "") -> str:
    """The brief as it forms, each fact to be corrected in place; `note` says why a correction was not taken."""
    facts = understood.brief.told if understood else ()
    sure = [_row(fact, book.slots[fact.slot]) for fact in facts if fact.origin != "inferred"]
    guessed = [_row(fact, book.slots[fact.slot]) for fact in facts if fact.origin == "inferred"]
    known = {fact.slot for fact in facts}
    matters = relevance(understood.brief, book) if understood else {}
    missing = [slot for slot in book.slots.values() if slot.name not in known | NEVER]
    missing.sort(key=lambda slot: -matters.get(slot.name, 1.0))
    groups = [
        ("What I understood", "", sure),
        ("What I only guess", "It counts for less until you confirm it.", guessed),
        ("Not known yet", "", [_open(slot) for slot in missing[:MAX_OPEN]] if facts else []),
    ]
    return rendered("project", facts=facts, groups=groups, note=note)


def _row(fact: Fact, slot: Slot) -> _Row:
    options = tuple(words for words, _ in slot.options if words != fact.quote)
    return _Row(fact.slot, label(fact.slot), fact.value.rstrip("."), options, fact.quote, fact.origin)


def _open(slot: Slot) -> _Row:
    return _Row(slot.name, label(slot.name), "", tuple(words for words, _ in slot.options), "", "missing")


def label(slot: str) -> str:
    """What a slot is called.

    >>> label("labelled_data")
    'Labelled data'
    """
    return slot.replace("_", " ").capitalize()


def verdict(
    understood: Considered | None,
    answer: Answer | None,
    *,
    supposed: Supposed | None = None,
    stale: bool = False,
    note: str = "",
) -> str:
    """The verdict with all that speaks for and against it; `stale` when the answer was given before a correction."""
    concluded = understood.verdict if understood else None
    if concluded is None:
        return rendered("verdict", verdict=None, note=note)
    cited = {(s.block, s.said): s.citation for s in answer.statements if s.said} if answer else {}
    steps = [s for s in answer.statements if s.block == "step"] if answer and not stale else []
    return rendered(
        "verdict",
        note=note,
        verdict=concluded,
        supposed=supposed,
        stale=stale,
        advice=advice(concluded),
        sure=sure(concluded),
        shares=[(TITLES[name], share) for name, share in concluded.shares.items()],
        reasons=[
            ("For it", _reasons(concluded.reasons_for, "reason", cited), "Nothing in particular that you told."),
            ("Against it", _reasons(concluded.reasons_against, "against", cited), "Nothing that you told."),
        ],
        changes=[
            {"slot": c.slot, "answer": c.answer, "ask": c.ask, "advice": NAMES[c.approach]}
            for c in concluded.would_change
        ],
        steps=steps,
        alternatives=[
            (TITLES[other.approach], _reasons(other.why_not[:MAX_WHY_NOT], "against", {}))
            for other in concluded.alternatives
        ],
    )


def advice(concluded: Verdict) -> str:
    """What is advised, as a title."""
    if concluded.approach == "hybrid":
        return "A hybrid: " + " with ".join(NAMES[part] for part in concluded.parts)
    if concluded.approach == "ask-first":
        return "One more fact is needed first"
    return TITLES[concluded.approach]


def sure(concluded: Verdict) -> str:
    """How sure the verdict is, in words; "" for a question."""
    return "" if concluded.approach == "ask-first" else f"{concluded.confidence:.0%} sure"


def _reasons(
    given: Sequence[VerdictReason], block: Block, cited: Mapping[tuple[Block, str], int | None]
) -> list[dict[str, Any]]:
    return [{"you_said": r.you_said, "reason": r.reason, "citation": cited.get((block, r.you_said))} for r in given]


def sources(answer: Answer | None, library: Path | None = None) -> str:
    """The cited passages, each quoted span marked, with the studies behind them."""
    shown = render.sources_html(answer, library, opened=True) if answer else ""
    return render.one_line(f'<section class="aside panel">{shown or _NO_SOURCES}</section>')


_NO_SOURCES = '<p class="hint">What an answer cites is shown here, with the words it quotes marked.</p>'


def made(answer: Answer | None, book: SignalBook, measured: str = "") -> str:
    """How the answer was made, step by step; `measured` tells how the prompt scored."""
    if answer is None:
        return rendered("made", answer=None)
    cited = {c.passage.chunk.id: f"[{c.n}]" for c in reversed(answer.citations)}
    return rendered(
        "made",
        answer=answer,
        kind=KINDS[answer.kind],
        facts=answer.brief.told,
        passages=[
            {
                "name": f"{p.chunk.doc} › {p.chunk.heading}",
                "score": p.score,
                "dense": p.dense,
                "lexical": p.lexical,
                "cited": cited.get(p.chunk.id, ""),
            }
            for p in answer.passages
        ],
        outcomes=[TITLES[name] for name in OUTCOMES],
        rules=_rules(answer.brief, book) if answer.verdict else [],
        writing=answer.writing,
        measured=measured,
        blocks=_blocks(answer),
        took=list(_took(answer)),
    )


def measured(found: Sequence[Recorded]) -> str:
    """How a prompt version scored in the last recorded evaluation, in a sentence; "" when it has none."""
    if not found:
        return ""
    latest = found[0]
    told = [f"{r.name} {rate({'rate': r.value, 'interval': r.interval})}" for r in latest.rates if r.name in _TOLD]
    return f"On {latest.cases} cases, {latest.on}: {', '.join(told)}." if told else ""


_TOLD = ("cases passed", "approach", "sentences supported", "quotes verbatim")


def _rules(brief: ProjectBrief, book: SignalBook) -> list[dict[str, Any]]:
    """What each told fact adds, and in one last row all that was only faintly probable."""
    told = set(brief.told)
    added = contributions(brief, book)
    rows = [
        {"words": f"“{fact.quote}”", "signal": fact.signal, "effects": list(effects.values())}
        for fact, effects in added
        if fact in told
    ]
    faint = [effects for fact, effects in added if fact not in told]
    if faint:
        sums = [sum(effects[name] for effects in faint) for name in OUTCOMES]
        rows.append({"words": f"{len(faint)} faint readings", "signal": "each under 20%", "effects": sums})
    return rows


def _blocks(answer: Answer) -> Sequence[loader.Block]:
    """The prompt that was sent, or would be sent to a model that can follow a long one."""
    if answer.writing:
        return loader.load(answer.writing.prompt.id).blocks
    return loader.load("advise" if answer.verdict else "answer").blocks


def _took(answer: Answer) -> Iterator[str]:
    times = answer.timings_ms
    yield f"Understood and looked up after {times.get('retrieve', 0):.0f} ms"
    yield f"First sentence after {times.get('first_text', 0):.0f} ms, the last after {times.get('total', 0):.0f} ms"
    yield f"Index {answer.generation}"
    written = answer.writing
    if written is None:
        return
    if written.tokens_in is not None and written.tokens_out is not None:
        yield f"{written.tokens_in} tokens sent, {written.tokens_out} written"
    yield f"{written.cost:.4f} dollars" if written.cost is not None else "Its price is not in bot/prices.yaml"
    yield f"{written.tries} call{'s' if written.tries != 1 else ''}, {written.seconds:.1f} s"


def rendered(name: str, **values: Any) -> str:
    """A panel of this template, sanitised."""
    return render.clean_panel(template(name).render(**values))
