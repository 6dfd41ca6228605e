"""Nothing that a person, a document or a model says runs or loads, in real Chromium.

Hundreds of strings at once: each channel shows them all in a few answers. A control shows that the same strings do
run and load where nothing guards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect

from knowledge.index import Home
from knowledge.ingest import ingest
from tests import attacks
from tests.browser.conftest import PATIENCE, serving
from tests.browser.hostile_server import STRINGS, parts
from tests.quick_embedder import QuickEmbedder

pytestmark = pytest.mark.browser

CONTROL = """(words) => {
  for (const each of words) {
    const part = document.createElement("div");
    document.body.append(part);
    try { part.append(document.createRange().createContextualFragment(each)); } catch { /* no markup at all */ }
  }
}"""
# What the answers, their sources and the person's own words may be made of.
KNOWN = {"li", "p", "div", "strong", "ul", "ol", "button", "span", "details", "summary", "a", "mark", "sup"}


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    """A shared machine is slow at times."""
    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options(timeout=5000)


@dataclass
class Watched:
    """A page, and what ran or was loaded in it that must not be."""

    page: Page
    server: str
    ran: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.expose_function("hacked", lambda *_: self.ran.append("hacked"))
        self.page.on("dialog", lambda dialog: (self.ran.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("popup", lambda popup: self.foreign.append(popup.url))

    def _note(self, url: str) -> None:
        if not url.startswith((f"{self.server}/", "data:", f"blob:{self.server}/", "about:")):
            self.foreign.append(url)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose model and whose documents are an attacker's: their texts, titles, headings and file names."""
    folder, home = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("hostile-home")
    naughty = attacks.naughty()
    share = -(-len(naughty) // len(attacks.POLYGLOTS))
    for n, words in enumerate(attacks.POLYGLOTS):
        name = words.replace("/", "\u2215").replace("\n", " ").replace("\x01", "")[:80]
        told = " ".join(text for text in naughty[n * share : (n + 1) * share] if text.isprintable())
        if n % 2:
            text = f"# {words}\n\nThis is part {n}. {words} {told}\n"
        else:
            # Without a heading, a document is called by the name of its file.
            text = f"this is part {n}, {words} {told}.\n" * 2
        (folder / f"{name} {n}.{'md' if n % 2 else 'txt'}").write_text(text, encoding="utf-8")
    report = ingest([folder], Home(home), QuickEmbedder(), corpus=None, signals=None)
    assert not report.failed
    with serving("tests.browser.hostile_server", str(home), "quick") as server:
        yield server


@pytest.fixture
def watch(hostile: str, browser: Browser) -> Iterator[Callable[[str], Watched]]:
    """Opens a page and watches it; afterwards nothing may have run or been loaded."""
    opened: list[Watched] = []

    def watched(path: str) -> Watched:
        made = Watched(browser.new_context(viewport={"width": 1000, "height": 800}).new_page(), hostile)
        opened.append(made)
        made.page.goto(f"{hostile}{path}")
        return made

    yield watched
    for each in opened:
        each.page.context.close()
    assert [(each.ran, each.foreign) for each in opened] == [([], [])] * len(opened)


def ask_widget(page: Page, *questions: str) -> None:
    before = page.locator(".turn").count()
    for n, question in enumerate(questions, before + 1):
        page.fill("#box", question)
        page.click("#send")
        expect(page.locator(".turn")).to_have_count(n)
        expect(page.locator("#send")).to_be_visible()
    assert page.locator(".error").all_inner_texts() == []


def elements(page: Page) -> set[str]:
    """The names of all elements in the conversation of the widget."""
    return set(page.evaluate("[...document.querySelectorAll('#turns *')].map((one) => one.localName)"))


def squeezed(text: str) -> str:
    """Words as they can be compared, whatever became of the space and the invisible among them."""
    return " ".join(text.replace("\x01", "").split())


def questions(strings: list[str]) -> list[str]:
    """Messages that hold all of the strings, none longer than is read."""
    found = ["What is LoRA?"]
    for text in strings:
        if len(found[-1]) + len(text) > 3900:
            found.append("What is LoRA?")
        found[-1] += f"\n{text}"
    return found


def test_without_a_guard_the_same_words_run_and_load(browser: Browser, hostile: str) -> None:
    """The checks of this file can fail."""
    watched = Watched(browser.new_page(), hostile)
    watched.page.goto("about:blank")
    watched.page.evaluate(CONTROL, [*attacks.POLYGLOTS, *attacks.exfiltrations()])
    watched.page.wait_for_timeout(1500)
    assert len(watched.ran) > 15
    assert len({url for url in watched.foreign if attacks.HOST in url}) > 5
    watched.page.close()


@pytest.mark.parametrize("channel", ["question", "model"])
def test_in_the_widget_words_stay_words(watch: Callable[[str], Watched], channel: str) -> None:
    typed = questions([*attacks.POLYGLOTS, *attacks.naughty()])
    said = typed if channel == "question" else [f"Say part {n}." for n in range(len(parts(STRINGS)))]
    watched = watch("/embed")
    ask_widget(watched.page, *said)
    assert elements(watched.page) <= KNOWN
    assert watched.page.locator("#turns a[href]").count() == 0
    shown = squeezed(watched.page.inner_text("#turns"))
    assert [text for text in attacks.POLYGLOTS if squeezed(text) not in shown] == []
    watched.page.reload()
    expect(watched.page.locator(".turn")).to_have_count(len(said))


def test_in_the_widget_documents_are_words(watch: Callable[[str], Watched]) -> None:
    watched = watch("/embed")
    ask_widget(watched.page, *[f"Quote part {n}." for n in range(3)])
    cites = watched.page.locator(".answer .cite")
    assert cites.count() >= 50
    for summary in watched.page.locator("details.sources summary").all():
        summary.click()
    cites.first.click()
    expect(watched.page.locator("mark.shown")).to_be_visible()
    assert elements(watched.page) <= KNOWN
    assert "hacked()" in watched.page.inner_text(".passages >> nth=0")
