"""The prompt lab: two variants of a prompt on one question, what each sends, what a model made of it, what held.

A variant is a family of prompts with some techniques on; the second one may also be in words of one's own, which are
tried here and saved as a file that `CONSULTANT_PROMPTS` takes up.

Without a language model the variants can be read and compared; with one, also run. The measured table tells what each
technique did on sixty questions.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from bot import assemble, model_files
from bot.consultant import Consultant
from bot.errors import BadSetting, ConsultantError
from bot.evaluation.statistics import Rate
from bot.prompts import loader
from bot.settings import Settings
from bot.types import Answer, Statement
from bot.writers.model import BRIEF, FULL, PURPOSES, ModelWriter, compose, prompt_id
from bot.writers.quoting import QuotingWriter
from ui import panels
from ui.render import one_line
from ui.templating import template

MEASURED = Path(loader.__file__).parent / "measured.json"
# What can be switched; the others are always on.
SWITCHES = tuple(t for t in loader.TECHNIQUES if t not in loader.ALWAYS)
NO_MODEL = (
    "No language model is set, so the variants are shown and not run. Fetch the small one with: "
    "consultant model pull smollm2, then start with: consultant chat --model local"
)
QUESTION = "We sort 300 support mails a day by topic. 2,000 are labelled. Should we fine-tune?"


# What both variants are scored on: few enough to wait for, of all kinds.
SUITE = (
    QUESTION,
    "We are six people, need product texts for three shops next week, no labelled data. Should we fine-tune?",
    "Our hospital has 12,000 protocols as PDF. Nurses need quick answers, the data may not leave our network.",
    "We extract four fields from 50 invoices a day; they all look alike. What would you do?",
    "How many examples do I need to fine-tune?",
    "What is LoRA?",
)
# A link is made by anybody: what it sets up is shown, and never longer than somebody would type.
MAX_QUESTION = 1000


@dataclass(frozen=True)
class Variant:
    """A prompt family with the techniques that are switched on, and prompts in one's own words, id → text."""

    family: str
    techniques: tuple[str, ...]
    own: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def spec(self) -> str:
        """As `--prompt` takes it."""
        return f"{self.family}@{'+'.join(self.techniques)}"

    @property
    def named(self) -> str:
        """What it is called beside its results."""
        return self.spec + (" in your words" if self.own else "")


@dataclass(frozen=True)
class Setup:
    """All that is chosen in the lab; `words` are the second variant's prompt for a `purpose`, if there are any.

    A field that was never opened sends None.
    """

    question: str
    family: str
    one: tuple[str, ...]
    other: tuple[str, ...]
    purpose: str = PURPOSES[0]
    words: str | None = None

    @property
    def variants(self) -> list[Variant]:
        """Both, their techniques in the order of the prompt, so that the same switches are the same variant."""
        one, other = (tuple(t for t in SWITCHES if t in on) for on in (self.one, self.other))
        own = {self.prompt: self.words} if self.words and self.words.strip() else {}
        return [Variant(self.family, one), Variant(self.family, other, own)]

    @property
    def prompt(self) -> str:
        """The id of the prompt that may be in one's own words."""
        return prompt_id(self.purpose, self.family)

    @property
    def link(self) -> str:
        """The address of the page that opens with it."""
        one, other = (" ".join(variant.techniques) for variant in self.variants)
        return "/?" + urlencode({"lab": self.family, "a": one, "b": other, "question": self.question[:MAX_QUESTION]})


def read_link(address: str) -> Setup:
    """The set-up of a link's parameters; raises BadSetting naming what is wrong.

    >>> read_link("?lab=brief&a=role&b=&question=Why%3F")
    Setup(question='Why?', family='brief', one=('role',), other=(), purpose='advise', words=None)
    """
    try:
        named = parse_qs(address.removeprefix("?"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        named = {}
    family, question = _only(named, "lab"), _only(named, "question")
    one, other = (tuple(_only(named, name).split()) for name in "ab")
    unknown = [t for t in (*one, *other) if t not in SWITCHES]
    if family not in (FULL, BRIEF) or unknown or len(question) > MAX_QUESTION:
        raise BadSetting("This link to a set-up of the lab cannot be read. Choose the techniques by hand.")
    return Setup(question or QUESTION, family, one, other)


def _only(named: Mapping[str, list[str]], name: str) -> str:
    return named.get(name, [""])[-1].strip()


class Lab:
    """Shows and runs variants for one consultant, with the model that the settings name, else with a local one."""

    def __init__(self, consultant: Consultant, settings: Settings) -> None:
        self.consultant = consultant
        self.settings = settings
        self._local: ModelWriter | None = None

    def sent(self, question: str, variant: Variant) -> str:
        """The messages that a model would be sent, as HTML."""
        queries, retrieval, understood = self.consultant.prepare(question)
        drafts = list(QuotingWriter().write(queries, retrieval, understood.verdict, understood.question))
        sent = compose(drafts, queries, retrieval, understood.verdict, variant.spec, own=variant.own)
        characters = sum(len(text) for _, text in sent.messages)
        return sent_html(variant.named, sent.prompt, sent.messages, characters)

    def run(self, question: str, variants: Sequence[Variant], model: str = "") -> Iterator[list[str]]:
        """The checked answer of each variant, one after the other, as HTML; at the end with what differs.

        `model` is one of `models`, by default their first; raises ConsultantError without any.
        """
        writer = self._writer(model)
        answers: list[Answer] = []
        for variant in variants:
            yield [*(answer_html(a) for a in answers), *([waits_html()] * (len(variants) - len(answers)))]
            answers.append(self._answer(writer, question, variant))
        yield [answer_html(a, _own_sentences(a, [b for b in answers if b is not a])) for a in answers]

    def score(self, variants: Sequence[Variant], model: str = "") -> Iterator[str]:
        """How far the scoring is, as HTML, and at its end how each variant did on SUITE; raises ConsultantError."""
        writer = self._writer(model)
        found: list[list[Answer]] = [[] for _ in variants]
        total = len(SUITE) * len(variants)
        yield progress_html(0, total)
        for question in SUITE:
            for variant, answers in zip(variants, found, strict=True):
                answers.append(self._answer(writer, question, variant))
                yield progress_html(sum(map(len, found)), total)
        yield scores_html([(v.named, scored(a)) for v, a in zip(variants, found, strict=True)])

    def _answer(self, writer: ModelWriter, question: str, variant: Variant) -> Answer:
        """The checked answer of one variant."""
        running = ModelWriter(
            writer.model, writer.setting, writer.shown, variant.spec, writer.timeout, own=variant.own
        )
        return Consultant(self.consultant.retriever, running, self.consultant.book).ask(question)

    def models(self) -> list[str]:
        """The settings of the models that can be chosen: the one in use, and the small local one once it is there."""
        in_use = [self.consultant.writer.setting] if isinstance(self.consultant.writer, ModelWriter) else []
        pulled = model_files.model_path(self.settings.home, model_files.DEFAULT_LOCAL).is_file()
        return list(dict.fromkeys([*in_use, *(["local"] if pulled else [])]))

    def _writer(self, model: str) -> ModelWriter:
        """The writer with that model, or with the first of `models`."""
        known = self.models()
        if not known:
            raise ConsultantError(NO_MODEL)
        chosen = model if model in known else known[0]
        if isinstance(self.consultant.writer, ModelWriter) and self.consultant.writer.setting == chosen:
            return self.consultant.writer
        if self._local is None:
            made = assemble.writer(self.settings.model_copy(update={"model": chosen}))
            assert isinstance(made, ModelWriter), "a local model was named"
            self._local = made
        return self._local


def _own_sentences(answer: Answer, others: Sequence[Answer]) -> frozenset[Statement]:
    """The statements that no other answer has, word for word."""
    elsewhere = {statement.text for other in others for statement in other.statements}
    return frozenset(s for s in answer.statements if s.text not in elsewhere)


def sent_html(spec: str, prompt: loader.Prompt, messages: Sequence[tuple[str, str]], characters: int) -> str:
    """What a variant sends."""
    tokens = characters // loader.CHARACTERS_PER_TOKEN
    techniques = ", ".join(prompt.techniques)
    return panels.rendered(
        "lab",
        kind="sent",
        spec=spec,
        prompt=prompt,
        messages=messages,
        characters=characters,
        tokens=tokens,
        techniques=techniques,
    )


def answer_html(answer: Answer, own: Collection[Statement] = ()) -> str:
    """The checked answer of a variant; `own` are the statements that the other one lacks."""
    writing = answer.writing
    if writing is None:
        return note_html("The sources do not answer this, so no model was asked. Try another question.")
    return panels.rendered(
        "lab",
        kind="answer",
        writing=writing,
        held=sum(sentence.supported_by is not None for sentence in writing.checked),
        took=f"{writing.tokens_out or 0} tokens written, {writing.seconds:.1f} s",
        statements=answer.statements,
        own=own,
    )


def scored(answers: Sequence[Answer]) -> dict[str, Any]:
    """What a variant's answers come to; a question that no model was asked counts for nothing."""
    written = [answer.writing for answer in answers if answer.writing]
    checked = [sentence for writing in written for sentence in writing.checked]
    return {
        "held": Rate("sentences that hold", sum(s.supported_by is not None for s in checked), len(checked)),
        "kept": Rate("answers that stand", sum(writing.kept for writing in written), len(written)),
        "tokens": sum(writing.tokens_out or 0 for writing in written),
        "seconds": sum(writing.seconds for writing in written),
    }


def scores_html(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """The scores of the variants as a table."""
    return panels.rendered("lab", kind="scores", rows=rows, of=len(SUITE))


def progress_html(done: int, of: int) -> str:
    """How many answers were written."""
    return panels.rendered("lab", kind="progress", done=done, of=of)


def link_html(setup: Setup) -> str:
    """The link that opens a set-up."""
    return one_line(template("lab").render(kind="link", link=setup.link))


def file_html(name: str, text: str) -> str:
    """The link that saves a prompt as a file."""
    href = f"data:text/markdown;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"
    return one_line(template("lab").render(kind="file", name=f"{name}.md", href=href))


def note_html(text: str) -> str:
    """A sentence in place of a result."""
    return panels.rendered("lab", kind="note", text=text)


def waits_html() -> str:
    """What stands where a result will be."""
    return note_html("The model is writing …")


def measured_html(found: Mapping[str, Any]) -> str:
    """The table of what each technique did."""
    rows = [{**row, "name": row["variant"] if not n else "+ " + row["variant"].split(" + ")[-1]}
            for n, row in enumerate(found.get("rows", ()))]  # fmt: skip
    return panels.rendered(
        "lab", kind="measured", rows=rows, **{k: found.get(k, "") for k in ("model", "cases", "date")}
    )


@cache
def measured() -> dict[str, Any]:
    """What `python -m benchmarks prompting` found, {} when it was not run."""
    try:
        found: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    except OSError:
        return {}
    return found
