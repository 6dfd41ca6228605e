"""Replies and results made by hand, so that every figure can be computed on paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.evaluation.cases import Case
from bot.evaluation.reply import Place, Quoted, Reply
from bot.evaluation.run import Result, rescored


def place(section: str, start: int = 0, end: int = 10) -> Place:
    return Place(section, section.split("#")[0], start, end)


def quoted(section: str, *, verbatim: bool = True) -> Quoted:
    return Quoted(place(section), "A sentence.", verbatim)


def reply(**values: Any) -> Reply:
    """Advice for prompting that cites two documents, three of its four sentences supported."""
    told: dict[str, Any] = {
        "text": "Start with prompt engineering.\nIt is cheap.",
        "status": "partly",
        "kind": "project",
        "approach": "prompt-engineering",
        "parts": ("prompt-engineering",),
        "confidence": 0.9,
        "question": "",
        "sentences": 4,
        "supported": 3,
        "quotes": (quoted("prompting#costs"), quoted("lora#costs")),
        "found": (place("lora#costs"), place("prompting#costs"), place("rag#costs")),
        "model": "quoting",
        "prompt": "quoting 1",
        "seconds": 0.5,
    }
    return Reply(**{**told, **values})


REFUSED = reply(
    text="My sources do not answer that.", status="refused", kind="question", approach="none", parts=(),
    confidence=None, sentences=0, supported=0, quotes=(), found=(),
)  # fmt: skip


def result(
    name: str, made: Reply | None = None, *, error: str = "", expect: Mapping[str, Any] | None = None, **case: Any
) -> Result:
    wanted = {"approach": ["prompt-engineering"]} if expect is None else expect
    return rescored(Case(name, f"Ask {name}?", wanted, **case), made, lambda _: [[1.0], [1.0]], error=error)
