"""The templates of the page, in one environment that escapes whatever it is given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

TEMPLATES = Path(__file__).parent / "templates"


def template(name: str) -> Template:
    """The template NAME.html.j2."""
    return _environment().get_template(f"{name}.html.j2")


def percent(share: float) -> str:
    """A share as it is shown.

    >>> percent(0.824)
    '82%'
    """
    return f"{share:.0%}"


def rate(found: Mapping[str, Any]) -> str:
    """A rate with its interval as it is shown.

    >>> rate({"rate": 0.9, "interval": (0.6, 0.98)})
    '90% (60% to 98%)'
    """
    low, high = found["interval"]
    return f"{percent(found['rate'])} ({percent(low)} to {percent(high)})"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.globals |= {"percent": percent, "rate": rate, "signed": lambda value: f"{value:+.1f}"}
    return made
