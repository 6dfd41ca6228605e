"""A conversation of sixty turns over the real page: from sending a message to its first words, late and early."""

from __future__ import annotations

import statistics
from typing import Any

import httpx

from bot.settings import read_settings
from tests.browser.conftest import serving
from tests.page_client import PageClient, Turn

TURNS, ROUNDS = 60, 20
BAR = 1.2
PROJECT = "We sort our support mails by topic. Nobody has labelled any, and we have two weeks. Should we fine-tune?"
# No message is asked twice: one that was asked before is embedded no more.
ASKED = (
    "What does it cost to label {n} mails?",
    "What is retrieval with {n} documents?",
    "How do I test a prompt on {n} examples?",
    "When does caching pay with {n} requests a day?",
    "How do I start with {n} examples?",
)


def run() -> dict[str, Any]:
    """Print the median of both and their ratio; the two are measured in turn, so that a busy machine slows both."""
    home = str(read_settings().home)
    with (
        serving("ui.cli", "serve", "--port", "0", "--home", home) as address,
        httpx.Client(base_url=address, timeout=120) as http,
    ):
        page = PageClient(http)
        short = page.ask(PROJECT).turns
        long = _grown(page, short)
        early, late = [], []
        for n in range(ROUNDS):
            early.append(page.ask(_message(1000 + 2 * n), short).first_text)
            late.append(page.ask(_message(1001 + 2 * n), long).first_text)
    second, last = statistics.median(early) * 1000, statistics.median(late) * 1000
    ratio = last / second
    print(f"first words: turn 2 after {second:.0f} ms, turn {TURNS} after {last:.0f} ms, {ratio:.2f} x (bar {BAR} x)")
    return {
        "turns": TURNS,
        "second_ms": round(second, 1),
        "last_ms": round(last, 1),
        "ratio": round(ratio, 3),
        "bars": {f"the first words of turn {TURNS} after at most {BAR} x those of turn 2": ratio <= BAR},
    }


def _grown(page: PageClient, given: list[Turn]) -> list[Turn]:
    """The conversation after all turns but the last."""
    for n in range(TURNS - 2):
        given = page.ask(_message(n), given).turns
    return given


def _message(n: int) -> str:
    return ASKED[n % len(ASKED)].format(n=n + 2)
