"""The prompt lab on the page: its fields, and what each of its buttons does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from bot.errors import BadPrompt, BadSetting, ConsultantError
from bot.prompts import loader
from bot.writers.model import BRIEF, FULL, PURPOSES, prompt_id
from knowledge.errors import KnowledgeError
from ui.lab import QUESTION, SWITCHES, Lab, Setup, file_html, link_html, measured, measured_html, note_html, read_link
from ui.operators import FOR_OPERATORS, Operators, token_box
from ui.parts import INSTANTLY, QUIETLY, markup
from ui.words import say


class Trying:
    """What the events of the tab do; each gets the values of a set-up and gives back HTML."""

    def __init__(self, lab: Lab, operators: Operators) -> None:
        self._lab = lab
        self._operators = operators

    def shown(self, *chosen: Any) -> list[str]:
        """What each variant sends."""
        setup = Setup(*chosen)
        return _told(lambda: [self._lab.sent(setup.question, variant) for variant in setup.variants])

    def ran(self, token: str, model: str, request: gr.Request, *chosen: Any) -> Iterator[list[str]]:
        """The answers of both, as they come; in words of one's own for operators, who pay for the model."""
        setup = Setup(*chosen)
        if setup.variants[1].own and not self._operators.let(token, request.headers):
            yield [note_html(FOR_OPERATORS), ""]
            return
        try:
            yield from self._lab.run(setup.question, setup.variants, model)
        except (ConsultantError, KnowledgeError) as error:
            yield [note_html(str(error)), ""]

    def scored(self, token: str, model: str, request: gr.Request, *chosen: Any) -> Iterator[str]:
        """How both score, for operators."""
        if not self._operators.let(token, request.headers):
            yield note_html(FOR_OPERATORS)
            return
        try:
            yield from self._lab.score(Setup(*chosen).variants, model)
        except (ConsultantError, KnowledgeError) as error:
            yield note_html(str(error))


def shipped_words(family: str, purpose: str) -> str:
    """The file of a prompt, to be rewritten."""
    return (loader.FOLDER / f"{prompt_id(purpose, family)}.md").read_text(encoding="utf-8")


def saved(family: str, purpose: str, words: str | None) -> str:
    """What saves a prompt in one's own words, once they can be read."""
    if not words or not words.strip():
        return note_html("There are no words to save yet. Begin from ours, and change them.")
    name = prompt_id(purpose, family)
    try:
        loader.load(name, own={name: words})
    except BadPrompt as error:
        return note_html(str(error))
    return file_html(name, words)


def opened(address: str) -> tuple[Any, ...]:
    """The lab's tab, what to say, and the four values of the set-up that a link holds; they stay when it is bad."""
    tab = gr.Tabs(selected="lab")
    try:
        setup = read_link(address)
    except BadSetting as error:
        return (tab, note_html(str(error)), *[gr.skip()] * 4)
    return tab, "", setup.question, setup.family, list(setup.one), list(setup.other)


def build_tab(lab: Lab, operators: Operators, rooms: gr.Tabs, link: gr.Textbox) -> None:
    """The tab, one of the `rooms`: a question, two variants, what is sent, what came of it, and how they score.

    Into `link`, which stands outside a tab that is still closed, ui/static/lab.js writes the parameters of the page's
    address.
    """
    gr.Markdown(
        say("lab_about"),
        elem_classes="lead",
    )
    question = gr.Textbox(QUESTION, label=say("question"), lines=2, max_lines=5, elem_id="lab-question")
    family = gr.Radio([(say("full"), FULL), (say("brief"), BRIEF)], value=BRIEF, label=say("prompt"))
    with gr.Row():
        one = gr.CheckboxGroup(list(SWITCHES), value=[], label=say("variant_a"), elem_id="lab-a")
        other = gr.CheckboxGroup(
            list(SWITCHES), value=["delimiters", "role", "examples"], label=say("variant_b"), elem_id="lab-b"
        )
    with gr.Accordion(say("own_words"), open=False, elem_id="lab-own"):
        purpose = gr.Radio(
            [(say("to_advise"), PURPOSES[0]), (say("to_answer"), PURPOSES[1])],
            value=PURPOSES[0],
            label=say("prompt_file"),
        )
        words = gr.Textbox(
            label=say("words"),
            info=say("words_about"),
            lines=8,
            max_lines=24,
            max_length=loader.LONGEST,
            elem_id="lab-words",
        )
        with gr.Row(elem_classes="tools"):
            begin = gr.Button(say("begin_from_ours"), size="sm", elem_id="lab-begin")
            save = gr.Button(say("save_prompt"), size="sm", elem_id="lab-save")
        file = markup(elem_id="lab-file")
    models = lab.models()
    model = gr.Radio(
        models, value=models[0] if models else None, label=say("model"), visible=len(models) > 1, elem_id="lab-model"
    )
    with gr.Row(elem_classes="tools"):
        show = gr.Button(say("show_sent"), size="sm", elem_id="lab-show")
        run = gr.Button(say("run_both"), size="sm", variant="primary", elem_id="lab-run")
        score = gr.Button(say("score_both"), size="sm", elem_id="lab-score")
        share = gr.Button(say("share"), size="sm", elem_id="lab-share")
    token = token_box(operators, "lab-token")
    told = markup(elem_id="lab-told")
    with gr.Row(elem_id="lab-results"):
        results = [markup(elem_id=f"lab-{n}") for n in "12"]
    markup(measured_html(measured()), elem_id="lab-measured")

    given = [question, family, one, other]
    does = Trying(lab, operators)
    tried = [*given, purpose, words]
    show.click(does.shown, tried, results, **QUIETLY)
    run.click(does.ran, [token, model, *tried], results, concurrency_limit=1, **QUIETLY)
    score.click(does.scored, [token, model, *tried], told, concurrency_limit=1, **QUIETLY)
    begin.click(shipped_words, [family, purpose], words, **INSTANTLY)
    save.click(saved, [family, purpose, words], file, **INSTANTLY)
    share.click(lambda *chosen: link_html(Setup(*chosen)), given, told, **INSTANTLY)
    link.submit(opened, link, [rooms, told, *given], **INSTANTLY)


def _told(work: Any) -> list[str]:
    try:
        found: list[str] = work()
    except (ConsultantError, KnowledgeError) as error:
        return [note_html(str(error)), ""]
    return found
