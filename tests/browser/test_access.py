"""The page for who reads from right to left, magnifies, or wants no motion; it keeps still while answers stream."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, Opener, answered, ask, send

pytestmark = pytest.mark.browser

PROJECT = "We have no labelled data and two weeks. Should we fine-tune?"
ARABIC = "لدينا أربعون رسالة دعم مصنفة. هل نضبط النموذج؟"
TABS = ["Your project", "Sources", "How this was made", "Prompt lab", "Costs", "Knowledge", "Evaluation"]
# Of Core Web Vitals: what is called good (web.dev/articles/cls).
STILL = 0.1
# A window of 1,280 × 900 magnified to 200 % has room for half as many pixels of CSS.
MAGNIFIED = {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2}
_SHIFTS = """() => { window.shifted = 0; new PerformanceObserver((seen) => { for (const shift of seen.getEntries())
  if (!shift.hadRecentInput) window.shifted += shift.value; }).observe({ type: "layout-shift", buffered: true }); }"""
_ANNOUNCED = """() => { window.announced = []; const part = document.getElementById("announced");
  new MutationObserver(() => window.announced.push(part.textContent)).observe(part, { childList: true }); }"""
# How far to the right of its paragraph's middle the first letter stands.
_OFF_CENTRE = """(part) => {
  const range = document.createRange(), text = document.createTreeWalker(part, NodeFilter.SHOW_TEXT).nextNode();
  range.setStart(text, 0);
  range.setEnd(text, 1);
  const middle = (one) => { const box = one.getBoundingClientRect(); return (box.left + box.right) / 2; };
  return middle(range) - middle(part);
}"""


def test_nothing_is_cut_off_at_twice_the_size(open_page: Opener) -> None:
    page = open_page(**MAGNIFIED)
    ask(page, PROJECT)
    for name in TABS:
        page.get_by_role("tab", name=name, exact=True).click()
        if name == "Knowledge":
            expect(page.locator(".documents table").first).to_be_visible(timeout=PATIENCE)
        wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert (name, wide) <= (name, room)


def test_arabic_is_read_from_the_right_and_english_beside_it_from_the_left(page: Page) -> None:
    page.fill("#question textarea", ARABIC)
    look = "part => { const style = getComputedStyle(part); return [style.unicodeBidi, style.textAlign]; }"
    assert page.locator("#question textarea").evaluate(look) == ["plaintext", "start"]
    page.keyboard.press("Enter")
    expect(page.locator("#chat .bot")).to_contain_text("English", timeout=PATIENCE)
    for who, side in (("user", "right"), ("bot", "left")):
        words = page.locator(f"#chat .{who} p").first
        assert words.evaluate(look) == ["plaintext", "start"]
        assert (words.evaluate(_OFF_CENTRE) > 0) == (side == "right")


def test_without_motion_nothing_moves_while_an_answer_streams(slow_address: str, open_page: Opener) -> None:
    page = open_page(slow_address, viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
    send(page, PROJECT)
    expect(page.locator("#chat")).to_contain_text("You said", timeout=PATIENCE)
    assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0


def test_the_page_keeps_still_while_an_answer_streams(slow_address: str, open_page: Opener) -> None:
    page = open_page(slow_address, viewport={"width": 1200, "height": 900})
    page.evaluate(_SHIFTS)
    send(page, PROJECT)
    answered(page)
    assert page.evaluate("window.shifted") < STILL


def test_an_answer_is_announced_once_and_whole(slow_address: str, open_page: Opener) -> None:
    page = open_page(slow_address, viewport={"width": 1000, "height": 900})
    page.evaluate(_ANNOUNCED)
    ask(page, PROJECT)
    expect(page.locator("#announced")).to_contain_text("every sentence is in my sources", timeout=PATIENCE)
    [heard] = page.evaluate("window.announced")
    assert "You said" in heard
    assert heard.index("You said") < heard.index("every sentence is in my sources")
    # What grows word by word is in no region that is read out.
    assert page.locator("#chat .message").first.evaluate("part => part.closest('[aria-live]').ariaLive") == "off"
    page.click("#new")
    ask(page, "What is LoRA?")
    expect(page.locator("#announced")).to_contain_text("low-rank", timeout=PATIENCE)
    assert len(page.evaluate("window.announced")) == 2
