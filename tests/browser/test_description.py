"""A description in a file or the clipboard: its text comes into the box, and whatever is wrong, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest
from playwright.sync_api import Page, expect

from bot.queries import MAX_CHARACTERS
from tests.browser.conftest import PATIENCE, answered

pytestmark = pytest.mark.browser

PROJECT = "We sort our support mails by topic, two million a month. Nobody has labelled any. Should we fine-tune?"
BOX = "#question textarea"
CHOOSE = "#attach input"
SAID = "#attach .said"
FIFTY_PAGES = (PROJECT + " ") * 1500


def said(page: Page, words: str) -> None:
    expect(page.locator(SAID)).to_contain_text(words, timeout=PATIENCE)


def drop(page: Page, name: str, text: str) -> None:
    """Drop a file on the conversation."""
    files = page.evaluate_handle(
        """([name, text]) => {
            const carried = new DataTransfer();
            carried.items.add(new File([text], name));
            return carried;
        }""",
        [name, text],
    )
    page.dispatch_event("#chat", "dragover", {"dataTransfer": files})
    page.dispatch_event("#chat", "drop", {"dataTransfer": files})


def test_a_chosen_word_file_comes_into_the_box_and_is_answered(page: Page, tmp_path: Path) -> None:
    written = docx.Document()
    written.add_paragraph(PROJECT)
    written.save(str(tmp_path / "brief.docx"))
    page.set_input_files(CHOOSE, tmp_path / "brief.docx")
    said(page, "brief.docx is in the box above")
    expect(page.locator(BOX)).to_have_value(PROJECT)
    page.get_by_role("button", name="Send").click()
    answered(page)
    page.get_by_role("tab", name="Your project", exact=True).click()
    expect(page.locator("#project")).to_contain_text("Nobody has labelled any")


def test_a_dropped_file_stands_after_what_was_typed(page: Page) -> None:
    page.fill(BOX, "Our project:")
    drop(page, "brief.txt", PROJECT)
    said(page, "brief.txt is in the box above")
    expect(page.locator(BOX)).to_have_value(f"Our project:\n\n{PROJECT}")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("sketch.png", "x", "sketch.png was not read: its kind is not supported"),
        ("setup.exe", "MZ", "setup.exe was not read: its kind is not supported"),
        ("empty.txt", "", "empty.txt was not read: it is empty"),
        ("brief.pdf", "%PDF-1.4", "brief.pdf was not read: it is damaged"),
        ("huge.txt", "a" * 5_000_001, "huge.txt has more than 5 MB"),
    ],
    ids=["image", "executable", "empty", "damaged", "huge"],
)
def test_a_file_that_cannot_be_read_is_told_and_what_was_typed_stays(
    page: Page, name: str, text: str, sentence: str
) -> None:
    page.fill(BOX, "typed before")
    drop(page, name, text)
    said(page, sentence)
    expect(page.locator(BOX)).to_have_value("typed before")


def test_fifty_pasted_pages_stay_in_the_box_with_a_sentence_until_they_are_shortened(page: Page) -> None:
    page.fill(BOX, FIFTY_PAGES)
    said(page, f"at most {MAX_CHARACTERS:,} are read")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("I read at most")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(1000)
    assert page.locator(BOX).input_value() == FIFTY_PAGES
    expect(page.get_by_role("button", name="Send")).to_be_visible(timeout=PATIENCE)
    assert page.locator("#chat .message").count() == 0
    page.fill(BOX, PROJECT)
    expect(page.locator(SAID)).to_have_text("")
    page.keyboard.press("Enter")
    answered(page)
