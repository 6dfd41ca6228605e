"""A consultation to take away: as Markdown, as JSON for `consultant ask --history`, and as a page to print."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from bot.types import Considered, Message
from ui import panels, render, turns
from ui.turns import Turn

NAMES = {"user": "You", "assistant": "Consultant"}


def as_markdown(given: Sequence[Turn]) -> str:
    """The conversation, each answer with its sources."""
    parts = ["# A consultation"]
    for turn in given:
        body = turns.text(turn)
        if not turns.is_panel(turn):
            parts.append(f"**{NAMES[turn['role']]}**\n\n{render.without_links(body)}")
        elif listed := render.sources_listed(body):
            parts.append("Sources\n\n" + "\n".join(f"- {render.escape_markdown(line)}" for line in listed))
    return "\n\n".join(parts) + "\n"


def as_json(messages: Sequence[Message]) -> str:
    """The messages in the form that `consultant ask --history` reads."""
    return json.dumps([{"role": m.role, "content": m.content} for m in messages], ensure_ascii=False, indent=1)


def as_page(given: Sequence[Turn], understood: Considered | None, today: date) -> str:
    """One page with the verdict, the project and the conversation with its sources, for the screen and for paper."""
    said: list[dict[str, Any]] = []
    for turn in given:
        body = turns.text(turn)
        if turns.is_panel(turn):
            said.append({"who": "", "html": render.clean_html(body).replace("<details", "<details open")})
        else:
            said.append({"who": NAMES[turn["role"]], "html": render.markdown_html(render.without_links(body))})
    return panels.page("consultation", understood=understood, said=said, today=today)


def links(given: Sequence[Turn], understood: Considered | None, today: date) -> str:
    """The three forms as links that download them; the page's policy allows no other way without the server."""
    if not given:
        return panels.exports([])
    files = [
        ("Report to print", "consultation.html", "text/html", as_page(given, understood, today)),
        ("Markdown", "consultation.md", "text/markdown", as_markdown(given)),
        ("JSON", "consultation.json", "application/json", as_json(turns.messages(given))),
    ]
    return panels.exports(
        [
            {
                "label": label,
                "name": name,
                "href": f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}",
            }
            for label, name, kind, text in files
        ]
    )
