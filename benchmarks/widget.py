"""What the widget costs the page around it: its weight, and its frame's first open beside the chat page's own."""

from __future__ import annotations

import gzip
import os
import time
from typing import Any
from unittest.mock import patch

import numpy as np
from playwright.sync_api import Browser, Frame, Page, sync_playwright

from bot.settings import read_settings
from tests.browser.conftest import CHROMIUM, FLAGS, PATIENCE, serving
from tests.browser.host_pages import hosting
from ui.embed import STATIC

BAR_BYTES = 10_000
ROUNDS = 5
# Bytes over the wire without headers, and milliseconds until something is painted.
_LOADED = """() => {
  const parts = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [parts.reduce((sum, part) => sum + part.encodedBodySize, 0), paint ? paint.startTime : 0];
}"""


def run() -> dict[str, Any]:
    """Print bytes and milliseconds; each round is a new visitor, the widget's and the page's in turn."""
    script = len(gzip.compress((STATIC / "widget.js").read_bytes(), mtime=0))
    print(f"widget.js: {script:,} bytes gzipped (bar {BAR_BYTES:,})")
    with (
        hosting() as ([origin], told),
        patch.dict(os.environ, CONSULTANT_ALLOWED_ORIGINS=origin),
        serving("ui.cli", "serve", "--port", "0", "--home", str(read_settings().home)) as server,
        sync_playwright() as playwright,
    ):
        told["server"] = server
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        frames, pages = [], []
        for _ in range(ROUNDS):
            frames.append(_open_frame(browser, f"{origin}/plain"))
            pages.append(_open_page(browser, server))
        browser.close()
    frame, page = np.median(np.array(frames), axis=0), np.median(np.array(pages), axis=0)
    for name, (size, painted, usable) in (("frame", frame), ("chat page", page)):
        print(f"{name}: {size:,.0f} bytes, painted after {painted:.0f} ms, can be typed into after {usable:.0f} ms")
    print(f"the frame weighs 1/{page[0] / frame[0]:.0f} of the chat page, and opens in {frame[2] / page[2]:.2f} x")
    named = ("bytes", "painted_ms", "usable_ms")
    return {
        "widget_js_bytes": script,
        "frame": dict(zip(named, map(round, frame), strict=True)),
        "chat_page": dict(zip(named, map(round, page), strict=True)),
        "bars": {f"widget.js below {BAR_BYTES:,} bytes gzipped": script < BAR_BYTES},
    }


def _visitor(browser: Browser) -> Page:
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE)
    return page


def _open_frame(browser: Browser, address: str) -> tuple[float, float, float]:
    """Bytes, first paint and time until the box has the focus, from the click on the launcher."""
    page = _visitor(browser)
    page.goto(address)
    launcher = page.wait_for_selector("#consultant-widget .launcher")
    assert launcher is not None
    began = time.perf_counter()
    launcher.click()
    frame = page.wait_for_selector("#consultant-widget iframe").content_frame()  # type: ignore[union-attr]
    assert frame is not None
    frame.wait_for_selector("#box:focus")
    return _measured(page, frame, began)


def _open_page(browser: Browser, address: str) -> tuple[float, float, float]:
    """The same of the chat page, until its box is there."""
    page = _visitor(browser)
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("#question textarea")
    return _measured(page, page.main_frame, began)


def _measured(page: Page, frame: Frame, began: float) -> tuple[float, float, float]:
    usable = (time.perf_counter() - began) * 1000
    size, painted = frame.evaluate(_LOADED)
    page.context.close()
    return float(size), float(painted), usable
