"""The page as a person meets it, in real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from knowledge.ingest import CORPUS
from knowledge.sentences import without_markers
from tests.browser.conftest import Opener, answered, ask, send
from ui.chat import STARTERS

pytestmark = pytest.mark.browser

QUESTION = (
    "We are six people, need product texts for three shops next week, no labelled data, 100 euros a month. "
    "Should we fine-tune?"
)
ANSWERED = "#chat .panel .status"
HOSTILE = {
    "script": "<script>window.hacked = 1</script> What is LoRA?",
    "image": '<img src=x onerror="window.hacked = 1"> What is LoRA?',
    "remote image": "![x](http://203.0.113.1/a.png) What is LoRA?",
    "link": "[click](javascript:window.hacked=1) What is LoRA?",
    "frame": '<iframe srcdoc="<script>parent.hacked=1</script>"></iframe> What is LoRA?',
}


def normal(text: str) -> str:
    return " ".join(text.split())


def test_the_first_question_is_answered_with_cited_quotes(page: Page) -> None:
    ask(page, QUESTION)
    page.click("#chat .panel summary")
    quotes = [normal(quote) for quote in page.locator("#chat .panel mark").all_inner_texts()]
    corpus = [normal(without_markers(path.read_text(encoding="utf-8"))) for path in Path(CORPUS).rglob("*.md")]
    assert len(quotes) >= 2
    assert [quote for quote in quotes if not any(quote in text for text in corpus)] == []


def test_the_answer_quotes_the_person_and_numbers_its_sources(page: Page) -> None:
    ask(page, QUESTION)
    answer = page.inner_text("#chat")
    assert "You said “no labelled data”" in answer
    assert re.search(r"\[1\][\s\S]*\[2\]", answer)
    assert "grounded" in (page.get_attribute(ANSWERED, "class") or "")


def test_a_starter_asks_its_question(page: Page) -> None:
    page.get_by_text(next(iter(STARTERS)), exact=True).click()
    page.wait_for_selector(ANSWERED, timeout=90_000)
    expect(page.locator("#chat")).to_contain_text(next(iter(STARTERS.values()))[:40])


def test_an_empty_message_changes_nothing(page: Page) -> None:
    send(page, "   ")
    page.wait_for_timeout(500)
    assert page.locator(ANSWERED).count() == 0
    assert page.locator("#chat .message").count() == 0


def test_a_second_turn_and_a_new_conversation(page: Page) -> None:
    ask(page, "What is LoRA?")
    ask(page, "What does it cost?", 2)
    page.click("#new")
    expect(page.locator(ANSWERED)).to_have_count(0)


def test_retry_answers_again_and_undo_gives_the_words_back(page: Page) -> None:
    ask(page, "What is LoRA?")
    page.get_by_label("Retry").last.click()
    expect(page.locator(ANSWERED)).to_have_count(1, timeout=60_000)
    page.get_by_label("Undo").last.click()
    expect(page.locator("#question textarea")).to_have_value("What is LoRA?")
    expect(page.locator(ANSWERED)).to_have_count(0)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_message_is_shown_as_words(page: Page, text: str) -> None:
    ask(page, text)
    assert page.evaluate("window.hacked") is None
    assert (
        page.locator("#chat .message").locator("script, iframe, img[src^='http'], a[href^='javascript']").count() == 0
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, address: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    phone = context.new_page()
    phone.goto(address)
    ask(phone, QUESTION)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_the_controls_speak_the_language_of_the_browser_and_answers_english(open_page: Opener) -> None:
    page = open_page(viewport={"width": 1000, "height": 900}, locale="de-DE")
    expect(page.get_by_role("tab", name="Beratung")).to_be_visible()
    expect(page.locator("#masthead")).to_contain_text("Beschreiben Sie Ihr Projekt")
    page.get_by_text(next(iter(STARTERS)), exact=True).click()
    answered(page)
    expect(page.get_by_role("button", name="Senden")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    for part in ("#chat", "#verdict"):
        expect(page.locator(part)).to_have_attribute("lang", "en")
    expect(page.locator("#chat")).to_contain_text("Start with prompt engineering")
    assert "__i18n__" not in page.inner_text("body")
