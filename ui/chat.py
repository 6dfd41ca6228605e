"""The chat page as Gradio Blocks: it shows what the consultant says and keeps no state on the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from bot.consultant import Consultant
from bot.errors import ConsultantError
from bot.queries import clean
from bot.types import Message, Question, Statement, so_far
from knowledge.errors import KnowledgeError
from ui import render
from ui.api import logged

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
CSS = (STATIC / "chat.css").read_text(encoding="utf-8")
HEAD = f"<script>{(STATIC / 'chat.js').read_text(encoding='utf-8')}</script>"
# The panel below an answer is a message of its own; its title tells it from the answer.
_PANEL = "panel"

SEND, STOP = "Send", "Stop"
_READY: dict[str, Any] = gr.update(submit_btn=SEND, stop_btn=False)
_ANSWERING: dict[str, Any] = gr.update(submit_btn=False, stop_btn=STOP)

Turn = dict[str, Any]
# What an event changes: the box, and the conversation.
Shown = tuple[Any, Any]


def build(consultant: Consultant, library: Path | None = None) -> gr.Blocks:
    """The page over one consultant; citations lead to the site of the corpus in the folder `library`."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_height=True) as page:
        gr.Markdown(f"# {TITLE}\n{TAGLINE}", elem_id="masthead")
        chatbot = gr.Chatbot(
            elem_id="chat",
            label="Conversation",
            show_label=False,
            scale=1,
            height="auto",
            min_height=320,
            editable="user",
            buttons=["copy", "copy_all"],
            feedback_options=None,
            latex_delimiters=[],
            allow_tags=False,
            sanitize_html=True,
            layout="bubble",
            placeholder="What is your project? Tell me the task, your data, your time and your budget.",
            examples=[{"text": text, "display_text": label} for label, text in STARTERS.items()],
        )
        box = gr.Textbox(
            elem_id="question",
            label="Your project or question",
            show_label=False,
            placeholder="Describe your project, or ask a question…",
            lines=1,
            max_lines=8,
            autofocus=True,
            submit_btn=SEND,
            stop_btn=False,
        )
        new = gr.Button("New conversation", elem_id="new", size="sm", variant="secondary")

        def asked(text: str, turns: list[Turn]) -> Iterator[Shown]:
            yield from _asked(consultant, text, turns, library)

        def starter(turns: list[Turn], chosen: gr.SelectData) -> Iterator[Shown]:
            yield from _answered(consultant, [*turns, _asks(str(chosen.value["text"]))], library)

        def replied(turns: list[Turn], chosen: gr.SelectData) -> Iterator[Shown]:
            yield from _answered(consultant, [*turns, _asks(str(chosen.value))], library)

        def retried(turns: list[Turn], chosen: gr.RetryData) -> Iterator[Shown]:
            yield from _answered(consultant, _cut_for_retry(turns, chosen), library)

        def edited(turns: list[Turn], chosen: gr.EditData) -> Iterator[Shown]:
            yield from _answered(consultant, _cut_for_edit(turns, chosen), library)

        # A private event is wired to the page alone: it is no endpoint of an API.
        private: dict[str, Any] = {"api_visibility": "private"}
        both = [box, chatbot]
        # While an answer streams, another question is not taken from the box: it waits there.
        streams: list[Any] = [box.submit(asked, both, both, trigger_mode="once", **private)]
        for event, change in (
            (chatbot.example_select, starter),
            (chatbot.option_select, replied),
            (chatbot.retry, retried),
            (chatbot.edit, edited),
        ):
            streams.append(event(change, chatbot, both, cancels=list(streams), **private))
        # Also runs once a stopped answer has really ended; before that another question would not be taken.
        for stream in streams:
            stream.then(lambda: _READY, None, box, queue=False, **private)
        box.stop(None, None, None, cancels=streams, **private)
        chatbot.undo(_undo, chatbot, [chatbot, box], queue=False, **private)
        gr.on(
            [new.click, chatbot.clear],
            lambda: ([], {**_READY, "value": ""}),
            None,
            [chatbot, box],
            cancels=streams,
            queue=False,
            **private,
        )
    return page  # type: ignore[no-any-return]


def theme() -> gr.themes.Base:
    """Calm, with the fonts of the system: nothing is loaded from elsewhere."""
    system = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    return gr.themes.Soft(
        primary_hue="teal", neutral_hue="slate", font=system, font_mono=["ui-monospace", "Menlo", "monospace"]
    )


def _asked(consultant: Consultant, text: str, turns: list[Turn], library: Path | None = None) -> Iterator[Shown]:
    """Put the person's message at the end and answer it; an empty box changes nothing."""
    if clean(text or ""):
        yield from _answered(consultant, [*turns, _asks(text)], library, value="")


def _answered(consultant: Consultant, turns: list[Turn], library: Path | None, **box: Any) -> Iterator[Shown]:
    """The conversation as the answer grows; meanwhile the box offers to stop, and keeps what is typed into it."""
    yield {**_ANSWERING, **box}, turns
    for grown in _respond(consultant, turns, library):
        yield gr.skip(), grown


def _respond(consultant: Consultant, turns: list[Turn], library: Path | None = None) -> Iterator[list[Turn]]:
    """The conversation with the answer growing at its end, then with the panel of sources below it."""
    question, history = _read(turns)
    if not question:
        yield turns
        return
    try:
        stream = consultant.stream(question, history)
        shown: list[Statement] = []
        for statement, _ in stream:
            shown = so_far(shown, statement)
            yield [*turns, _says(render.markdown(shown))]
        answer = stream.answer
        panel = render.status_html(answer) + render.sources_html(answer, library)
        said = [_says(render.markdown(answer.statements))]
        yield [*turns, *said, *([_panel(panel, answer.question)] if panel else [])]
    except (ConsultantError, KnowledgeError) as error:
        yield [*turns, _says(render.escape_markdown(str(error)))]
    # The page is a boundary: the person gets a sentence, the log the traceback under the same id.
    except Exception as error:  # noqa: BLE001
        yield [*turns, _says(f"Something went wrong here. Tell the operator the error id {logged(error)}.")]


def _cut_for_retry(turns: list[Turn], chosen: gr.RetryData) -> list[Turn]:
    return turns[: int(chosen.index) + 1]  # type: ignore[arg-type]


def _cut_for_edit(turns: list[Turn], chosen: gr.EditData) -> list[Turn]:
    index = chosen.index if isinstance(chosen.index, int) else chosen.index[0]
    return [*turns[:index], _asks(render.unescape_markdown(str(chosen.value)))]


def _undo(turns: list[Turn], chosen: gr.UndoData) -> tuple[list[Turn], str]:
    """Take back the last message into the box."""
    index = int(chosen.index)  # type: ignore[arg-type]
    return turns[:index], render.unescape_markdown(_text(turns[index]))


def _asks(text: str) -> Turn:
    return {
        "role": "user",
        "content": "\n\n".join(render.escape_markdown(line) for line in text.split("\n") if line.strip()),
    }


def _says(markdown: str) -> Turn:
    return {"role": "assistant", "content": markdown}


def _panel(body: str, question: Question | None) -> Turn:
    replies = [{"value": words, "label": words} for words in question.options] if question else []
    return {"role": "assistant", "content": f'<div class="{_PANEL}">{body}</div>', "options": replies}


def _read(turns: list[Turn]) -> tuple[str, list[Message]]:
    """The last message of the person and what was said before; panels are no part of the conversation."""
    messages = [
        Message("user" if turn["role"] == "user" else "assistant", render.unescape_markdown(_text(turn)))
        for turn in turns
        if not _text(turn).startswith(f'<div class="{_PANEL}">')
    ]
    if not messages or messages[-1].role != "user":
        return "", []
    return messages[-1].content, messages[:-1]


def _text(turn: Turn) -> str:
    """A message's words: the page sends them as a list of typed parts, API clients as a plain string."""
    content = turn["content"]
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
