"""`python -m benchmarks.screenshot`: the README's picture, taken of the real page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from ui.chat import STARTERS

PICTURE = Path(__file__).parent.parent / "docs" / "page.png"
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


def main() -> int:
    """Start the page, ask the first starter, open the sources, take the picture."""
    command = [sys.executable, "-m", "ui.cli", "chat", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, sync_playwright() as driver:
        assert server.stderr is not None
        address = next(m[0] for line in server.stderr if (m := re.search(r"http://[\d.]+:\d+", line)))
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1100, "height": 1180})
        page.goto(address)
        page.fill("#question textarea", next(iter(STARTERS.values())))
        page.keyboard.press("Enter")
        page.click("#chat .panel summary", timeout=60_000)
        page.wait_for_timeout(500)
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=str(PICTURE))
        browser.close()
        server.kill()
    print(f"wrote {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
