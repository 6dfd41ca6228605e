"""How the page moves while an answer streams: frames of real Chromium, and what shifts on it."""

from __future__ import annotations

from typing import Any

import numpy as np
from playwright.sync_api import expect, sync_playwright

from bot.settings import read_settings
from tests.browser.conftest import CHROMIUM, FLAGS, PATIENCE, serving
from ui.chat import STARTERS

# A frame at 60 a second has 16.7 ms; what shifts is good below 0.1 (Core Web Vitals, web.dev/articles/cls).
FRAME_MS, LATE, SHIFT = 1000 / 60, 0.05, 0.1
_WATCH = """() => {
  window.frames60 = []; window.shifted = 0;
  let last = performance.now();
  const next = (now) => { frames60.push(now - last); last = now; requestAnimationFrame(next); };
  requestAnimationFrame(next);
  new PerformanceObserver((seen) => { for (const shift of seen.getEntries())
    if (!shift.hadRecentInput) window.shifted += shift.value; }).observe({ type: "layout-shift" });
}"""


def run() -> dict[str, Any]:
    """Print the frames of an answer whose statements come half a second apart, as a language model's do."""
    with serving("tests.browser.slow_server", str(read_settings().home)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(server)
        page.wait_for_selector("#question textarea")
        # The first answer loads what is loaded once.
        for n, question in enumerate(STARTERS.values(), 1):
            if n == len(STARTERS):
                page.evaluate(_WATCH)
            page.fill("#question textarea", question)
            page.keyboard.press("Enter")
            expect(page.locator("#chat .panel .status")).to_have_count(n, timeout=PATIENCE)
        frames, shifted = np.array(page.evaluate("frames60")), float(page.evaluate("shifted"))
        browser.close()
    late = float(np.mean(frames > 1.5 * FRAME_MS))
    p50, p95 = (float(np.percentile(frames, p)) for p in (50, 95))
    print(f"{len(frames)} frames, p50 {p50:.1f} ms, p95 {p95:.1f} ms, longest {frames.max():.0f} ms; ", end="")
    print(f"{late:.1%} come late (bar {LATE:.0%}); layout shift {shifted:.3f} (bar {SHIFT})")
    return {
        "frames": len(frames),
        "p50_ms": round(p50, 2),
        "p95_ms": round(p95, 2),
        "longest_ms": round(float(frames.max()), 1),
        "late": round(late, 4),
        "shift": round(shifted, 4),
        "bars": {
            f"at most {LATE:.0%} of the frames come late": late <= LATE,
            f"layout shift below {SHIFT}": shifted < SHIFT,
        },
    }
