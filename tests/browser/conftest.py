"""A real server, started as a person starts it, and a real Chromium that notes whatever goes wrong in a page."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE = 90_000  # milliseconds; a shared machine is slow at times

Opener = Callable[..., Page]


@contextmanager
def serving(*command: str) -> Iterator[str]:
    """Where a server says it is; its log must hold no traceback in the end."""
    with subprocess.Popen([sys.executable, "-m", *command], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, said
        try:
            yield found[0]
        finally:
            process.kill()
        assert "Traceback" not in process.stderr.read()


@pytest.fixture(scope="session")
def served_home(corpus_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real corpus's index in a data directory that servers may write into, as they do with feedback."""
    return Path(shutil.copytree(corpus_home, tmp_path_factory.mktemp("served") / "home"))


@pytest.fixture(scope="module")
def address(served_home: Path) -> Iterator[str]:
    """The address of `consultant serve`."""
    with serving("ui.cli", "serve", "--port", "0", "--home", str(served_home)) as address:
        yield address


@pytest.fixture(scope="module")
def slow_address(served_home: Path) -> Iterator[str]:
    """The address of a server whose answers take their time."""
    with serving("tests.browser.slow_server", str(served_home)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; no longer than a module, for Playwright's event loop keeps others out of this thread."""
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM} (apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Opener]:
    """Opens the page as a new visitor; afterwards nothing may have gone wrong and no other host been asked."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(at: str = address, **device: Any) -> Page:
        context = browser.new_context(**device)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
        page.on("console", lambda said: wrong.append(f"console: {said.text}") if _is_fault(said) else None)
        page.on("request", lambda request: wrong.append(request.url) if _foreign(request.url, at) else None)
        page.goto(at)
        page.wait_for_selector("#question textarea")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(open_page: Opener) -> Page:
    """The page of a new visitor at a desk."""
    return open_page(viewport={"width": 1000, "height": 900})


def _is_fault(said: ConsoleMessage) -> bool:
    """Whether a line of the console tells of a fault; Chromium also notes there what was refused with a sentence."""
    return said.type == "error" and "the server responded with a status of 422" not in said.text


def _foreign(url: str, address: str) -> bool:
    return not url.startswith((f"{address}/", "data:", f"blob:{address}/"))


def send(page: Page, text: str) -> None:
    """Write a message and send it by keyboard."""
    page.fill("#question textarea", text)
    page.keyboard.press("Enter")


def ask(page: Page, text: str, times: int = 1) -> None:
    """Send a message, and wait until the conversation has so many answers."""
    send(page, text)
    answered(page, times)


def answered(page: Page, times: int = 1) -> None:
    """Wait until the conversation has so many answers."""
    expect(page.locator("#chat .panel .status")).to_have_count(times, timeout=PATIENCE)
