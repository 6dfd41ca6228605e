"""A real server and a real browser, each started once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def address(corpus_home: Path) -> Iterator[str]:
    """The address of a page that the command line serves."""
    command = [sys.executable, "-m", "ui.cli", "serve", "--port", "0", "--home", str(corpus_home)]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=root, env={**os.environ}) as server:
        assert server.stderr is not None
        yield next(m[0] for line in server.stderr if (m := re.search(r"http://[\d.]+:\d+", line)))
        server.terminate()
        server.stderr.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium at /usr/bin/chromium (apt-get install chromium)")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The chat page in a profile of its own; fails when a script failed or another host was asked."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    opened.on("request", lambda request: troubles.append(request.url) if is_foreign(request.url, address) else None)
    opened.goto(address)
    opened.wait_for_selector("#question textarea")
    yield opened
    context.close()
    assert troubles == []


def is_foreign(url: str, address: str) -> bool:
    """Whether a request goes to another host."""
    return not url.startswith((address, address.replace("http", "ws", 1), "data:", "blob:"))
