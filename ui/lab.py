"""The prompt lab: two variants of a prompt on one question, what each sends, what a model made of it, what held.

Without a language model the variants can be read and compared; with one, also run. The measured table tells what each
technique did on sixty questions.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from bot import assemble, model_files
from bot.consultant import Consultant
from bot.errors import ConsultantError
from bot.prompts import loader
from bot.settings import Settings
from bot.types import Answer, Statement
from bot.writers.model import BRIEF, FULL, ModelWriter, compose
from bot.writers.quoting import QuotingWriter
from knowledge.errors import KnowledgeError
from ui import panels
from ui.parts import QUIETLY, markup

MEASURED = Path(loader.__file__).parent / "measured.json"
# What can be switched; the others are always on.
SWITCHES = tuple(t for t in loader.TECHNIQUES if t not in loader.ALWAYS)
NO_MODEL = (
    "No language model is set, so the variants are shown and not run. Fetch the small one with: "
    "consultant model pull smollm2, then start with: consultant chat --model local"
)
QUESTION = "We sort 300 support mails a day by topic. 2,000 are labelled. Should we fine-tune?"


@dataclass(frozen=True)
class Variant:
    """A prompt family with the techniques that are switched on."""

    family: str
    techniques: tuple[str, ...]

    @property
    def spec(self) -> str:
        """As `--prompt` takes it."""
        return f"{self.family}@{'+'.join(self.techniques)}"


class Lab:
    """Shows and runs variants for one consultant, with the model that the settings name, else with a local one."""

    def __init__(self, consultant: Consultant, settings: Settings) -> None:
        self.consultant = consultant
        self.settings = settings
        self._own: ModelWriter | None = None

    def sent(self, question: str, variant: Variant) -> str:
        """The messages that a model would be sent, as HTML."""
        queries, retrieval, understood = self.consultant.prepare(question)
        drafts = list(QuotingWriter().write(queries, retrieval, understood.verdict, understood.question))
        sent = compose(drafts, queries, retrieval, understood.verdict, variant.spec)
        characters = sum(len(text) for _, text in sent.messages)
        return sent_html(variant.spec, sent.prompt, sent.messages, characters)

    def run(self, question: str, variants: Sequence[Variant]) -> Iterator[list[str]]:
        """The checked answer of each variant, one after the other, as HTML; at the end with what differs."""
        writer = self._writer()
        answers: list[Answer] = []
        for variant in variants:
            yield [*(answer_html(a) for a in answers), *([waits_html()] * (len(variants) - len(answers)))]
            running = ModelWriter(writer.model, writer.setting, writer.shown, variant.spec, writer.timeout)
            answers.append(Consultant(self.consultant.retriever, running, self.consultant.book).ask(question))
        yield [answer_html(a, _own_sentences(a, [b for b in answers if b is not a])) for a in answers]

    def _writer(self) -> ModelWriter:
        """The writer with the model that the settings name, else with the small local one."""
        if isinstance(self.consultant.writer, ModelWriter):
            return self.consultant.writer
        if self._own is None:
            if not model_files.model_path(self.settings.home, model_files.DEFAULT_LOCAL).is_file():
                raise ConsultantError(NO_MODEL)
            made = assemble.writer(self.settings.model_copy(update={"model": "local"}))
            assert isinstance(made, ModelWriter), "a local model was named"
            self._own = made
        return self._own


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


def build_tab(lab: Lab) -> None:
    """The tab: a question, two variants, what is sent, and what came of it."""
    gr.Markdown(
        "Switch techniques of prompt engineering on and off, see exactly what a model is sent, and run two variants "
        "on the same question. Every sentence is checked against the sources before it counts.",
        elem_classes="lead",
    )
    question = gr.Textbox(QUESTION, label="Question", lines=2, max_lines=5, elem_id="lab-question")
    family = gr.Radio(
        [("Full, for large models", FULL), ("Brief, for small models", BRIEF)], value=BRIEF, label="Prompt"
    )
    with gr.Row():
        one = gr.CheckboxGroup(list(SWITCHES), value=[], label="Variant A: techniques", elem_id="lab-a")
        other = gr.CheckboxGroup(
            list(SWITCHES), value=["delimiters", "role", "examples"], label="Variant B: techniques", elem_id="lab-b"
        )
    with gr.Row(elem_classes="tools"):
        show = gr.Button("Show what is sent", size="sm", elem_id="lab-show")
        run = gr.Button("Run both", size="sm", variant="primary", elem_id="lab-run")
    with gr.Row(elem_id="lab-results"):
        results = [markup(elem_id=f"lab-{n}") for n in "12"]
    markup(measured_html(measured()), elem_id="lab-measured")

    def variants(family: str, one: list[str], other: list[str]) -> list[Variant]:
        # In the order of the prompt, so that the same switches are the same variant.
        return [Variant(family, tuple(t for t in SWITCHES if t in on)) for on in (one, other)]

    def shown(question: str, family: str, one: list[str], other: list[str]) -> list[str]:
        return _told(lambda: [lab.sent(question, v) for v in variants(family, one, other)])

    def ran(question: str, family: str, one: list[str], other: list[str]) -> Iterator[list[str]]:
        try:
            yield from lab.run(question, variants(family, one, other))
        except (ConsultantError, KnowledgeError) as error:
            yield [note_html(str(error)), ""]

    given = [question, family, one, other]
    show.click(shown, given, results, **QUIETLY)
    run.click(ran, given, results, concurrency_limit=1, **QUIETLY)


def _told(work: Any) -> list[str]:
    try:
        found: list[str] = work()
    except (ConsultantError, KnowledgeError) as error:
        return [note_html(str(error)), ""]
    return found
