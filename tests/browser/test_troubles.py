"""What goes wrong around a conversation: the server restarts, the network is gone, somebody presses ten times."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PATIENCE, Opener, answered, ask, send, serving

pytestmark = pytest.mark.browser

PROJECT = "We have no labelled data and two weeks. Should we fine-tune?"
BOX = "#question textarea"


@pytest.fixture
def slow(slow_address: str, open_page: Opener) -> Page:
    """The page of a new visitor at the slow server."""
    return open_page(slow_address, viewport={"width": 1000, "height": 900})


@pytest.fixture
def apart(browser: Browser, slow_address: str) -> Iterator[BrowserContext]:
    """A visitor of the slow server whose network may fail, which Chromium notes as a fault of the page."""
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    context.set_default_timeout(PATIENCE)
    context.new_page().goto(slow_address)
    yield context
    context.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_conversation_outlives_a_restart_of_the_server(browser: Browser, served_home: Path) -> None:
    command = ["ui.cli", "serve", "--port", str(free_port()), "--home", str(served_home)]
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    with serving(*command) as address:
        page.goto(address)
        ask(page, PROJECT)
        expect(page.locator("#conversations summary")).to_contain_text("(1)", timeout=PATIENCE)
        page.fill(BOX, "not sent yet")
    with serving(*command):
        page.reload()
        expect(page.locator("#chat")).to_contain_text("two weeks", timeout=PATIENCE)
        expect(page.locator(BOX)).to_have_value("not sent yet")
        ask(page, "What does it cost?", 2)
        expect(page.locator("#conversations summary")).to_contain_text("(1)", timeout=PATIENCE)
    context.close()


def test_ten_quick_presses_send_once(page: Page) -> None:
    page.fill(BOX, PROJECT)
    page.evaluate(
        """() => {
            const buttons = [...document.querySelectorAll("#question button")];
            const send = buttons.find((button) => button.innerText.trim() === "Send");
            for (let n = 0; n < 10; n++) send.click();
        }"""
    )
    answered(page)
    page.wait_for_timeout(1500)
    answered(page)
    assert page.locator("#chat .user-row").count() == 1


LOST = "Connection to the server was lost"


def test_what_is_sent_without_a_network_stays_in_the_box_and_can_be_sent_again(apart: BrowserContext) -> None:
    page = apart.pages[0]
    ask(page, "What is LoRA?")
    apart.set_offline(True)
    send(page, PROJECT)
    expect(page.get_by_text(LOST)).to_be_visible(timeout=PATIENCE)
    assert page.locator("#chat .user-row").count() == 1
    comes_back(apart)
    expect(page.locator("#chat")).to_contain_text("low-rank adaptation", timeout=PATIENCE)
    expect(page.locator(BOX)).to_have_value(PROJECT, timeout=PATIENCE)
    page.get_by_role("button", name="Send").click()
    answered(page, 2)


def test_a_network_that_is_lost_amid_an_answer_loses_no_question(apart: BrowserContext) -> None:
    page = apart.pages[0]
    send(page, PROJECT)
    expect(page.locator("#chat")).to_contain_text("You said", timeout=PATIENCE)
    apart.set_offline(True)
    expect(page.get_by_text(LOST)).to_be_visible(timeout=PATIENCE)
    comes_back(apart)
    expect(page.locator("#chat .user-row")).to_have_count(1, timeout=PATIENCE)
    expect(page.locator("#chat")).to_contain_text("two weeks")
    expect(page.get_by_role("button", name="Send")).to_be_visible(timeout=PATIENCE)


def comes_back(context: BrowserContext) -> None:
    """The network is there again: Gradio loads the page anew by itself."""
    with context.pages[0].expect_event("load", timeout=PATIENCE):
        context.set_offline(False)
