"""A consultation to take away: as Markdown, as JSON for `consultant ask --history`, and as a page to print."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from bot.types import Considered, Message
from ui import panels, render, turns
from ui.templating import template
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
    concluded = understood.verdict if understood else None
    return template("consultation").render(
        facts=understood.brief.told if understood else (),
        label=panels.label,
        verdict=concluded,
        advice=panels.advice(concluded) if concluded else "",
        sure=panels.sure(concluded) if concluded else "",
        reasons=[("For it", concluded.reasons_for), ("Against it", concluded.reasons_against)] if concluded else [],
        said=said,
        today=today,
    )


def links(given: Sequence[Turn], understood: Considered | None, today: date) -> str:
    """The three forms as links that hold their files themselves, so that the server keeps none.

    The links are ours alone and not sanitised, which would drop their addresses.
    """
    if not given:
        return render.one_line(template("exports").render(files=[]))
    files = [
        ("Report to print", "consultation.html", "text/html", as_page(given, understood, today)),
        ("Markdown", "consultation.md", "text/markdown", as_markdown(given)),
        ("JSON", "consultation.json", "application/json", as_json(turns.messages(given))),
    ]
    shown = template("exports").render(
        files=[
            {
                "label": label,
                "name": name,
                "href": f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}",
            }
            for label, name, kind, text in files
        ]
    )
    return render.one_line(shown)
