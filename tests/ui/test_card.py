"""The card of a link to the page, and what is compressed on the way."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import httpx
import pytest
from bs4 import BeautifulSoup

from bot.consultant import Consultant
from tests.ui.conftest import serving
from ui import card, chat, server


@pytest.fixture(scope="module")
def http(consultant: Consultant) -> Iterator[httpx.Client]:
    with serving(lambda: server.application(consultant)) as client:
        yield client


def tags(page: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag in BeautifulSoup(page, "html.parser").find_all("meta"):
        found.setdefault(str(tag.get("property") or tag.get("name")), []).append(str(tag.get("content")))
    return found


def test_a_link_to_the_page_shows_our_card_and_nothing_of_gradio_s(http: httpx.Client) -> None:
    answer = http.get("/")
    told = tags(answer.text)
    assert told["og:title"] == [chat.TITLE]
    assert told["og:description"] == told["description"] == [chat.TAGLINE]
    assert told["og:image"] == [f"{str(http.base_url).rstrip('/')}/card.png"]
    assert [name for name in told if name.startswith("twitter:")] == ["twitter:card"]
    assert "githubusercontent" not in answer.text
    assert int(answer.headers["content-length"]) == answer.num_bytes_downloaded


def test_the_picture_has_the_size_that_is_told(http: httpx.Client) -> None:
    answer = http.get(card.CARD)
    assert answer.headers["content-type"] == "image/png"
    assert struct.unpack(">II", answer.content[16:24]) == card.SIZE
    assert len(answer.content) < 100_000


def test_a_strange_host_is_no_markup(http: httpx.Client) -> None:
    answer = http.get("/", headers={"Host": 'evil.example"><script>alert(1)</script>'})
    assert "<script>alert(1)" not in answer.text
    assert answer.status_code != 200 or tags(answer.text)["og:image"] == ["/card.png"]


def test_the_page_is_compressed_and_a_stream_is_not(http: httpx.Client) -> None:
    page = http.get("/", headers={"Accept-Encoding": "gzip"})
    assert page.headers["content-encoding"] == "gzip"
    assert page.num_bytes_downloaded < len(page.content) / 2
    assert "content-encoding" not in http.get("/", headers={"Accept-Encoding": "identity"}).headers
    asked = {"question": "What is LoRA?", "stream": True}
    with http.stream("POST", "/api/ask", json=asked, headers={"Accept-Encoding": "gzip"}) as stream:
        assert "content-encoding" not in stream.headers
