"""A conversation of sixty turns in real Chromium: from sending a message to its first words, late and early."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright

from bot.settings import read_settings
from tests.browser.conftest import CHROMIUM, FLAGS, serving
from tests.page_client import PageClient, Turn
from ui import turns

ROUNDS = 10
# The page folds what was said long before away, four questions at a time: turn 59 is asked with most in sight.
SECOND, LATE = 2, (59, 60)
BAR = 1.2
PROJECT = "We sort our support mails by topic. Nobody has labelled any, and we have two weeks. Should we fine-tune?"
# No message is asked twice: one that was asked before is embedded no more. Each of these is answered.
ASKED = (
    "What does it cost to label {n} mails?",
    "How do I test a prompt on {n} examples?",
    "When does caching pay with {n} requests a day?",
    "How do I start with {n} examples?",
)
_KEEP = """(kept) => {
  localStorage.setItem("consultant:conversation:long", kept);
  sessionStorage.setItem("consultant:current", "long");
}"""
# Milliseconds from the key until the answer's first words stand on the page.
_SEND = """(words) => new Promise((done) => {
  const box = document.querySelector("#question textarea");
  const said = document.getElementById("chat").getElementsByClassName("message bot");
  const before = said.length && said[said.length - 1].textContent;
  box.value = words;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  setTimeout(() => {
    const sent = performance.now();
    const look = () => {
      const last = said.length ? said[said.length - 1] : null;
      const own = document.getElementById("chat").querySelectorAll(".user-row");
      const asked = own.length && own[own.length - 1].textContent.includes(words);
      const new_ = asked && last && !last.classList.contains("pending") && last.textContent.trim() !== ""
        && last.textContent !== before;
      if (new_) done(performance.now() - sent); else requestAnimationFrame(look);
    };
    box.dispatchEvent(new KeyboardEvent("keypress", { key: "Enter", bubbles: true, cancelable: true }));
    look();
  }, 300);
})"""


def run() -> dict[str, Any]:
    """Print the medians and their ratio; all are measured in turn, so that a busy machine slows them alike."""
    home = str(read_settings().home)
    with (
        serving("ui.cli", "serve", "--port", "0", "--home", home) as address,
        httpx.Client(base_url=address, timeout=120) as http,
        sync_playwright() as playwright,
    ):
        kept = _grown(PageClient(http))
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        took: dict[int, list[float]] = {turn: [] for turn in kept}
        for n in range(ROUNDS):
            for number, (turn, record) in enumerate(kept.items()):
                took[turn].append(_first_words(browser, address, record, _message(1000 + 10 * n + number)))
        browser.close()
    medians = {turn: statistics.median(ms) for turn, ms in took.items()}
    ratio = max(medians[turn] for turn in LATE) / medians[SECOND]
    print("first words: " + ", ".join(f"turn {turn} after {ms:.0f} ms" for turn, ms in medians.items()), end="")
    print(f"; {ratio:.2f} x (bar {BAR} x)")
    return {
        "first_words_ms": {str(turn): round(ms, 1) for turn, ms in medians.items()},
        "ratio": round(ratio, 3),
        "bars": {f"the first words of turns {LATE} after at most {BAR} x those of turn {SECOND}": ratio <= BAR},
    }


def _grown(page: PageClient) -> dict[int, str]:
    """The conversation before each turn that is measured, as the browser keeps it."""
    given = page.ask(PROJECT).turns
    kept = {SECOND: _record(given)}
    for turn in range(SECOND, max(LATE)):
        given = page.ask(_message(turn), given).turns
        if turn + 1 in LATE:
            kept[turn + 1] = _record(given)
    return kept


def _record(given: Sequence[Turn]) -> str:
    said = [turns.kept(turn) for turn in given]
    return json.dumps({"title": "Long", "turns": said, "edits": [], "at": 1, "version": 1})


def _first_words(browser: Browser, address: str, record: str, message: str) -> float:
    """Milliseconds until a message in a conversation that was opened again is answered."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#question textarea")
    page.evaluate(_KEEP, record)
    page.reload()
    page.wait_for_selector("#chat .panel .status", timeout=30_000)
    page.wait_for_timeout(1500)
    took = float(page.evaluate(_SEND, message))
    context.close()
    return took


def _message(n: int) -> str:
    return ASKED[n % len(ASKED)].format(n=n + 2)
