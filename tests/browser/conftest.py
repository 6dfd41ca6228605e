"""A real server, started as a person starts it, and a real Chromium that notes whatever goes wrong in a page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE = 90_000  # milliseconds; a shared machine is slow at times

Opener = Callable[..., Page]


@pytest.fixture(scope="module")
def address(corpus_home: Path) -> Iterator[str]:
    """Where `consultant serve` says it is; its log must hold no traceback in the end."""
    command = [sys.executable, "-m", "ui.cli", "serve", "--port", "0"]
    settings = os.environ | {"CONSULTANT_HOME": str(corpus_home)}
    with subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        said = serving.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, said
        yield found[0]
        serving.kill()
        assert "Traceback" not in serving.stderr.read()


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
        page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
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


def _foreign(url: str, address: str) -> bool:
    return not url.startswith((f"{address}/", "data:", f"blob:{address}/"))
