"""The other tabs of the page: the prompt lab, costs and knowledge; and what people think of an answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, Opener, ask

pytestmark = pytest.mark.browser

PROJECT = "We sort our support mails by topic, about 400,000 a month. Nobody has labelled any. Should we fine-tune?"
ROOMS = ["Prompt lab", "Costs", "Knowledge", "Evaluation"]


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


def test_a_document_of_one_s_own_is_added_listed_and_removed(page: Page, tmp_path: Path) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    own, odd = tmp_path / "Zorbel & <b>co.md", tmp_path / "picture.png"
    own.write_text("# Our zorbels\n\n## What is a zorbel?\n\nA zorbel is a template that our team keeps.\n")
    odd.write_bytes(b"no text")
    room(page, "Knowledge")
    page.get_by_role("button", name="Documents of your own").click()
    page.locator("#collect input").set_input_files([own, odd])
    expect(page.locator("#collect .said")).to_contain_text("picture.png was not read", timeout=PATIENCE)
    part = page.locator("#collection-files")
    expect(part).to_contain_text("1 added", timeout=PATIENCE)
    expect(part.locator("li")).to_contain_text(own.name)
    expect(page.locator(".documents")).to_contain_text("Our zorbels", timeout=PATIENCE)
    part.get_by_role("button", name=f"Remove {own.name}").click()
    expect(part).to_contain_text("1 removed", timeout=PATIENCE)
    expect(page.locator("#library-list")).to_contain_text("No document of this topic", timeout=PATIENCE)


def test_the_lab_shows_what_each_variant_sends_and_without_a_model_how_to_get_one(page: Page) -> None:
    room(page, "Prompt lab")
    page.locator("#lab-a").get_by_label("grounding").check()
    page.click("#lab-show")
    expect(page.locator("#lab-1 code").first).to_have_text("brief@grounding", timeout=PATIENCE)
    expect(page.locator("#lab-2 pre").first).to_be_visible()
    page.click("#lab-run")
    expect(page.locator("#lab-1 .note")).to_contain_text("consultant model pull", timeout=PATIENCE)


def test_a_prompt_is_rewritten_tried_and_saved_as_a_file(page: Page) -> None:
    room(page, "Prompt lab")
    page.locator("#lab-own button").first.click()
    page.click("#lab-begin")
    words = page.locator("#lab-words textarea")
    expect(words).to_have_value(re.compile("## role"), timeout=PATIENCE)
    words.fill(words.input_value().replace("## role\n", "## role\n\nSpeak like a pirate. <b>Now.</b>\n"))
    page.locator("#lab-b").get_by_label("role").check()
    page.click("#lab-show")
    expect(page.locator("#lab-2")).to_contain_text("Speak like a pirate. <b>Now.</b>", timeout=PATIENCE)
    expect(page.locator("#lab-2 code").first).to_have_text(re.compile("in your words"))
    expect(page.locator("#lab-1")).not_to_contain_text("pirate")
    page.click("#lab-save")
    with page.expect_download() as saved:
        page.get_by_role("link", name="advise-brief.md").click()
    assert saved.value.suggested_filename == "advise-brief.md"
    assert saved.value.path().read_text(encoding="utf-8") == words.input_value()


def test_a_set_up_of_the_lab_is_shared_by_a_link_and_does_not_run_by_itself(page: Page, address: str) -> None:
    room(page, "Prompt lab")
    page.locator("#lab-a").get_by_label("grounding").check()
    page.locator("#lab-question textarea").fill("What is LoRA & <b>RAG</b>?")
    page.click("#lab-share")
    link = page.locator("#lab-told a")
    expect(link).to_be_visible(timeout=PATIENCE)
    page.goto(address + str(link.get_attribute("href")))
    expect(page.locator("#lab-question textarea")).to_have_value("What is LoRA & <b>RAG</b>?", timeout=PATIENCE)
    expect(page.locator("#lab-a").get_by_label("grounding")).to_be_checked()
    expect(page.locator("#lab-b").get_by_label("examples")).to_be_checked()
    assert page.locator("#lab-1 section").count() == 0
    page.goto(f"{address}/?lab=full&a=magic")
    expect(page.locator("#lab-told .note")).to_contain_text("cannot be read", timeout=PATIENCE)


def test_a_suite_is_run_and_its_report_read(page: Page) -> None:
    room(page, "Evaluation")
    # The bar may be gone before anybody looks for it.
    page.evaluate(
        "new MutationObserver(() => { window.watched ||= !!document.querySelector('#evaluation-report progress'); })"
        ".observe(document.documentElement, {childList: true, subtree: true})"
    )
    page.click("#evaluation-run")
    report = page.frame_locator("#evaluation-report iframe")
    expect(report.locator("h1")).to_contain_text("of 40 cases passed", timeout=PATIENCE)
    assert page.evaluate("window.watched")
    # The report in its frame and the pressed button, too.
    assert [v["id"] for v in Axe().run(page).response["violations"]] == []
    page.click("#evaluation-stop")
    expect(page.locator("#evaluation-report")).to_contain_text("Stopped", timeout=PATIENCE)
    page.click("#evaluation-last")
    expect(report.locator("h1")).to_contain_text("of 40 cases passed", timeout=PATIENCE)


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
