"""Scorers: pure functions (expected value, answer) → whether the answer is as expected."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.types import Answer


@dataclass(frozen=True)
class Score:
    """One check of one answer; `found` says what the answer held."""

    check: str
    passed: bool
    expected: str
    found: str


def score(expect: Mapping[str, Any], answer: Answer, seconds: float) -> tuple[Score, ...]:
    """Every check that the expectations name, in their order."""
    return tuple(_score(name, value, answer, seconds) for name, value in expect.items())


def text_of(answer: Answer) -> str:
    """The answer as plain text, as the checks read it."""
    return "\n".join(statement.text for statement in answer.statements)


def approach_of(answer: Answer) -> str:
    """The approach advised, or "none" when the answer is no advice."""
    return answer.verdict.approach if answer.verdict else "none"


def asks(answer: Answer) -> bool:
    """Whether the answer ends with a question to the person."""
    return answer.question is not None or approach_of(answer) == "ask-first"


def _score(name: str, value: Any, answer: Answer, seconds: float) -> Score:
    base = name.removeprefix("not_")
    found, passed = _CHECKS[base](value, answer, seconds)
    return Score(name, passed != name.startswith("not_"), str(value), found)


_Check = Callable[[Any, Answer, float], tuple[str, bool]]


def _approach(value: Any, answer: Answer, _: float) -> tuple[str, bool]:
    return approach_of(answer), approach_of(answer) in _many(value)


def _parts(value: Any, answer: Answer, _: float) -> tuple[str, bool]:
    parts = answer.verdict.parts if answer.verdict else ()
    return ", ".join(parts), set(parts) == set(value)


def _asks(value: Any, answer: Answer, _: float) -> tuple[str, bool]:
    return str(asks(answer)), asks(answer) is value


def _refuses(value: Any, answer: Answer, _: float) -> tuple[str, bool]:
    refused = answer.status == "refused" and answer.kind != "small-talk"
    return answer.status, refused is value


def _contains(value: Any, answer: Answer, _: float) -> tuple[str, bool]:
    missing = [words for words in _many(value) if _normal(words) not in _normal(text_of(answer))]
    return f"without {missing}" if missing else "all", not missing


def _contains_any(value: Any, answer: Answer, _: float) -> tuple[str, bool]:
    there = [words for words in _many(value) if _normal(words) in _normal(text_of(answer))]
    return str(there), bool(there)


def _regex(value: Any, answer: Answer, _: float) -> tuple[str, bool]:
    match = re.search(value, text_of(answer))
    return match.group()[:80] if match else "no match", match is not None


def _cites(value: Any, answer: Answer, _: float) -> tuple[str, bool]:
    cited = {citation.doc for citation in answer.citations}
    return ", ".join(sorted(cited)), bool(cited & set(_many(value)))


def _support(value: Any, answer: Answer, _: float) -> tuple[str, bool]:
    counts = answer.grounding
    rate = counts.supported / counts.sentences if counts.sentences else 0.0
    return f"{rate:.2f}", rate >= value


def _seconds(value: Any, _: Answer, seconds: float) -> tuple[str, bool]:
    return f"{seconds:.2f}", seconds <= value


_CHECKS: dict[str, _Check] = {
    "approach": _approach,
    "parts": _parts,
    "asks": _asks,
    "refuses": _refuses,
    "contains": _contains,
    "contains_any": _contains_any,
    "regex": _regex,
    "cites": _cites,
    "min_support": _support,
    "max_seconds": _seconds,
}


def _many(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(v) for v in value]


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
