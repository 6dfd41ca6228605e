"""Answers held to a schema: sentences with the numbers of their passages, read while they are still being written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import Runnable

# What OpenAI's protocol calls a response format; servers that do not know it refuse the call.
_SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "sentences": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"text": {"type": "string"}, "passage": {"type": "integer"}},
                        "required": ["text", "passage"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["sentences"],
            "additionalProperties": False,
        },
    },
}


def held_to_schema(model: BaseChatModel) -> Runnable[Any, Any]:
    """The same model, held to the schema, where it speaks OpenAI's protocol."""
    # In the body itself: as an argument the client would read the stream its own way, and refuse half a sentence.
    body = {**(getattr(model, "extra_body", None) or {}), "response_format": _SCHEMA}
    return model.bind(extra_body=body)


def complete(text: str, *, ended: bool = False) -> list[tuple[str, int | None]]:
    """The sentences of a growing answer and their numbers; before it has `ended` the last one is not complete.

    >>> complete('{"sentences": [{"text": "It is so.", "passage": 2}, {"text": "And')
    [('It is so.', 2)]
    """
    from langchain_core.utils.json import parse_partial_json

    try:
        found = parse_partial_json(text)
    except ValueError:
        return []
    rows = found.get("sentences") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        return []
    told = [row for row in rows if isinstance(row, dict) and isinstance(row.get("text"), str)]
    kept = told if ended else told[:-1]
    return [(row["text"], row["passage"] if isinstance(row.get("passage"), int) else None) for row in kept]


def as_text(pieces: Iterable[str]) -> Iterator[str]:
    """The sentences as a model without a schema would write them, each once it is complete.

    >>> list(as_text(['{"sentences": [{"text": "It is so.", ', '"passage": 2}]}']))
    ['It is so. [2]\\n']
    """
    text, said = "", 0
    for piece in pieces:
        text += piece
        rows = complete(text)
        yield from map(_line, rows[said:])
        said = max(said, len(rows))
    yield from map(_line, complete(text, ended=True)[said:])


def _line(row: tuple[str, int | None]) -> str:
    text, number = row
    return f"{text} [{number}]\n" if number is not None else f"{text}\n"
