"""The turns of Gradio's chat ↔ the messages of a conversation.

A turn holds Markdown; what a person typed is escaped on its way in and unescaped on its way out. Below an answer
stands a panel, a turn of its own with the status and the sources, which is no part of the conversation.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from bot.types import Message, Question
from ui import render

Turn = dict[str, Any]
# Questions that at least stay in sight. Gradio's chat does work for each of its turns whenever one of them changes:
# `python -m benchmarks conversing` measures what that costs.
IN_SIGHT = 4
# Bytes of the turns that are folded away, before they are packed.
MAX_FOLDED = 8_000_000
# The class of a panel tells it from an answer.
_PANEL = '<div class="panel">'


def asks(text: str) -> Turn:
    """The person's turn."""
    lines = [render.escape_markdown(line) for line in text.split("\n") if line.strip()]
    return {"role": "user", "content": "\n\n".join(lines)}


def says(markdown: str) -> Turn:
    """The consultant's turn, of Markdown made by ui/render.py."""
    return {"role": "assistant", "content": markdown}


def panel(body: str, question: Question | None) -> Turn:
    """What stands below an answer, with the quick replies to its question."""
    replies = [{"value": words, "label": words} for words in question.options] if question else []
    return {"role": "assistant", "content": f"{_PANEL}{body}</div>", "options": replies}


def read(turns: Sequence[Turn]) -> tuple[str, list[Message]]:
    """The last message of the person, and what was said before it; "" when the last turn is not theirs."""
    said = messages(turns)
    if not said or said[-1].role != "user":
        return "", []
    return said[-1].content, said[:-1]


def messages(turns: Sequence[Turn]) -> list[Message]:
    """The conversation, in plain words."""
    return [
        Message(
            "user" if turn["role"] == "user" else "assistant",
            render.unescape_markdown(render.without_links(text(turn))),
        )
        for turn in turns
        if not is_panel(turn)
    ]


def is_panel(turn: Turn) -> bool:
    """Whether a turn is what stands below an answer."""
    return text(turn).startswith(_PANEL)


class KeptTurn(BaseModel):
    """What is kept of a turn."""

    role: str = Field(pattern="^(user|assistant)$")
    content: str
    options: list[dict[str, str]] = Field(default_factory=list)


_KEPT = TypeAdapter(list[KeptTurn])


def kept(turn: Turn) -> Turn:
    """A turn without what the page adds to it."""
    return {"role": turn["role"], "content": text(turn), "options": turn.get("options") or []}


@dataclass(frozen=True)
class Fold:
    """Where a long conversation is folded: the questions folded away, the turns with them, and these packed."""

    questions: int
    turns: int
    packed: str


def fold(turns: Sequence[Turn]) -> Fold:
    """It follows from the questions alone; as they grow more, IN_SIGHT at a time are folded away."""
    asked = [n for n, turn in enumerate(turns) if turn["role"] == "user"]
    away = max(0, len(asked) // IN_SIGHT - 1) * IN_SIGHT
    at = asked[away] if away else 0
    return Fold(away, at, folded(turns[:at]))


def folded(turns: Sequence[Turn]) -> str:
    """Turns as a short text that the page carries along unseen; "" for none."""
    if not turns:
        return ""
    return base64.b64encode(zlib.compress(json.dumps([kept(turn) for turn in turns]).encode())).decode()


def unfolded(packed: str) -> list[Turn]:
    """The turns that `folded` wrote; what cannot be read counts as none."""
    if not packed:
        return []
    try:
        text = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), MAX_FOLDED)
        return [turn.model_dump() for turn in _KEPT.validate_json(text)]
    except (binascii.Error, zlib.error, ValidationError):
        return []


def whole(packed: str, shown: Sequence[Turn]) -> list[Turn]:
    """The conversation from what is folded away and what is in sight."""
    return [*unfolded(packed), *shown]


def until_asked(turns: Sequence[Turn]) -> list[Turn]:
    """The turns up to the person's last one, so that it is answered anew."""
    at = max((n for n, turn in enumerate(turns) if turn["role"] == "user"), default=-1)
    return list(turns[: at + 1])


def text(turn: Turn) -> str:
    """A turn's words: the page sends them as a list of typed parts, API clients as a plain string."""
    content = turn["content"]
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
