"""A conversation taken in hand: stopped, asked into, edited, copied, answered by a quick reply, all by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PATIENCE, Opener, answered, send

pytestmark = pytest.mark.browser

PROJECT = "We have no labelled data and two weeks. Should we fine-tune?"
VAGUE = "We want to sort our mails automatically. Should we fine-tune?"
ANSWERED = "#chat .panel .status"
BOX = "#question textarea"


@pytest.fixture
def slow(slow_address: str, open_page: Opener) -> Page:
    """The page of a new visitor at the slow server."""
    return open_page(slow_address, viewport={"width": 1000, "height": 900})


def clipboard(page: Page) -> str:
    page.wait_for_timeout(300)
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_question_sent_while_an_answer_streams_waits_in_the_box_and_is_sent_after_it(slow: Page) -> None:
    send(slow, PROJECT)
    expect(slow.locator("#chat")).to_contain_text("You said", timeout=PATIENCE)
    send(slow, "What is LoRA?")
    expect(slow.locator(BOX)).to_have_value("What is LoRA?")
    expect(slow.get_by_role("status").filter(has_text="as soon as this answer has ended")).to_be_visible()
    answered(slow, 2)
    expect(slow.locator(BOX)).to_have_value("")
    assert slow.locator("#chat .user-row").count() == 2


def test_a_question_that_waits_and_is_changed_is_not_sent(slow: Page) -> None:
    send(slow, PROJECT)
    expect(slow.locator("#chat")).to_contain_text("You said", timeout=PATIENCE)
    send(slow, "What is LoRA?")
    slow.fill(BOX, "What is LoRA, and")
    answered(slow)
    expect(slow.get_by_role("button", name="Send")).to_be_visible()
    expect(slow.locator(BOX)).to_have_value("What is LoRA, and")
    assert slow.locator("#chat .user-row").count() == 1


def test_what_was_stopped_stays_and_the_next_question_is_answered(slow: Page) -> None:
    send(slow, PROJECT)
    expect(slow.locator("#chat")).to_contain_text("You said", timeout=PATIENCE)
    slow.get_by_role("button", name="Stop").click()
    expect(slow.get_by_role("button", name="Send")).to_be_visible()
    send(slow, "What is LoRA?")
    answered(slow)
    said = slow.inner_text("#chat")
    assert "You said" in said
    assert "low-rank adaptation" in said


def test_an_answer_that_is_stopped_before_its_first_words_leaves_the_question(slow: Page) -> None:
    send(slow, PROJECT)
    slow.get_by_role("button", name="Stop").click()
    expect(slow.get_by_role("button", name="Send")).to_be_visible(timeout=PATIENCE)
    expect(slow.locator("#chat")).to_contain_text(PROJECT)
    expect(slow.locator("#conversations summary")).to_have_text("Your conversations (1)", timeout=PATIENCE)


def test_a_new_conversation_ends_the_answer_that_streams(slow: Page) -> None:
    send(slow, PROJECT)
    expect(slow.locator("#chat")).to_contain_text("You said", timeout=PATIENCE)
    slow.click("#new")
    expect(slow.locator("#chat .message")).to_have_count(0, timeout=PATIENCE)
    # Nor does what was still under way come after.
    slow.wait_for_timeout(1500)
    assert slow.locator("#chat .message").count() == 0
    expect(slow.get_by_role("button", name="Send")).to_be_visible()


@pytest.mark.parametrize("sent", ["", "key", "button"])
def test_what_is_typed_before_a_new_conversation_has_begun_belongs_to_that(page: Page, sent: str) -> None:
    send(page, PROJECT)
    answered(page)
    expect(page.locator("#question .submit-button")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(1000)
    held: list[Route] = []
    slow = True
    page.route("**/gradio_api/**", lambda route: held.append(route) if slow else route.continue_())
    page.click("#new")
    page.fill("#question textarea", "What is LoRA?")
    if sent == "key":
        page.keyboard.press("Enter")
    elif sent == "button":
        page.click("#question .submit-button")
    page.wait_for_timeout(500)
    assert held
    slow = False
    for late in held:
        late.continue_()
    if sent:
        expect(page.locator("#conversations summary")).to_have_text("Your conversations (2)", timeout=PATIENCE)
        expect(page.locator("#chat .user-row")).to_have_text(["What is LoRA?"])
    else:
        expect(page.locator("#chat .user-row")).to_have_count(0, timeout=PATIENCE)
        expect(page.locator("#question textarea")).to_have_value("What is LoRA?")


def test_an_edited_message_is_answered_anew_and_shows_its_own_words(page: Page) -> None:
    typed = "What is *LoRA* <b>really</b>? It's #1."
    send(page, typed)
    answered(page)
    page.get_by_label("Edit").first.click()
    box = page.locator("#chat textarea")
    expect(box).to_have_value(typed)
    box.fill("What is few-shot prompting?")
    page.get_by_label("Submit").click()
    expect(page.locator("#chat")).not_to_contain_text("really", timeout=PATIENCE)
    answered(page)
    expect(page.locator("#chat")).to_contain_text("few-shot prompting")


def test_a_copied_answer_is_words_with_its_sources(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    send(page, PROJECT)
    answered(page)
    page.get_by_label("Copy message").last.click()
    copied = clipboard(page)
    assert copied.startswith("Start with prompt engineering")
    assert "\n\nSources\n[1] " in copied
    assert copied.count("Sources") == 1
    assert not [sign for sign in ("\\", "<div", "**") if sign in copied]
    page.get_by_label("Copy conversation").click()
    assert clipboard(page).startswith(PROJECT)


def test_a_quick_reply_is_answered(page: Page) -> None:
    send(page, VAGUE)
    answered(page)
    reply = page.locator("#chat button.option").first
    words = reply.inner_text()
    reply.click()
    answered(page, 2)
    expect(page.locator("#chat .user").last).to_contain_text(words)


def test_the_page_works_by_keyboard_alone(page: Page) -> None:
    page.locator(BOX).focus()
    page.keyboard.type("What is LoRA?")
    page.keyboard.press("Enter")
    answered(page)
    names = page.evaluate(
        "[...document.querySelectorAll('button')].map(b => (b.getAttribute('aria-label') || b.innerText).trim())"
    )
    assert len(names) > 3
    assert all(names)


def test_the_box_stays_in_sight_and_a_new_question_is_brought_to_the_top(page: Page) -> None:
    send(page, PROJECT)
    answered(page)
    send(page, PROJECT.replace("two weeks", "a week"))
    answered(page, 2)
    expect(page.locator(BOX)).to_be_in_viewport()
    page.wait_for_timeout(500)
    top = page.evaluate("[...document.querySelectorAll('#chat .user-row')].at(-1).getBoundingClientRect().top")
    assert 0 <= top < 100
