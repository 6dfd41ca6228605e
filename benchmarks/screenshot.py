"""`python -m benchmarks.screenshot`: a picture of every tab of the real page, for the README and for looking at."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from ui import card
from ui.chat import STARTERS, TAGLINE, TITLE
from ui.templating import template

PICTURES = Path(__file__).parent.parent / "docs"
# Those of the README are kept in the repository, the others are for looking at.
SHOWN, OTHERS = frozenset({"page", "made", "lab", "costs"}), "looked-at"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 90_000  # milliseconds


def main() -> int:
    """Start the page, ask the first starter, and take the pictures: each tab, and a phone in the dark."""
    command = [sys.executable, "-m", "ui.cli", "chat", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, sync_playwright() as driver:
        assert server.stderr is not None
        address = next(m[0] for line in server.stderr if (m := re.search(r"http://[\d.]+:\d+", line)))
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = _asked(browser, address, width=1280, height=900)
        _take(page, "page")
        page.get_by_role("tab", name="Your project", exact=True).click()
        _take(page, "project")
        page.get_by_role("tab", name="How this was made", exact=True).click()
        _take(page, "made")
        for tab, name in (
            ("Prompt lab", "lab"),
            ("Costs", "costs"),
            ("Knowledge", "knowledge"),
            ("Evaluation", "evaluation"),
        ):
            page.get_by_role("tab", name=tab, exact=True).click()
            if name == "lab":
                page.click("#lab-show")
                expect(page.locator("#lab-1 pre").first).to_be_visible(timeout=PATIENCE)
            _take(page, name)
        _take(_asked(browser, address, width=390, height=844, dark=True), "phone")
        _take_card(browser)
        browser.close()
        server.kill()
    return 0


def _asked(browser: Browser, address: str, *, width: int, height: int, dark: bool = False) -> Page:
    scheme = "dark" if dark else "light"
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)
    page.fill("#question textarea", next(iter(STARTERS.values())))
    page.keyboard.press("Enter")
    expect(page.locator("#chat .panel .status")).to_be_visible(timeout=PATIENCE)
    return page


def _take_card(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": card.SIZE[0], "height": card.SIZE[1]})
    page.set_content(template("card").render(title=TITLE, description=TAGLINE))
    page.screenshot(path=str(card.PICTURE))


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)
    folder = PICTURES if name in SHOWN else PICTURES / OTHERS
    page.screenshot(path=str(folder / f"{name}.png"))
    print(f"wrote {(folder / name).relative_to(PICTURES.parent)}.png")


if __name__ == "__main__":
    sys.exit(main())
