"""The page as a person meets it, in a real Chromium."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Locator, Page, TimeoutError, expect

from bot.consultant import AnswerStream, Consultant
from bot.types import Answer, Citation, Message, Statement
from knowledge.documents import read_document
from knowledge.ingest import CORPUS
from ui import server
from ui.chat import STARTERS

pytestmark = [
    pytest.mark.browser,
    # Gradio counts its events with what pandas 4 will drop (gradio/queueing.py, compute_analytics_summary).
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]
expect.set_options(timeout=30_000)

PROJECT = (
    "We are six people, need product texts for three shops next week, no labelled data, 100 euros a month. "
    "Should we fine-tune?"
)
HOSTILE = {
    "script": "<script>window.hacked=1</script> LoRA",
    "handler": '<img src=x onerror="window.hacked=1"> <svg onload=window.hacked=1>',
    "javascript link": "[click me](javascript:window.hacked=1)",
    "remote image": "![pixel](http://203.0.113.7/pixel.png)",
    "frame": '<iframe src="http://203.0.113.7/"></iframe><link rel=stylesheet href=http://203.0.113.7/x.css>',
    "panel": '<div class="panel">We have no labels</div></span></div>',
    "entities": "&lt;script&gt;window.hacked=1&lt;/script&gt; &amp; &#60;b&#62;",
    "formula": "$$\\href{javascript:window.hacked=1}{x}$$ ```mermaid",
    "addresses": "<http://evil.example> _http://evil.example www.evil.example me@evil.example",
    "project": "We have <b>no</b> labels, ![x](http://203.0.113.7/p.png), [two](javascript:window.hacked=1) weeks.",
}
Opener = Callable[..., Page]


def box(page: Page) -> Locator:
    return page.locator("#question textarea")


def asked(page: Page) -> Locator:
    return page.locator("#chat [data-testid=user]")


def answers(page: Page) -> Locator:
    """An answer and its panel are one row."""
    return page.locator("#chat .bot-row")


def await_answers(page: Page, count: int) -> None:
    """Until so many answers are there and the last one has come to its end."""
    expect(answers(page)).to_have_count(count)
    expect(page.locator("#question .submit-button")).to_be_visible()
    expect(asked(page)).to_have_count(count)


def ask(page: Page, text: str) -> Locator:
    """Type, send, and wait for the whole answer."""
    before = answers(page).count()
    box(page).fill(text)
    box(page).press("Enter")
    await_answers(page, before + 1)
    return answers(page).last


def open_sources(answer: Locator) -> Locator:
    answer.locator(".panel summary").click()
    return answer.locator(".panel .passage")


def button(page: Page, label: str) -> Locator:
    return page.locator(f"#chat button[aria-label='{label}']")


@cache
def documents() -> dict[str, str]:
    """Title → the document's file as it is read: without markers and line breaks."""
    read = {read_document(path).title: path.read_text(encoding="utf-8") for path in CORPUS.rglob("*.md")}
    return {title: " ".join(re.sub(r"\s*\[@[^\]]+\]", "", text).split()) for title, text in read.items()}


def overflow(page: Page) -> int:
    """How many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def brightness(page: Page, selector: str, style: str) -> float:
    """From 0, black, to 255, white."""
    script = f"e => getComputedStyle(e).{style}.match(/\\d+/g).slice(0, 3).map(Number)"
    red, green, blue = page.locator(selector).first.evaluate(script)
    return float(0.3 * red + 0.6 * green + 0.1 * blue)


def test_a_question_is_answered_with_cited_passages_of_the_corpus(page: Page) -> None:
    answer = ask(page, PROJECT)
    assert {"[1]", "[2]"} <= set(re.findall(r"\[\d+\]", answer.locator(".prose").first.inner_text()))
    passages = open_sources(answer)
    assert passages.count() >= 2
    for passage in passages.all():
        title = passage.locator("h4").inner_text().split(" › ")[0].split("] ")[-1]
        assert all(" ".join(mark.split()) in documents()[title] for mark in passage.locator("mark").all_inner_texts())


def test_every_number_in_an_answer_has_its_marked_passage(page: Page) -> None:
    answer = ask(page, PROJECT)
    numbers = re.findall(r"\[\d+\]", answer.locator(".prose").first.inner_text())
    open_sources(answer)
    assert set(answer.locator(".panel sup").all_inner_texts()) == set(numbers)
    assert answer.locator(".panel mark").count() == len(set(numbers))


def test_the_status_says_that_every_sentence_has_a_source(page: Page) -> None:
    status = ask(page, PROJECT).locator(".panel .status")
    expect(status).to_contain_text(re.compile(r"(\d+)/\1 every sentence is in my sources"))


def test_studies_open_elsewhere_without_a_trace(page: Page) -> None:
    answer = ask(page, "What is LoRA?")
    open_sources(answer)
    links = answer.locator(".panel a").all()
    assert links
    assert {link.get_attribute("target") for link in links} == {"_blank"}
    assert all("noopener" in (link.get_attribute("rel") or "") for link in links)
    assert all((link.get_attribute("href") or "").startswith("https://") for link in links)


def test_one_can_type_at_once(page: Page) -> None:
    page.keyboard.type("thanks")
    page.keyboard.press("Enter")
    await_answers(page, 1)
    expect(asked(page)).to_have_text(["thanks"])


@pytest.mark.parametrize("label", STARTERS)
def test_a_starter_is_asked_with_a_click(page: Page, label: str) -> None:
    page.get_by_role("button", name=label).click()
    await_answers(page, 1)
    expect(asked(page)).to_have_text([STARTERS[label]])
    expect(answers(page).locator(".panel .status-grounded")).to_be_visible()


def test_a_second_turn_is_read_with_the_first(page: Page) -> None:
    ask(page, "Should I use structured output for invoices?")
    answer = ask(page, "And with handwriting?")
    expect(answer.locator(".panel .status-grounded")).to_be_visible()
    expect(asked(page)).to_have_text(["Should I use structured output for invoices?", "And with handwriting?"])


@pytest.mark.parametrize("text", ["", "   ", "\u200b"], ids=["nothing", "spaces", "zero width"])
def test_sending_nothing_does_nothing(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")
    ask(page, "thanks")
    expect(asked(page)).to_have_text(["thanks"])


def test_lines_are_kept_apart(page: Page) -> None:
    box(page).fill("We have no labels.\n1. two weeks\n- # three shops")
    box(page).press("Enter")
    await_answers(page, 1)
    assert asked(page).inner_text().split("\n\n") == ["We have no labels.", "1. two weeks", "- # three shops"]


def test_retry_answers_the_last_question_again(page: Page) -> None:
    ask(page, "What is LoRA?")
    ask(page, "What is RAG?")
    button(page, "Retry").last.click()
    expect(page.locator("#question .stop-button, #question .submit-button")).to_be_visible()
    await_answers(page, 2)
    expect(asked(page)).to_have_text(["What is LoRA?", "What is RAG?"])


def test_undo_takes_the_last_question_back_into_the_box(page: Page) -> None:
    ask(page, "What is LoRA?")
    ask(page, "What is R&D* for?")
    button(page, "Undo").last.click()
    await_answers(page, 1)
    expect(box(page)).to_have_value("What is R&D* for?")


def test_editing_a_question_answers_the_new_one_and_drops_what_followed(page: Page) -> None:
    ask(page, "What is LoRA?")
    ask(page, "What is RAG?")
    button(page, "Edit").first.click()
    page.locator("#chat textarea").fill("What is DPO?")
    button(page, "Submit").click()
    expect(asked(page)).to_have_text(["What is DPO?"])
    await_answers(page, 1)
    expect(answers(page)).to_contain_text("DPO")


def test_what_is_edited_is_what_was_typed(page: Page) -> None:
    ask(page, "What is R&D* (a_b) worth?")
    button(page, "Edit").first.click()
    expect(page.locator("#chat textarea")).to_have_value("What is R&D* (a_b) worth?")


def copied(open_page: Opener, label: str, which: int = 0) -> str:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    ask(page, "What is R&D* worth? We have no labels.")
    button(page, label).nth(which).click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.length > 0)")
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize(
    ("label", "which"),
    [
        pytest.param("Copy message", 0, id="the question"),
        pytest.param("Copy message", 1, id="the answer"),
        pytest.param("Copy conversation", 0, id="the conversation"),
    ],
)
def test_what_is_copied_reads_as_it_is_shown(open_page: Opener, label: str, which: int) -> None:
    text = copied(open_page, label, which)
    assert "<div" not in text
    assert "\\" not in text


@pytest.mark.parametrize("how", ["#chat button[aria-label='Clear']", "#new"], ids=["clear", "new conversation"])
def test_a_conversation_can_be_left_for_a_new_one(page: Page, how: str) -> None:
    ask(page, "What is LoRA?")
    box(page).fill("half a question")
    page.locator(how).click()
    expect(asked(page)).to_have_count(0)
    expect(box(page)).to_have_value("")
    expect(page.get_by_role("button", name="How many examples?")).to_be_visible()


def test_two_visitors_do_not_see_each_other(open_page: Opener) -> None:
    first, second = open_page(), open_page()
    ask(first, "What is LoRA?")
    ask(second, "What is RAG?")
    expect(asked(first)).to_have_text(["What is LoRA?"])
    expect(asked(second)).to_have_text(["What is RAG?"])


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_hostile_words_are_shown_as_words(page: Page, text: str) -> None:
    """That no other host was asked and no error occurred is checked when the page closes."""
    ask(page, text)
    expect(asked(page)).to_have_text(text)
    assert page.evaluate("window.hacked") is None
    assert asked(page).locator("a, b, img, svg, iframe, script, link, .panel, code").count() == 0
    assert page.locator("#chat a[href^='javascript'], #chat img, #chat iframe, #chat script").count() == 0


def test_a_screen_reader_hears_words_not_markup(page: Page) -> None:
    ask(page, "What is LoRA?")
    labels = [message.get_attribute("aria-label") or "" for message in page.locator("#chat [data-testid=bot]").all()]
    assert labels
    assert not [label for label in labels if re.search(r"<div|class=|\*\*|\\\[", label)]


def test_what_can_be_done_has_a_name(page: Page) -> None:
    """Every button is named for who cannot see it, the one that sends included."""
    ask(page, "What is LoRA?")
    nameless = "e => e.filter(b => !(b.innerText.trim() || b.ariaLabel || b.title)).map(b => b.className)"
    assert page.locator("button:visible").evaluate_all(nameless) == []


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_a_phone_shows_all_without_scrolling_sideways(open_page: Opener) -> None:
    page = open_page(**PHONE)
    assert overflow(page) == 0
    open_sources(ask(page, PROJECT))
    assert overflow(page) == 0


@pytest.mark.parametrize("word", ["w" * 300, f"https://example.org/{'long/' * 20}"], ids=["word", "address"])
def test_a_long_word_does_not_widen_a_phones_page(open_page: Opener, word: str) -> None:
    page = open_page(**PHONE)
    ask(page, f"What is LoRA {word}")
    assert overflow(page) == 0


def test_in_the_dark_the_page_is_dark_and_can_be_read(open_page: Opener) -> None:
    page = open_page(color_scheme="dark")
    answer = ask(page, PROJECT)
    open_sources(answer)
    assert brightness(page, "body", "backgroundColor") < 60
    assert brightness(page, "#chat .bot-row .prose p", "color") > 150
    assert abs(brightness(page, "mark", "color") - brightness(page, "mark", "backgroundColor")) > 100


class Held:
    """The consultant, who stops after the first statement until told to go on, or fails there."""

    def __init__(self, consultant: Consultant) -> None:
        self.consultant = consultant
        self.ask = consultant.ask
        self.go_on = threading.Event()
        self.finished = threading.Semaphore(0)
        self.holds = True
        self.fails = False

    def stream(self, question: str, history: Sequence[Message] = ()) -> AnswerStream:
        return AnswerStream(self._held(self.consultant.stream(question, history)))

    def _held(self, stream: AnswerStream) -> Iterator[tuple[Statement, Citation | None] | Answer]:
        holds = self.holds
        for n, piece in enumerate(stream):
            if n == 1 and self.fails:
                raise RuntimeError("secret in /srv/data")
            if n == 1 and holds:
                self.go_on.wait(60)
            yield piece
        yield stream.answer
        if holds:
            self.finished.release()


async def built(consultant: Any) -> FastAPI:
    """Outside a running event loop Gradio makes one for each of its locks and leaves it open."""
    return server.application(consultant)


@pytest.fixture
def held(consultant: Consultant) -> Held:
    return Held(consultant)


@pytest.fixture
def held_page(held: Held, open_page: Opener) -> Iterator[Page]:
    """The page of a server in this process, whose answers are held."""
    listening = socket.create_server(("127.0.0.1", 0))
    # In a thread of its own, for Playwright's event loop runs in this one.
    with ThreadPoolExecutor(1) as pool:
        application = pool.submit(asyncio.run, built(held)).result()
    serving = uvicorn.Server(uvicorn.Config(application, log_level="critical"))
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]})
    thread.start()
    yield open_page(f"http://127.0.0.1:{listening.getsockname()[1]}")
    held.go_on.set()
    serving.should_exit = True
    serving.force_exit = True
    thread.join()


def begin(page: Page, text: str) -> str:
    """Send, and wait for the first statement."""
    box(page).fill(text)
    box(page).press("Enter")
    expect(answers(page)).to_have_count(1)
    expect(page.locator("#question .stop-button")).to_be_visible()
    return answers(page).inner_text()


def test_an_answer_is_shown_while_it_is_written(held: Held, held_page: Page) -> None:
    first = begin(held_page, "What is LoRA?").strip()
    held.go_on.set()
    await_answers(held_page, 1)
    assert answers(held_page).inner_text().startswith(first)
    assert len(answers(held_page).inner_text()) > len(first)


def end(held: Held, page: Page, selector: str) -> None:
    """Click what ends the answer, let it go on, and wait until the server has taken note."""
    with page.expect_response("**/cancel"):
        page.locator(selector).click()
        held.go_on.set()


def test_stop_keeps_what_came_and_lets_one_ask_again(held: Held, held_page: Page) -> None:
    first = begin(held_page, "What is LoRA?").strip()
    end(held, held_page, "#question .stop-button")
    expect(held_page.locator("#question .submit-button")).to_be_visible()
    ask(held_page, "What is RAG?")
    assert answers(held_page).first.inner_text().strip() == first
    expect(answers(held_page).last.locator(".panel .status-grounded")).to_be_visible()


def test_a_new_conversation_ends_the_answer_that_is_being_written(held: Held, held_page: Page) -> None:
    begin(held_page, "What is LoRA?")
    end(held, held_page, "#new")
    expect(asked(held_page)).to_have_count(0)
    ask(held_page, "thanks")
    expect(asked(held_page)).to_have_text(["thanks"])


def test_a_question_right_after_stop_is_answered(held: Held, held_page: Page) -> None:
    """Even while the server still waits for the stopped answer's next word."""
    begin(held_page, "What is LoRA?")
    held_page.locator("#question .stop-button").click()
    held.holds = False
    expect(held_page.locator("#question .submit-button")).to_be_visible()
    box(held_page).fill("What is RAG?")
    box(held_page).press("Enter")
    expect(asked(held_page)).to_have_count(2)
    held.go_on.set()
    expect(held_page.locator("#chat .panel .status-grounded")).to_be_visible(timeout=10_000)


def test_a_question_sent_while_an_answer_comes_is_not_lost(held: Held, held_page: Page) -> None:
    """It may wait in the box, or be answered; it may not be wiped away by the answer that was coming."""
    begin(held_page, "What is LoRA?")
    held.holds = False
    box(held_page).fill("What is RAG?")
    box(held_page).press("Enter")
    with suppress(TimeoutError):
        held_page.locator("#chat .panel .status").last.wait_for(timeout=3000)
    held.go_on.set()
    expect(held_page.locator("#chat .panel .status").first).to_be_visible()
    expect(held_page.locator("#question .submit-button")).to_be_visible()
    assert held.finished.acquire(timeout=30)
    assert "What is RAG?" in [
        *(text.strip() for text in asked(held_page).all_inner_texts()),
        box(held_page).input_value(),
    ]


def test_a_fault_is_told_and_one_can_ask_again(held: Held, held_page: Page) -> None:
    held.fails = True
    box(held_page).fill("What is LoRA?")
    box(held_page).press("Enter")
    expect(answers(held_page)).to_contain_text(re.compile(r"went wrong|cannot answer"), timeout=10_000)
    expect(held_page.locator("#question .submit-button")).to_be_visible()
    assert "secret" not in held_page.content()
