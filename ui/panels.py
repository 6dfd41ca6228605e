"""What stands beside the conversation: the project, the verdict, the sources, and how the answer was made.

Each panel is a Jinja template that escapes whatever it is given, and is sanitised once more by ui/render.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.evaluation.recorded import Recorded
from bot.prompts import loader
from bot.types import Answer, Block, Considered, Edit, Fact, ProjectBrief, Statement, Verdict, VerdictReason
from bot.verdict import NAMES, contributions, relevance
from knowledge.signals import OUTCOMES, SignalBook, Slot
from ui import render

TEMPLATES = Path(__file__).parent / "templates"
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
# Nobody is asked to fill in these; they are shown once they are said.
_NOT_ASKED = frozenset({"wish", "context", "parts", "goal", "tried"})
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
    missing = [slot for slot in book.slots.values() if slot.name not in known | _NOT_ASKED]
    missing.sort(key=lambda slot: -matters.get(slot.name, 1.0))
    groups = [
        ("What I understood", "", sure),
        ("What I only guess", "It counts for less until you confirm it.", guessed),
        ("Not known yet", "", [_open(slot) for slot in missing[:MAX_OPEN]] if facts else []),
    ]
    return _rendered("project", facts=facts, groups=groups, note=note)


def _row(fact: Fact, slot: Slot) -> _Row:
    options = tuple(words for words, _ in slot.options if words != fact.quote)
    return _Row(fact.slot, _label(fact.slot), fact.value.rstrip("."), options, fact.quote, fact.origin)


def _open(slot: Slot) -> _Row:
    return _Row(slot.name, _label(slot.name), "", tuple(words for words, _ in slot.options), "", "missing")


def _label(slot: str) -> str:
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
        return _rendered("verdict", verdict=None, note=note)
    cited = {(s.block, s.said): s.citation for s in answer.statements if s.said} if answer else {}
    steps = [s for s in answer.statements if s.block == "step"] if answer and not stale else []
    return _rendered(
        "verdict",
        note=note,
        verdict=concluded,
        supposed=supposed,
        stale=stale,
        advice=_advice(concluded),
        sure=_sure(concluded),
        shares=[(TITLES[name], share) for name, share in concluded.shares.items()],
        reasons=[
            ("For it", _reasons(concluded.reasons_for, "reason", cited), "Nothing in particular that you told."),
            ("Against it", _reasons(concluded.reasons_against, "against", cited), "Nothing that you told."),
        ],
        changes=[
            {
                "slot": change.slot,
                "answer": change.answer,
                "ask": change.text.split(" If the answer")[0],
                "advice": NAMES[change.approach],
            }
            for change in concluded.would_change
        ],
        steps=steps,
        alternatives=[
            (TITLES[other.approach], _reasons(other.why_not[:MAX_WHY_NOT], "against", {}))
            for other in concluded.alternatives
        ],
    )


def _advice(concluded: Verdict) -> str:
    if concluded.approach == "hybrid":
        return "A hybrid: " + " with ".join(NAMES[part] for part in concluded.parts)
    if concluded.approach == "ask-first":
        return "One more fact is needed first"
    return TITLES[concluded.approach]


def _sure(concluded: Verdict) -> str:
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


def made(answer: Answer | None, book: SignalBook | None, measured: str = "") -> str:
    """How the answer was made, step by step; `measured` tells how the prompt scored."""
    if answer is None or book is None:
        return _rendered("made", answer=None)
    cited = {c.passage.chunk.id: f"[{c.n}]" for c in reversed(answer.citations)}
    return _rendered(
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
    told = [f"{r.name} {_rate({'rate': r.value, 'interval': r.interval})}" for r in latest.rates if r.name in _TOLD]
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


def edits_with(edits: Sequence[Edit], slot: str, value: str) -> list[Edit]:
    """The corrections with one more; the last of a slot is the one that counts.

    >>> edits_with([Edit("time", "a week")], "time", "a year")
    [Edit(slot='time', value='a year')]
    """
    return [*(edit for edit in edits if edit.slot != slot), Edit(slot, value)]


def lab_sent(spec: str, prompt: loader.Prompt, messages: Sequence[tuple[str, str]], characters: int) -> str:
    """What a variant sends."""
    tokens = characters // loader.CHARACTERS_PER_TOKEN
    techniques = ", ".join(prompt.techniques)
    return _rendered(
        "lab",
        kind="sent",
        spec=spec,
        prompt=prompt,
        messages=messages,
        characters=characters,
        tokens=tokens,
        techniques=techniques,
    )


def lab_answer(answer: Answer, own: Collection[Statement] = ()) -> str:
    """The checked answer of a variant; `own` are the statements that the other one lacks."""
    writing = answer.writing
    if writing is None:
        return lab_note("The sources do not answer this, so no model was asked. Try another question.")
    return _rendered(
        "lab",
        kind="answer",
        writing=writing,
        held=sum(sentence.supported_by is not None for sentence in writing.checked),
        took=f"{writing.tokens_out or 0} tokens written, {writing.seconds:.1f} s",
        statements=answer.statements,
        own=own,
    )


def lab_note(text: str) -> str:
    """A sentence in place of a result."""
    return _rendered("lab", kind="note", text=text)


def lab_waits() -> str:
    """What stands where a result will be."""
    return lab_note("The model is writing …")


def lab_measured(found: Mapping[str, Any]) -> str:
    """The table of what each technique did."""
    rows = [{**row, "name": row["variant"] if not n else "+ " + row["variant"].split(" + ")[-1]}
            for n, row in enumerate(found.get("rows", ()))]  # fmt: skip
    return _rendered("lab", kind="measured", rows=rows, **{k: found.get(k, "") for k in ("model", "cases", "date")})


def exports(files: Sequence[Mapping[str, str]]) -> str:
    """Links to files that hold their content themselves; not sanitised, which would drop their addresses."""
    return render.one_line(_environment().get_template("exports.html.j2").render(files=files))


def page(name: str, *, understood: Considered | None, **values: Any) -> str:
    """A page of its own of this template, with what was understood and concluded."""
    concluded = understood.verdict if understood else None
    return (
        _environment()
        .get_template(f"{name}.html.j2")
        .render(
            facts=understood.brief.told if understood else (),
            label=_label,
            verdict=concluded,
            advice=_advice(concluded) if concluded else "",
            sure=_sure(concluded) if concluded else "",
            reasons=[("For it", concluded.reasons_for), ("Against it", concluded.reasons_against)]
            if concluded
            else [],
            **values,
        )
    )


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _rate(found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['rate']:.0%} ({low:.0%} to {high:.0%})"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.globals |= {"percent": _percent, "rate": _rate, "signed": lambda value: f"{value:+.1f}"}
    return made


def _rendered(name: str, **values: Any) -> str:
    return render.clean_panel(_environment().get_template(f"{name}.html.j2").render(**values))
