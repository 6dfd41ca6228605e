"""Cases from a promptfoo configuration: its `tests` with their `vars` and `assert`.

What is asked is the prompt with its variables filled in, or the only variable, or the one of a usual name. Assertions
that need a program, another service or a judge cannot be done here: they are reported as skipped, never as passed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.evaluation.cases import BadCases, Case, check_expectation

# The variables that hold the question, where there are several and no prompt says.
_NAMES = ("question", "query", "input", "message", "ask", "prompt", "topic", "text")
# Their types → our expectations. Theirs tell capitals apart unless the name begins with "i".
_TYPES = {
    "contains": "contains_exactly",
    "contains-all": "contains_exactly",
    "icontains": "contains",
    "icontains-all": "contains",
    "icontains-any": "contains_any",
    "contains-any": "contains_any",
    "equals": "equals",
    "starts-with": "starts_with",
    "regex": "regex",
    "latency": "max_seconds",
    "similar": "answer",
    "llm-rubric": "",
}
_LISTS = frozenset({"contains-all", "icontains-all", "icontains-any", "contains-any"})


def is_config(loaded: Any) -> bool:
    """Whether what was read is a configuration of promptfoo, and no list of our own cases."""
    return isinstance(loaded, dict) and "tests" in loaded


def cases_of(config: Mapping[str, Any], path: Path) -> list[Case]:
    """A case for each test; raises BadCases."""
    tests = config["tests"]
    if not isinstance(tests, list) or not tests:
        raise BadCases(f"{path}: tests must be a list of tests with vars and assert.")
    default = config.get("defaultTest") or {}
    prompts = [p for p in config.get("prompts") or [] if isinstance(p, str) and not p.startswith("file://")]
    return [_case(test, default, prompts, f"{path}, test {n}", n) for n, test in enumerate(tests, 1)]


def _case(test: Any, default: Any, prompts: list[str], place: str, number: int) -> Case:
    if not isinstance(test, dict) or not isinstance(default, dict):
        raise BadCases(f"{place} is no mapping. Write vars and assert.")
    variables = {**_part(default, "vars", dict, place), **_part(test, "vars", dict, place)}
    asserted = [*_part(default, "assert", list, place), *_part(test, "assert", list, place)]
    expect: dict[str, Any] = {}
    weights: dict[str, float] = {}
    skipped: list[str] = []
    rubric = ""
    for assertion in asserted:
        if not isinstance(assertion, dict) or "type" not in assertion:
            raise BadCases(f"{place}: each assert has a type.")
        name, value = _expectation(assertion, place)
        if assertion["type"] == "llm-rubric":
            rubric = str(assertion.get("value", ""))
        elif name is None:
            skipped.append(str(assertion["type"]))
        else:
            # Two of a kind are one check when both are lists of what must be there.
            both = name in expect and isinstance(expect[name], list) and name in ("contains", "contains_exactly")
            if name in expect and not both:
                skipped.append(f"{assertion['type']} (a second one)")
                continue
            expect[name] = [*expect[name], *value] if both else value
            check_expectation(name, expect[name], place)
            weights[name] = _number(assertion.get("weight", 1), f"{place}: the weight of {assertion['type']}")
    return Case(
        id=str(test.get("description") or f"test {number}"),
        ask=_asked(variables, prompts, place),
        expect=expect,
        tags=tuple(str(tag) for tag in _part(test, "metadata", dict, place).values()),
        weights=weights,
        threshold=_number(test["threshold"], f"{place}: the threshold") if "threshold" in test else None,
        skipped=tuple(skipped),
        rubric=rubric,
    )


def _part(test: Mapping[str, Any], name: str, kind: type, place: str) -> Any:
    """A part of a test that may be left out."""
    found = test.get(name) or kind()
    if not isinstance(found, kind):
        raise BadCases(f"{place}: {name} must be a {'list' if kind is list else 'mapping'}, not {found!r}.")
    return found


def _number(value: Any, place: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise BadCases(f"{place} must be a number, not {value!r}.") from error


def _expectation(assertion: Mapping[str, Any], place: str) -> tuple[str | None, Any]:
    """Our name and value of an assertion, or None when nothing here can check it."""
    kind = str(assertion["type"])
    negated, kind = kind.startswith("not-"), kind.removeprefix("not-")
    name = _TYPES.get(kind)
    if not name:
        return None, None
    value = assertion.get("threshold") if kind == "latency" else assertion.get("value")
    if value is None:
        raise BadCases(f"{place}: the assert {kind} has no {'threshold' if kind == 'latency' else 'value'}.")
    if kind == "latency":
        value = _number(value, f"{place}: the threshold of latency") / 1000
    elif kind in _LISTS and isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    elif name in ("contains", "contains_exactly") and not isinstance(value, list):
        value = [str(value)]
    elif not isinstance(value, list):
        value = str(value)
    return f"not_{name}" if negated else name, value


def _asked(variables: Mapping[str, Any], prompts: list[str], place: str) -> str:
    texts = {str(name): str(value) for name, value in variables.items()}
    if len(prompts) == 1 and set(_slots(prompts[0])) & set(texts):
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda m: texts.get(m[1], ""), prompts[0]).strip()
    named = [texts[name] for name in _NAMES if name in texts]
    if len(texts) == 1 or named:
        return named[0] if named else next(iter(texts.values()))
    raise BadCases(f"{place}: none of its vars is the question. Name one of them {_NAMES[0]}.")


def _slots(prompt: str) -> list[str]:
    return re.findall(r"\{\{\s*(\w+)\s*\}\}", prompt)
