"""The widget on other people's pages, in real Chromium: pages of listed origins, of others, and hostile ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from tests.browser.conftest import PATIENCE, serving
from tests.browser.host_pages import hosting
from tests.browser.hostile_server import SLOWLY

pytestmark = pytest.mark.browser

PROJECT = "We have no labelled data and two weeks. Should we fine-tune?"
VAGUE = "We want to sort our mails automatically. Should we fine-tune?"
LAUNCHER = "#consultant-widget .launcher"
PANEL = "#consultant-widget .panel"
SITES = """
[quotas]
visitor_per_minute = 1000

[[sites]]
name = "shop"
origins = ["{0}"]
branding = {{title = "Ask the shop", greeting = "What are you building?", colour = "#7c3aed"}}

[[sites]]
name = "bank"
origins = ["{1}"]
branding = {{title = "Ask the <i>bank</i>"}}
"""


@dataclass(frozen=True)
class Places:
    """The consultant, and origins of pages: of two sites that are listed, and of one that is not."""

    server: str
    shop: str
    bank: str
    stranger: str


@pytest.fixture(scope="module")
def places(served_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with hosting(("127.0.0.1", "localhost")) as ([shop, bank], told), hosting() as ([stranger], told_stranger):
        file = tmp_path_factory.mktemp("sites") / "sites.toml"
        file.write_text(SITES.format(shop, bank))
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("CONSULTANT_SITES", str(file))
            with serving("ui.cli", "serve", "--port", "0", "--home", str(served_home)) as server:
                told["server"] = told_stranger["server"] = server
                wait_until_ready(server)
                yield Places(server, shop, bank, stranger)


@pytest.fixture(scope="module")
def hostile(served_home: Path) -> Iterator[str]:
    with serving("tests.browser.hostile_server", str(served_home)) as server:
        wait_until_ready(server)
        yield server


def wait_until_ready(server: str) -> None:
    """Tests of what people see do not pay for the loading of the model."""
    end = time.monotonic() + 240
    while httpx.get(f"{server}/readyz", timeout=240).status_code != 200 and time.monotonic() < end:
        time.sleep(0.5)


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    """A shared machine is slow at times."""
    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options(timeout=5000)


Opener = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Opener]:
    """Opens a page and waits for the widget; afterwards no script may have failed."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(address: str, *, listen: bool = True, clock: bool = False, **device: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1000, "height": 760}, **device})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        if clock:
            page.clock.install()
        page.goto(address)
        page.wait_for_selector("#consultant-widget", state="attached")
        if listen:
            page.evaluate(
                "window.heard = []; for (const name of ['open', 'close', 'answer', 'verdict', 'ready', 'error'])"
                " ConsultantWidget.on(name, (told) => heard.push({ name, told }));"
            )
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def heard(page: Page, name: str, times: int = 1) -> Any:
    """What the page was told with an event, once it has come so many times."""
    page.wait_for_function(f"heard.filter((one) => one.name === '{name}').length >= {times}")
    return page.evaluate("(name) => heard.filter((one) => one.name === name).at(-1).told", name)


def frame_of(page: Page) -> Frame:
    """The widget's frame, once it has the focus: then the page around and it know each other."""
    frame = page.wait_for_selector(f"{PANEL} iframe").content_frame()  # type: ignore[union-attr]
    assert frame is not None
    expect(frame.locator("#box")).to_be_focused()
    return frame


def opened(page: Page) -> Frame:
    page.evaluate("ConsultantWidget.open()")
    return frame_of(page)


def ask(frame: Frame, text: str) -> None:
    frame.fill("#box", text)
    frame.press("#box", "Enter")


def test_a_visitor_asks_and_opens_the_marked_passage(
    places: Places, visit: Opener, record_property: Callable[[str, object], None]
) -> None:
    page = visit(f"{places.shop}/plain")
    assert [frame for frame in page.frames if "/embed" in frame.url] == []
    began = time.monotonic()
    page.click(LAUNCHER)
    frame = frame_of(page)
    record_property("first_open_seconds", round(time.monotonic() - began, 2))
    expect(frame.locator("#title")).to_have_text("Ask the shop")
    ask(frame, PROJECT)
    answer, verdict = heard(page, "answer"), heard(page, "verdict")
    assert (answer["status"], verdict["approach"]) == ("grounded", "prompt-engineering")
    expect(frame.locator(".answer")).to_contain_text("Start with prompt engineering.")
    expect(frame.locator("#live")).to_contain_text("Start with prompt engineering.")
    frame.click(".cite >> nth=1")
    expect(frame.locator("mark.shown")).to_be_visible()
    expect(frame.locator("mark.shown + sup")).to_have_text("[2]")
    assert frame.evaluate("document.activeElement.matches('mark.shown')")


def test_it_is_worked_by_keyboard_and_gives_the_focus_back(places: Places, visit: Opener) -> None:
    page = visit(f"{places.shop}/plain")
    launcher = page.locator(LAUNCHER)
    expect(launcher).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    frame = frame_of(page)
    expect(launcher).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("dialog", name="Consultant")).to_be_visible()
    expect(frame.locator("#box")).to_be_focused()
    page.keyboard.type("What is LoRA?")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("In a word.")
    expect(frame.locator("#box")).to_have_value("What is LoRA?\nIn a word.")
    page.keyboard.press("Enter")
    heard(page, "answer")
    page.keyboard.press("Escape")
    expect(page.locator(PANEL)).to_be_hidden()
    expect(launcher).to_be_focused()
    expect(launcher).to_have_attribute("aria-expanded", "false")


def test_a_page_that_is_not_listed_is_blocked_by_the_browser(places: Places, visit: Opener) -> None:
    page = visit(f"{places.stranger}/plain", clock=True)
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.evaluate("ConsultantWidget.open()")
    assert [frame for frame in page.frames if frame.query_selector("#box")] == []
    page.clock.fast_forward(21_000)
    expect(page.locator(PANEL)).to_contain_text("The chat cannot be shown on this page.")
    assert heard(page, "error")["message"] == "The chat cannot be shown on this page."
    refused = page.evaluate(
        "(url) => fetch(url, { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } })"
        ".then(() => 'read', () => 'blocked')",
        f"{places.server}/api/ask",
    )
    assert refused == "blocked"


HOSTILE = ["in-head", "unset", "overridden", "twice", "transformed", "taken-out", "policy", "types"]


@pytest.mark.parametrize("name", HOSTILE)
def test_it_works_on_a_hostile_page(places: Places, visit: Opener, name: str) -> None:
    page = visit(f"{places.shop}/{name}", listen=False)
    expect(page.locator("#consultant-widget")).to_have_count(1)
    page.click(LAUNCHER)
    frame = frame_of(page)
    ask(frame, "thanks")
    expect(frame.locator(".answer")).not_to_be_empty()
    expect(frame.locator("#send")).to_be_visible()
    box = page.locator(PANEL).bounding_box()
    assert box is not None
    assert (box["width"], box["height"] > 500) == (400, True)


def test_it_comes_back_where_a_framework_renders_anew(places: Places, visit: Opener) -> None:
    page = visit(f"{places.shop}/framework")
    expect(page.locator("h1")).to_have_text("Render 1")
    expect(page.locator("#consultant #consultant-widget iframe")).to_be_visible()
    frame = page.frame_locator("#consultant-widget iframe")
    frame.locator("#box").fill("thanks")
    frame.locator("#box").press("Enter")
    expect(frame.locator(".answer")).not_to_be_empty()


def test_sites_have_their_own_looks(places: Places, visit: Opener) -> None:
    shop, bank = opened(visit(f"{places.shop}/plain")), opened(visit(f"{places.bank}/plain"))
    expect(shop.locator("#title")).to_have_text("Ask the shop")
    expect(shop.locator("#send")).to_have_css("background-color", "rgb(124, 58, 237)")
    expect(bank.locator("#title")).to_have_text("Ask the <i>bank</i>")


def test_the_page_around_sets_looks_in_words_alone(places: Places, visit: Opener) -> None:
    page = visit(f"{places.shop}/looks", color_scheme="light")
    frame = opened(page)
    expect(frame.locator("#title")).to_have_text("Rat & Tat")
    expect(frame.locator("#greeting")).to_have_text("<b>Hallo</b>")
    expect(frame.locator("#send")).to_have_text("Senden")
    expect(frame.locator("body")).to_have_css("background-color", "rgb(15, 23, 42)")
    expect(frame.locator("#send")).to_have_css("color", "rgb(17, 24, 39)")
    box = page.locator(LAUNCHER).bounding_box()
    assert box is not None
    assert box["x"] < 100


def test_without_consent_no_frame_is_loaded(places: Places, visit: Opener) -> None:
    page = visit(f"{places.shop}/consent")
    page.click(LAUNCHER)
    expect(page.locator(PANEL)).to_contain_text("The chat is run by another server.")
    assert page.locator(f"{PANEL} iframe").count() == 0
    page.get_by_role("button", name="Continue").click()
    expect(frame_of(page).locator("#box")).to_be_focused()


FUZZ = """
(count) => {
  let seed = 7;
  const one = (list) => list[(seed = (seed * 48271) % 2147483647) % list.length];
  const types = ["ask", "clear", "looks", "focus", "ready", "answer", "verdict", "close", "error", "", null, 3,
    "open", "__proto__", "constructor", "toString", ["ask"]];
  const names = ["text", "title", "colour", "theme", "prompt", "model", "limit", "system"];
  const values = [null, undefined, 1, -1, NaN, true, [], {}, ["x"], { text: "x" }, "x".repeat(5000), new Date(), /x/];
  const widget = document.querySelector("#consultant-widget").shadowRoot;
  const frame = widget.querySelector("iframe").contentWindow;
  for (let n = 0; n < count; n++) {
    const message = { consultant: one([1, 1, one(values)]), type: one(types), [one(names)]: one(values), more: 1 };
    frame.postMessage(n % 5 ? message : one(values), "*");
    // To the page itself as well, in the right form: it is not the frame.
    window.postMessage({ consultant: 1, type: one(types), message: "x", status: "x" }, "*");
  }
}
"""


def test_a_thousand_forged_messages_change_nothing(places: Places, visit: Opener) -> None:
    page = visit(f"{places.shop}/other-frame")
    frame = opened(page)
    before = frame.evaluate("document.documentElement.outerHTML")
    events = page.evaluate("heard.length")
    page.evaluate(FUZZ, 1000)
    # Well formed, but from another frame than the one that may.
    other = next(one for one in page.frames if one.name == "other")
    other.evaluate(
        "(server) => { const all = [parent, ...Array.from({ length: parent.length }, (_, n) => parent[n])];"
        "for (const one of all) for (const type of ['ask', 'clear', 'ready', 'close', 'looks'])"
        " one.postMessage({ consultant: 1, type, ...(type === 'ask' ? { text: 'thanks' } : {}) }, '*'); }",
        places.server,
    )
    # Messages arrive in order: once this one has acted, all before it have been read.
    page.evaluate("ConsultantWidget.ask('thanks')")
    heard(page, "answer")
    assert page.evaluate("heard.length") == events + 1
    frame.evaluate("document.getElementById('new').click()")
    frame.evaluate("document.getElementById('live').textContent = ''; document.getElementById('box').blur()")
    after = frame.evaluate("document.documentElement.outerHTML")
    assert after.replace(' style="height: 0px;"', "") == before


def test_two_quick_clicks_ask_once_and_a_quick_reply_is_asked(places: Places, visit: Opener) -> None:
    page = visit(f"{places.shop}/plain")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/ask" in request.url else None)
    frame = opened(page)
    frame.fill("#box", VAGUE)
    frame.evaluate("() => { const send = document.getElementById('send'); send.click(); send.click(); }")
    heard(page, "answer")
    assert len(asked) == 1
    reply = frame.locator(".replies button").first
    words = reply.inner_text()
    reply.click()
    heard(page, "answer", 2)
    expect(frame.locator(".user").last).to_have_text(words)
    assert len(asked) == 2


def test_what_fails_can_be_tried_again_and_what_is_refused_goes_back_into_the_box(
    places: Places, visit: Opener
) -> None:
    page = visit(f"{places.shop}/plain")
    frame = opened(page)
    page.route("**/api/ask", lambda route: route.abort(), times=1)
    ask(frame, PROJECT)
    expect(frame.locator(".error")).to_have_text("The connection was lost. Check it and try again.")
    assert heard(page, "error")["message"].startswith("The connection was lost.")
    frame.click(".retry")
    expect(frame.locator(".answer")).to_contain_text("Start with prompt engineering.")
    assert frame.locator(".turn").count() == 1
    ask(frame, "?!")
    expect(frame.locator(".error")).to_contain_text("holds no words")
    expect(frame.locator("#box")).to_have_value("?!")


def test_a_conversation_is_kept_in_its_tab_until_it_is_begun_anew(places: Places, visit: Opener) -> None:
    page = visit(f"{places.shop}/plain")
    frame = opened(page)
    ask(frame, "What is LoRA?")
    heard(page, "answer")
    page.reload()
    page.wait_for_function("window.ConsultantWidget")
    page.evaluate("ConsultantWidget.open()")
    again = page.frame_locator("#consultant-widget iframe")
    expect(again.locator(".answer")).to_contain_text("low-rank adaptation")
    expect(again.locator(".cite").first).to_be_visible()
    again.locator("#new").click()
    expect(again.locator(".turn")).to_have_count(0)
    page.reload()
    page.wait_for_function("window.ConsultantWidget")
    page.evaluate("ConsultantWidget.open()")
    expect(again.locator("#greeting")).to_be_visible()
    expect(again.locator(".turn")).to_have_count(0)


def test_an_answer_can_be_stopped(hostile: str, browser: Browser) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{hostile}/embed")
    page.fill("#box", f"What is LoRA, {SLOWLY}?")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_contain_text("hacked()")
    page.click("#stop")
    expect(page.locator(".note")).to_have_text("Stopped.")
    expect(page.locator("#send")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text("hacked()")
    page.close()


def test_what_is_sent_while_an_answer_streams_waits_and_is_sent_after_it(hostile: str, browser: Browser) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{hostile}/embed")
    for waits in ("What is LoRA?", "changed"):
        asked = page.locator(".turn").count()
        page.fill("#box", f"What is LoRA, {SLOWLY}?")
        page.keyboard.press("Enter")
        expect(page.locator(".answer").last).to_contain_text("hacked()")
        page.fill("#box", "What is LoRA?")
        page.keyboard.press("Enter")
        expect(page.locator("#box")).to_have_value("What is LoRA?")
        if waits == "changed":
            page.fill("#box", waits)
        page.click("#stop")
        expect(page.locator(".turn")).to_have_count(asked + (1 if waits == "changed" else 2))
        expect(page.locator("#box")).to_have_value(waits if waits == "changed" else "")
        expect(page.locator("#send")).to_be_visible()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_it_fills_the_screen_and_nothing_scrolls_sideways(
    places: Places, visit: Opener, scheme: str
) -> None:
    page = visit(f"{places.shop}/plain", viewport={"width": 360, "height": 700}, color_scheme=scheme)
    frame = opened(page)
    page.locator(PANEL).evaluate("async (panel) => { for (const one of panel.getAnimations()) await one.finished; }")
    assert page.locator(PANEL).bounding_box() == {"x": 0, "y": 0, "width": 360, "height": 700}
    ask(frame, "RAG vs fine-tuning?")
    heard(page, "answer")
    frame.click("summary")
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    colour = "rgb(15, 23, 42)" if scheme == "dark" else "rgb(255, 255, 255)"
    expect(frame.locator("body")).to_have_css("background-color", colour)
    frame.click("#close")
    expect(page.locator(PANEL)).to_be_hidden()


@pytest.mark.parametrize("looks", ["light", "dark"])
def test_nothing_keeps_anybody_out(places: Places, visit: Opener, looks: str) -> None:
    """The frame by itself, with an answer, its passages and quick replies open; then the launcher and the panel."""
    page = visit(f"{places.shop}/plain", color_scheme=looks)
    found = Axe().run(page, context="#consultant-widget").response["violations"]
    frame = opened(page)
    found += Axe().run(page, context="#consultant-widget").response["violations"]
    page.goto(f"{places.server}/embed?origin={places.shop}")
    found += Axe().run(page).response["violations"]
    ask(page.main_frame, VAGUE)
    expect(page.locator(".replies button").first).to_be_visible()
    page.click("summary")
    page.click(".cite >> nth=0")
    expect(page.locator("mark.shown")).to_be_visible()
    found += Axe().run(page).response["violations"]
    ask(page.main_frame, "?!")
    expect(page.locator(".error")).to_be_visible()
    found += Axe().run(page).response["violations"]
    assert frame.is_detached()
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
