"""The consultation seen through: project, verdict, sources and making beside it, and conversations that are kept."""

from __future__ import annotations

import base64
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, Opener, ask
from ui.turns import IN_SIGHT

pytestmark = pytest.mark.browser

PROJECT = "We sort our support mails by topic, two million a month. Nobody has labelled any. Should we fine-tune?"
ANSWERED = "#chat .panel .status"
BOX = "#question textarea"
PANELS = ["Verdict", "Your project", "Sources", "How this was made"]


def panel(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def kept(page: Page, count: int) -> None:
    """Wait until the browser keeps so many conversations."""
    expect(page.locator("#conversations summary")).to_have_text(f"Your conversations ({count})", timeout=PATIENCE)


def test_from_the_first_question_to_a_corrected_fact_and_a_new_answer(page: Page) -> None:
    ask(page, PROJECT)
    panel(page, "Your project")
    row = page.locator(".fact", has=page.locator('select[data-slot="labelled_data"]'))
    expect(row.locator(".words")).to_contain_text("Nobody has labelled any")
    row.locator("select").select_option("Tens of thousands")
    expect(page.locator(".fact.edited .words")).to_contain_text("you set", timeout=PATIENCE)
    panel(page, "Verdict")
    expect(page.locator("#verdict .advice")).to_contain_text("Fine-tuning")
    page.get_by_role("button", name="Answer again with it").click()
    expect(page.locator("#chat")).to_contain_text("Fine-tune", timeout=PATIENCE)
    expect(page.locator("#verdict .steps input").first).to_be_visible()


def test_a_fact_is_set_in_other_words_by_keyboard_and_nonsense_is_refused(page: Page) -> None:
    ask(page, PROJECT)
    panel(page, "Your project")
    select = page.locator('select[data-slot="labelled_data"]')
    select.select_option(label="In other words …")
    page.get_by_label("Labelled data, in other words").fill("purple")
    page.keyboard.press("Enter")
    expect(page.locator("#project .note")).to_contain_text("says nothing that I understand", timeout=PATIENCE)
    select.select_option(label="In other words …")
    page.get_by_label("Labelled data, in other words").fill("about 30,000 labelled mails")
    page.keyboard.press("Enter")
    expect(page.locator(".fact.edited .words")).to_contain_text("30,000", timeout=PATIENCE)


def test_what_would_change_it_is_shown_and_taken_back(page: Page) -> None:
    ask(page, PROJECT)
    before = page.locator("#verdict .advice").inner_text()
    page.locator('[data-do="suppose"]').first.click()
    expect(page.locator("#supposed .supposed")).to_contain_text("Suppose the answer", timeout=PATIENCE)
    expect(page.locator("#verdict")).to_be_hidden()
    assert page.locator("#supposed .advice").inner_text() != before
    page.get_by_role("button", name="Back to your project").click()
    expect(page.locator("#verdict .advice")).to_have_text(before, timeout=PATIENCE)


def test_a_citation_opens_its_passage_below_its_own_answer(page: Page) -> None:
    ask(page, PROJECT)
    ask(page, "What is LoRA?", 2)
    page.locator('#chat a[href="#cite-1"]').first.click()
    focused = page.locator(":focus")
    expect(focused.locator(".numbers")).to_contain_text("[1]")
    first = page.locator("#chat .panel").first
    assert first.locator("details").evaluate("details => details.open")
    assert "LoRA" not in focused.inner_text()


def test_how_the_answer_was_made_is_told_to_the_last_block(page: Page) -> None:
    ask(page, PROJECT)
    panel(page, "How this was made")
    made = page.locator("#made")
    for told in ("What was understood", "What was looked up", "What was found", "How the verdict adds up", "ms"):
        expect(made).to_contain_text(told)
    made.locator("summary", has_text="grounding").first.click()
    assert "passage" in made.locator("details[open] pre").first.inner_text()


def test_the_end_of_an_answer_that_comes_after_a_new_conversation_began_makes_no_second_one(page: Page) -> None:
    ask(page, "What is LoRA?")
    kept(page, 1)
    expect(page.locator("#kept .kept")).to_have_attribute("data-kept", re.compile("low-rank"), timeout=PATIENCE)
    page.evaluate("window.late = document.querySelector('#kept .kept').cloneNode(true)")
    page.click("#new")
    expect(page.locator("#kept .kept")).to_have_count(0, timeout=PATIENCE)
    page.evaluate("document.getElementById('kept').append(window.late)")
    page.wait_for_timeout(300)
    kept(page, 1)


def test_a_new_conversation_that_first_comes_with_its_answer_takes_no_place_of_the_one_before(page: Page) -> None:
    ask(page, "What is LoRA?")
    kept(page, 1)
    page.click("#new")
    expect(page.locator("#kept .kept")).to_have_count(0, timeout=PATIENCE)
    page.evaluate("""() => {
      const turns = [{ role: "user", content: "What is RAG?" }, { role: "assistant", content: "Retrieval." }];
      const come = document.createElement("p");
      come.className = "kept";
      come.dataset.kept = JSON.stringify({ title: "What is RAG?", turns, edits: [] });
      document.getElementById("kept").append(come);
    }""")
    kept(page, 2)
    page.locator("#conversations summary").click()
    expect(page.get_by_label("Open: What is LoRA?")).to_be_visible()
    expect(page.get_by_label("Open: What is RAG?")).to_be_visible()


def test_conversations_survive_a_reload_and_can_be_renamed_and_deleted(page: Page) -> None:
    ask(page, "What is LoRA?")
    kept(page, 1)
    page.click("#new")
    ask(page, PROJECT)
    kept(page, 2)
    page.fill(BOX, "not sent yet")
    # As long as a person takes: Gradio notes every request that a reload cuts off as an error of its own.
    page.wait_for_timeout(1000)
    page.reload()
    expect(page.locator("#chat")).to_contain_text("two million a month", timeout=PATIENCE)
    expect(page.locator("#verdict .advice")).to_be_visible()
    expect(page.locator(BOX)).to_have_value("not sent yet")
    page.locator("#conversations summary").click()
    page.get_by_label("Rename: What is LoRA?").click()
    page.get_by_label("New name of the conversation").fill("About adapters")
    page.keyboard.press("Enter")
    page.get_by_label("Open: About adapters").click()
    expect(page.locator("#chat")).to_contain_text("low-rank adaptation", timeout=PATIENCE)
    page.get_by_label("Delete: About adapters").click()
    kept(page, 1)


def test_of_a_long_conversation_the_first_questions_are_folded_away_and_nothing_is_forgotten(
    page: Page, address: str
) -> None:
    ask(page, PROJECT)
    for n in range(2, 2 * IN_SIGHT):
        ask(page, f"What is LoRA, time {n}?", n)
    ask(page, "What is retrieval?", IN_SIGHT)
    expect(page.locator("#chat")).not_to_contain_text("two million a month")
    expect(page.locator("#chat .user-row").last).to_be_in_viewport()
    panel(page, "Your project")
    expect(page.locator(".fact .words", has_text="Nobody has labelled any").first).to_be_visible()
    # An answer is given anew, and the conversation opened in another tab: what was folded away is still known.
    page.get_by_label("Retry").last.click()
    expect(page.locator("#question .submit-button")).to_be_visible(timeout=PATIENCE)
    page = page.context.new_page()
    page.goto(address)
    page.locator("#conversations summary").click(timeout=PATIENCE)
    page.get_by_label(re.compile("^Open: We sort our support mails")).click()
    expect(page.locator(ANSWERED)).to_have_count(IN_SIGHT, timeout=PATIENCE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("Copy conversation").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"[{IN_SIGHT} questions before these are left out.")
    page.get_by_role("button", name=f"Show the {IN_SIGHT} questions before these").click()
    expect(page.locator(ANSWERED)).to_have_count(2 * IN_SIGHT, timeout=PATIENCE)
    expect(page.locator("#chat .user-row").first).to_contain_text("two million a month")
    expect(page.locator("#before button")).to_have_count(0)
    # A step back leaves so few questions that all are in sight.
    page.get_by_label("Undo").last.click()
    expect(page.locator(ANSWERED)).to_have_count(2 * IN_SIGHT - 1, timeout=PATIENCE)
    expect(page.locator(BOX)).to_have_value("What is retrieval?")


def test_two_tabs_on_one_conversation_lose_nothing(page: Page, address: str) -> None:
    ask(page, "What is LoRA?")
    kept(page, 1)
    other = page.context.new_page()
    other.goto(address)
    other.locator("#conversations summary").click(timeout=PATIENCE)
    other.get_by_label("Open: What is LoRA?").click()
    expect(other.locator(ANSWERED)).to_have_count(1, timeout=PATIENCE)
    ask(other, "What is few-shot prompting?", 2)
    ask(page, "What is retrieval?", 2)
    kept(page, 2)


def test_a_consultation_is_taken_away_as_three_files(page: Page) -> None:
    ask(page, PROJECT)
    page.get_by_role("button", name="Export").click()
    link = page.locator("#exports a", has_text="Report to print")
    expect(link).to_be_visible(timeout=PATIENCE)
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "consultation.html"
    report = base64.b64decode(str(link.get_attribute("href")).split(",", 1)[1]).decode()
    assert "Nobody has labelled any" in report
    assert page.locator("#exports a").count() == 3


@pytest.mark.parametrize("looks", ["light", "dark"])
def test_nothing_keeps_anybody_out(open_page: Opener, looks: str) -> None:
    page = open_page(color_scheme=looks, viewport={"width": 1280, "height": 900})
    ask(page, PROJECT)
    found = []
    for name in PANELS:
        panel(page, name)
        page.wait_for_timeout(300)
        result = Axe().run(page, context="#beside")
        found += [(name, v["id"], v["nodes"][0]["html"][:200]) for v in result.response["violations"]]
    result = Axe().run(page)
    found += [("page", v["id"], v["nodes"][0]["html"][:200]) for v in result.response["violations"]]
    assert found == []


# What reaches beyond the page's right edge, where nobody can scroll to it.
CUT_OFF = """[...document.querySelectorAll("#talk *, #beside *")]
  .filter((e) => e.checkVisibility() && !e.closest(".scrolled, .unseen, .sr-only")
      && e.getBoundingClientRect().right > innerWidth + 1)
  .map((e) => `${e.tagName} ${e.className}`)"""


def test_on_a_phone_nothing_stands_beside_the_page(open_page: Opener) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True)
    ask(page, PROJECT)
    for name in PANELS:
        panel(page, name)
        assert page.evaluate(CUT_OFF) == []
    assert re.search(r"\d+%", page.locator("#verdict").text_content() or "")
