"""The words of the page's controls in each language: Gradio picks by the browser's, in the browser."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
import yaml

FILE = Path(__file__).with_name("words.yaml")


@cache
def _words() -> dict[str, dict[str, str]]:
    return dict(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def say(key: str) -> Any:
    """What stands for the words of a key until the browser puts them there; raises KeyError for an unknown one."""
    return gr.I18n()(key) if _words()[key] else None


def languages() -> gr.I18n:
    """All words in all languages, for the page."""
    tongues = {tongue for words in _words().values() for tongue in words}
    return gr.I18n(**{t: {key: words[t] for key, words in _words().items()} for t in sorted(tongues)})
