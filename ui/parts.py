"""What every tab of the page is built with."""

from __future__ import annotations

from typing import Any

import gradio as gr

# A private event is wired to the page alone: it is no endpoint of an API.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
# What comes of an event shows itself; no spinner stands over it.
QUIETLY: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
# Answered at once, past the queue of those who wait for an answer.
INSTANTLY: dict[str, Any] = {"queue": False, **QUIETLY}
# What the server writes is English, whatever the language of the page around it; ui/static/chat.js says so.
ENGLISH = "english"


def markup(body: str = "", **named: Any) -> gr.Markdown:
    """A place for HTML on one line that ui/render.py made safe; Gradio's own component for HTML needs `eval`, which
    the page's policy forbids."""
    classes = [ENGLISH, *named.pop("elem_classes", "").split()]
    return gr.Markdown(body, sanitize_html=False, latex_delimiters=[], elem_classes=classes, **named)


def hidden(name: str, value: str = "") -> gr.Textbox:
    """A box that the page's own scripts write into, to tell the server something."""
    return gr.Textbox(value, show_label=False, elem_id=name, elem_classes="channel")
