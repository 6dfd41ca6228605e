"""The other tabs of the page: the prompt lab, costs and knowledge; and what people think of an answer."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, Opener, ask

pytestmark = pytest.mark.browser

PROJECT = "We sort our support mails by topic, about 400,000 a month. Nobody has labelled any. Should we fine-tune?"
ROOMS = ["Prompt lab", "Costs", "Knowledge"]


def room(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def test_what_was_said_of_the_volume_is_in_the_costs_and_can_be_changed(page: Page) -> None:
    ask(page, PROJECT)
    room(page, "Costs")
    requests = page.locator("#costs-requests input")
    expect(requests).to_have_value("400000", timeout=PATIENCE)
    expect(page.locator(".costs .headline")).to_contain_text("400,000", timeout=PATIENCE)
    requests.fill("1000")
    requests.press("Enter")
    expect(page.locator(".costs .headline")).to_contain_text("1,000", timeout=PATIENCE)


def test_the_library_is_searched(page: Page) -> None:
    room(page, "Knowledge")
    expect(page.locator(".documents table").first).to_be_visible(timeout=PATIENCE)
    box = page.get_by_label("Search the library")
    box.fill("How many examples does fine-tuning need?")
    box.press("Enter")
    expect(page.locator(".found").first).to_contain_text("examples", timeout=PATIENCE)


def test_the_lab_shows_what_each_variant_sends_and_without_a_model_how_to_get_one(page: Page) -> None:
    room(page, "Prompt lab")
    page.locator("#lab-a").get_by_label("grounding").check()
    page.click("#lab-show")
    expect(page.locator("#lab-1 code").first).to_have_text("brief@grounding", timeout=PATIENCE)
    expect(page.locator("#lab-2 pre").first).to_be_visible()
    page.click("#lab-run")
    expect(page.locator("#lab-1 .note")).to_contain_text("consultant model pull", timeout=PATIENCE)


def test_what_somebody_thinks_of_an_answer_is_kept(page: Page) -> None:
    ask(page, PROJECT)
    page.get_by_label("Like", exact=True).last.click()
    expect(page.get_by_text("Thank you, that was kept.")).to_be_visible(timeout=PATIENCE)


def test_nothing_keeps_anybody_out_of_any_room(open_page: Opener) -> None:
    page = open_page(viewport={"width": 1280, "height": 900})
    found = []
    for name in ROOMS:
        room(page, name)
        if name == "Knowledge":
            expect(page.locator(".documents table").first).to_be_visible(timeout=PATIENCE)
        page.wait_for_timeout(500)
        found += [(name, v["id"], v["nodes"][0]["html"][:200]) for v in Axe().run(page).response["violations"]]
    assert found == []
