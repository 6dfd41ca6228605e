"""The page as Gradio Blocks: what stands where, and which event leads to what; it keeps no state on the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gradio as gr

from bot.consultant import Consultant
from bot.queries import MAX_CHARACTERS, clean, longer_than_read
from bot.settings import Settings, read_settings
from knowledge.documents import READERS
from ui import browse, collection, contract, costs, evaluations, lab, lab_tab, render, turns
from ui.api import checked, earlier, read_history
from ui.bodies import MAX_BODY, READ
from ui.collection import Collection
from ui.consultation import DISLIKE, LIKE, REASONS, Consultation, Shown, record
from ui.costs import CostsTab
from ui.feedback import Collector, default_url
from ui.operators import Operators
from ui.parts import INSTANTLY, PRIVATE, QUIETLY, hidden, markup
from ui.replies import told
from ui.sites import Access
from ui.templating import template
from ui.turns import Turn
from ui.words import say

TITLE = "Consultant"
TAGLINE = (
    "Prompt engineering, retrieval, fine-tuning, or something simpler? Describe your project and get advice in "
    "which every sentence has a source."
)
STARTERS = {
    "A small shop, no data": "We are six people, need product texts for three shops next week, no labelled data, "
    "100 euros a month. Should we fine-tune?",
    "Many documents, private": "Our hospital has 12,000 protocols as PDF. Nurses need quick answers, and the data "
    "may not leave our network.",
    "Thousands of labels": "We have 40,000 support mails labelled by topic and want to route new ones within a "
    "second, about two million a month.",
    "How many examples?": "How many examples do I need to fine-tune?",
}
STATIC = Path(__file__).parent / "static"
CSS = "".join((STATIC / f"{name}.css").read_text(encoding="utf-8") for name in ("chat", "panels", "tabs"))
SCRIPTS = ("chat", "panels", "conversations", "attach", "collect", "lab")
FRAME = f"<style>{(STATIC / 'frame.css').read_text(encoding='utf-8')}</style>"
HEAD = FRAME + "".join(f"<script>{(STATIC / f'{name}.js').read_text(encoding='utf-8')}</script>" for name in SCRIPTS)

FAVICON = str(STATIC / "favicon.svg")

SEND, STOP = say("send"), say("stop")
_READY: dict[str, Any] = gr.update(submit_btn=SEND, stop_btn=False)
_ANSWERING: dict[str, Any] = gr.update(submit_btn=False, stop_btn=STOP)
# What is understood comes first, then the words of the answer.
_SECOND_WORDS = 2
# The new value of each component that changes.
Changes = dict[Any, Any]


@dataclass(frozen=True)
class Parts:
    """What changes on the page. The hidden ones are how the page's own scripts and the events talk."""

    chatbot: gr.Chatbot
    folded: gr.Textbox
    before: gr.Markdown
    box: gr.Textbox
    project: gr.Markdown
    verdict: gr.Markdown
    supposed: gr.Markdown
    sources: gr.Markdown
    made: gr.Markdown
    corrections: gr.Textbox
    kept: gr.Markdown

    @property
    def all(self) -> list[Any]:
        """Every part, as the outputs of an event."""
        return [getattr(self, field.name) for field in fields(self)]

    def changed(self, shown: Shown, fold: turns.Fold | None = None) -> Changes:
        """What an event returns: the new value of each part that is named.

        Of a conversation that grew long the first turns are folded away and go along unseen.
        """
        if "chatbot" in shown:
            fold = fold or turns.fold(shown["chatbot"])
            sight = shown["chatbot"][fold.turns :]
            shown = {**shown, "chatbot": sight, "folded": fold.packed, "before": render.folded(fold.questions)}
        return {getattr(self, name): value for name, value in shown.items()}

    @property
    def said(self) -> list[Any]:
        """What an event is told of the conversation: the turns folded away, those in sight, and the corrections."""
        return [self.folded, self.chatbot, self.corrections]


def build(
    consultant: Consultant,
    library: Path | None = None,
    settings: Settings | None = None,
    access: Access | None = None,
) -> gr.Blocks:
    """The page over one consultant; citations lead to the site of the corpus in the folder `library`.

    The prompt lab finds a local model by the `settings`, those of the environment unless told; `access` tells who
    may do what is for operators.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_height=True) as page:
        gr.Markdown(say("masthead"), elem_id="masthead")
        settings = settings or read_settings()
        consultation, operators = Consultation(consultant, library), Operators(access or Access())
        link = hidden("lab-open")
        with gr.Tabs(elem_id="rooms") as rooms:
            with gr.Tab(say("consultation"), id="consultation"):
                parts, conversation_ends = _consultation(consultation, settings)
            with gr.Tab(say("lab"), id="lab"):
                lab_tab.build_tab(lab.Lab(consultant, settings), operators, rooms, link)
            with gr.Tab(say("costs"), id="costs"):
                tab = costs.build_tab(library)
            with gr.Tab(say("knowledge"), id="knowledge") as knowledge:
                show_own = browse.build_tab(consultant, library, knowledge)
                show_own(collection.build_part(Collection(consultant.retriever), operators, knowledge))
            with gr.Tab(say("evaluation"), id="evaluation"):
                evaluations.build_tab(evaluations.Evaluations(consultant, settings), operators)
        _wire_costs(parts, tab, conversation_ends, consultation)
        gr.api(_endpoint(consultant), api_name="ask")  # type: ignore[attr-defined]
    return page  # type: ignore[no-any-return]


def _endpoint(consultant: Consultant) -> Callable[..., dict[str, Any]]:
    """What gradio_client calls as `/ask`: the same object as POST /api/ask gives."""

    def ask(question: str, history: list[dict[str, str]] | None = None) -> dict[str, Any]:
        """Ask the consultant; `history` has the turns before, each with a role (user, assistant) and its content."""
        try:
            turns = [earlier(turn.role, turn.content) for turn in read_history(history or [])]
            return contract.to_json(consultant.ask(checked(question), turns))
        except ValueError as error:
            raise gr.Error(f"The history cannot be read: {error}.", print_exception=False) from error
        # The endpoint is a boundary: its caller gets a sentence, the log the traceback under the same id.
        except Exception as error:  # noqa: BLE001
            raise gr.Error(told(error)[1], print_exception=False) from None

    return ask


def _consultation(consultation: Consultation, settings: Settings) -> tuple[Parts, list[Any]]:
    """The conversation, and beside it the panels; returns the events that end an answer too."""
    with gr.Row(elem_id="desk", equal_height=False):
        with gr.Column(scale=7, min_width=320, elem_id="talk"):
            before, chatbot, box = markup(elem_id="before"), _chatbot(), _box()
            with gr.Row(elem_id="tools"):
                new = gr.Button(say("new"), elem_id="new", size="sm", variant="secondary")
                export = gr.Button(say("export"), elem_id="export", size="sm", variant="secondary")
            _attach()
            exports = markup(elem_id="exports")
            markup('<div class="conversations"></div>', elem_id="conversations")
        with gr.Column(scale=5, min_width=320, elem_id="beside"):
            project, verdict, supposed, sources, made = _panels(consultation)
    parts = Parts(
        chatbot=chatbot,
        folded=hidden("folded"),
        before=before,
        box=box,
        project=project,
        verdict=verdict,
        supposed=supposed,
        sources=sources,
        made=made,
        corrections=hidden("corrections", "[]"),
        kept=markup(elem_id="kept"),
    )
    streams, ends = _wire_conversation(parts, new, consultation)
    _wire_panels(parts, streams, consultation)
    _wire_feedback(parts, consultation, Collector(settings.feedback_db or default_url(settings.home)))

    def exported(folded: str, shown: list[Turn], corrections: str) -> str:
        return consultation.exported(turns.whole(folded, shown), corrections)

    export.click(exported, parts.said, exports, **INSTANTLY)
    return parts, ends


def _chatbot() -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat",
        label=say("conversation"),
        show_label=False,
        scale=1,
        height="auto",
        min_height=320,
        editable="user",
        buttons=["copy", "copy_all"],
        feedback_options=(LIKE, DISLIKE, *REASONS),
        latex_delimiters=[],
        allow_tags=False,
        sanitize_html=True,
        layout="bubble",
        placeholder=say("opening"),
        examples=[{"text": text, "display_text": label} for label, text in STARTERS.items()],
    )


def _box() -> gr.Textbox:
    return gr.Textbox(
        elem_id="question",
        label=say("box"),
        show_label=False,
        placeholder=say("box_hint"),
        lines=1,
        max_lines=8,
        autofocus=True,
        submit_btn=SEND,
        stop_btn=False,
    )


def _attach() -> None:
    """Where a file with a description is chosen; ui/static/attach.js puts its text into the box."""
    body = template("attach").render(kinds=sorted(READERS), characters=MAX_CHARACTERS, bytes=MAX_BODY[READ])
    markup(render.one_line(body), elem_id="attach")


def _panels(consultation: Consultation) -> tuple[gr.Markdown, ...]:
    """The panels beside the conversation, a tab each."""
    empty = consultation.empty()
    with gr.Tabs(elem_id="panels"):
        with gr.Tab(say("verdict"), id="verdict"):
            supposed, verdict = markup(elem_id="supposed"), markup(empty["verdict"], elem_id="verdict")
        with gr.Tab(say("project"), id="project"):
            project = markup(empty["project"], elem_id="project")
        with gr.Tab(say("sources"), id="sources"):
            sources = markup(empty["sources"], elem_id="sources")
        with gr.Tab(say("made"), id="made"):
            made = markup(empty["made"], elem_id="made")
    return project, verdict, supposed, sources, made


class Answering:
    """What each event does that is answered: it makes the conversation that is to be answered, and shows it grow."""

    def __init__(self, parts: Parts, consultation: Consultation) -> None:
        self._parts = parts
        self._consultation = consultation

    def answered(self, folded: str, sight: list[Turn], corrections: str, **box: Any) -> Iterator[Changes]:
        """The page as the answer grows; meanwhile the box offers to stop, and keeps what is typed into it.

        The browser keeps the first question at once, a later one with the second words of the answer, so that the
        first ones need not wait for all that came before, and the answer with its last: after a lost connection
        nothing more would come.
        """
        parts = self._parts
        told = given = turns.whole(folded, sight)
        kept = {"kept": record(given, corrections)}
        # What is folded away must go with the first change, which comes whole: Gradio's later changes, which are only
        # what differs, take the wrong turns out of a list that gets shorter.
        fold = turns.fold(given)
        begun: Shown = {"chatbot": given, "box": {**_ANSWERING, **box}, **(kept if len(given) == 1 else {})}
        yield parts.changed(begun, fold)
        for number, shown in enumerate(self._consultation.answered(given, corrections)):
            told = shown.get("chatbot", told)
            yield parts.changed({**shown, **(kept if number == _SECOND_WORDS else {})}, fold)
        yield {parts.kept: record(told, corrections)}

    def asked(self, text: str, folded: str, shown: list[Turn], corrections: str) -> Iterator[Changes]:
        """What stands in the box; an empty one changes nothing, and what is too long to be read stays there."""
        if too_long := longer_than_read(clean(text or "")):
            gr.Warning(too_long)
            # Without a yield Gradio would empty the box.
            yield {self._parts.box: _READY}
        elif clean(text or ""):
            yield from self.answered(folded, [*shown, turns.asks(text)], corrections, value="")

    def starter(self, shown: list[Turn], corrections: str, chosen: gr.SelectData) -> Iterator[Changes]:
        """A starter that was pressed; they stand in an empty conversation."""
        yield from self.answered("", [*shown, turns.asks(str(chosen.value["text"]))], corrections)

    def replied(self, folded: str, shown: list[Turn], corrections: str, chosen: gr.SelectData) -> Iterator[Changes]:
        """A quick reply that was pressed."""
        yield from self.answered(folded, [*shown, turns.asks(str(chosen.value))], corrections)

    def retried(self, folded: str, shown: list[Turn], corrections: str, chosen: gr.RetryData) -> Iterator[Changes]:
        """An answer that is to be given anew."""
        yield from self.answered(folded, shown[: _index(chosen) + 1], corrections)

    def edited(self, folded: str, shown: list[Turn], corrections: str, chosen: gr.EditData) -> Iterator[Changes]:
        """A message that was put otherwise; what came after it is gone."""
        text = render.unescape_markdown(str(chosen.value))
        if too_long := longer_than_read(clean(text)):
            gr.Warning(too_long)
            yield {self._parts.chatbot: shown, self._parts.box: text}
        else:
            yield from self.answered(folded, [*shown[: _index(chosen)], turns.asks(text)], corrections)

    def again(self, _: str, folded: str, shown: list[Turn], corrections: str) -> Iterator[Changes]:
        """The last message once more, by what was corrected since."""
        yield from self.answered(folded, turns.until_asked(shown), corrections)


def _wire_conversation(parts: Parts, new: gr.Button, consultation: Consultation) -> tuple[list[Any], list[Any]]:
    """The events that are answered; returns them, so that others can cancel them, and what follows each."""
    said = parts.said
    does, again = Answering(parts, consultation), hidden("again")
    events: list[tuple[Any, Callable[..., Any], list[Any]]] = [
        (parts.chatbot.example_select, does.starter, [parts.chatbot, parts.corrections]),
        (parts.chatbot.option_select, does.replied, said),
        (parts.chatbot.retry, does.retried, said),
        (parts.chatbot.edit, does.edited, said),
        (again.submit, does.again, [again, *said]),
    ]
    # While an answer streams, another question is not taken from the box: it waits there.
    streams: list[Any] = [parts.box.submit(does.asked, [parts.box, *said], parts.all, trigger_mode="once", **QUIETLY)]
    for event, change, given in events:
        streams.append(event(change, given, parts.all, cancels=list(streams), **QUIETLY))
    # Also runs once a stopped answer has really ended; before that another question would not be taken.
    ending = [parts.box, parts.chatbot, parts.folded, parts.before, parts.kept]

    def ended(folded: str, shown: list[Turn], corrections: str, kept: str) -> Changes:
        """The box takes the next question, and the browser keeps the conversation.

        Where nothing is kept the page was cleared meanwhile; a last piece of the answer may have filled it again.
        """
        if not kept:
            return parts.changed({"box": _READY, "chatbot": []})
        return parts.changed({"box": _READY, "kept": record(turns.whole(folded, shown), corrections)})

    ends = [stream.then(ended, [*said, parts.kept], ending, **INSTANTLY) for stream in streams]
    parts.box.stop(None, None, None, cancels=streams, **PRIVATE)

    def undone(folded: str, shown: list[Turn], chosen: gr.UndoData) -> Changes:
        """The last message is taken back into the box."""
        index = _index(chosen)
        text = render.unescape_markdown(turns.text(shown[index]))
        return parts.changed({"chatbot": turns.whole(folded, shown[:index]), "box": text})

    parts.chatbot.undo(undone, [parts.folded, parts.chatbot], ending[:-1], **INSTANTLY)

    def anew() -> Changes:
        return parts.changed({**consultation.empty(), "box": _READY, "kept": ""})

    # First the answer that streams is stopped: a last piece of it would fill the empty page again.
    stopped = gr.on([new.click, parts.chatbot.clear], None, None, None, cancels=streams, **PRIVATE)
    stopped.then(anew, None, parts.all, **INSTANTLY)
    return streams, ends


def _index(chosen: Any) -> int:
    """The turn in sight that an event is about; in a group of turns, the first of it."""
    return int(chosen.index if isinstance(chosen.index, int) else chosen.index[0])


def _wire_feedback(parts: Parts, consultation: Consultation, collector: Collector) -> None:
    def judged(folded: str, shown: list[Turn], corrections: str, chosen: gr.LikeData) -> None:
        until = turns.whole(folded, shown[: _index(chosen) + 1])
        gr.Info(collector.keep(consultation.judged(until, corrections, chosen.liked)))

    # A thank-you is shown only by way of the queue.
    parts.chatbot.like(judged, parts.said, None, **PRIVATE)


def _wire_costs(parts: Parts, tab: CostsTab, ends: list[Any], consultation: Consultation) -> None:
    """After each answer the figures that the person named go into the costs; what was set there by hand stays."""

    def filled(folded: str, shown: list[Turn], corrections: str) -> list[Any]:
        now, before = consultation.briefs(turns.whole(folded, shown), corrections)
        return tab.filled(now, before)

    for end in ends:
        done = end.then(filled, parts.said, tab.outputs, **INSTANTLY)
        done.then(tab.redrawn, list(tab.numbers), list(tab.figures), **INSTANTLY)


def _wire_panels(parts: Parts, streams: list[Any], consultation: Consultation) -> None:
    """The events that the page's own scripts start, each by writing into a hidden box."""

    def corrected(told: str, folded: str, sight: list[Turn], corrections: str) -> Changes:
        slot, _, value = told.partition("=")
        given = turns.whole(folded, sight)
        shown = consultation.corrected(given, corrections, slot, value)
        kept = record(given, shown.get("corrections", corrections))
        return parts.changed({**shown, "kept": kept})

    def supposed(told: str, folded: str, sight: list[Turn], corrections: str) -> Changes:
        slot, _, answer = told.partition("=")
        return parts.changed(consultation.supposed(turns.whole(folded, sight), corrections, slot, answer))

    def opened(told: str) -> Changes:
        return parts.changed({**consultation.opened(told), "box": _READY})

    for name, change in (("correct", corrected), ("suppose", supposed)):
        channel = hidden(name)
        channel.submit(change, [channel, *parts.said], parts.all, **INSTANTLY)

    def unfolded(_: str, folded: str, sight: list[Turn]) -> Changes:
        return {parts.chatbot: turns.whole(folded, sight), parts.folded: "", parts.before: ""}

    channel = hidden("unfold")
    outputs = [parts.chatbot, parts.folded, parts.before]
    channel.submit(unfolded, [channel, parts.folded, parts.chatbot], outputs, **INSTANTLY)
    channel = hidden("open")
    channel.submit(opened, channel, parts.all, cancels=streams, **INSTANTLY)
