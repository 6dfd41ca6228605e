"""POST /api/read over a real socket: the page sends a file and gets its text, or one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from bot.consultant import Consultant
from knowledge.sandbox import read_text
from tests.ui.conftest import serving
from ui import bodies, reading, server
from ui.replies import Refused

PROJECT = "We sort 300 mails a day. Nobody has labelled any."


@pytest.fixture(scope="module")
def client(consultant: Consultant) -> Iterator[httpx.Client]:
    with serving(lambda: server.application(consultant)) as client:
        yield client


def send(client: httpx.Client, name: str, data: bytes, kind: str = reading.KIND) -> httpx.Response:
    return client.post(bodies.READ, params={"name": name}, content=data, headers={"Content-Type": kind})


def test_a_file_is_given_back_as_text(client: httpx.Client) -> None:
    assert send(client, "brief.txt", PROJECT.encode()).json() == {"text": PROJECT}


@pytest.mark.parametrize(
    ("name", "data", "status", "sentence"),
    [
        ("sketch.png", b"\x89PNG", 422, "sketch.png was not read: its kind is not supported"),
        ("a" * 300 + ".exe", b"MZ", 422, "…"),
        ("brief.txt", b"words " * 40_000, 422, "more than 200,000; paste the part"),
        ("brief.txt", b"a" * 5_000_001, 413, "larger than 5,000 kB. Send a smaller file"),
    ],
    ids=["image", "long name", "long text", "huge"],
)
def test_what_is_not_read_is_told_in_a_sentence(
    client: httpx.Client, name: str, data: bytes, status: int, sentence: str
) -> None:
    answer = send(client, name, data)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


def test_a_form_of_another_page_cannot_send_a_file(client: httpx.Client) -> None:
    assert send(client, "brief.txt", PROJECT.encode(), "text/plain").status_code == 415


def test_more_files_than_may_wait_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "QUEUE", 3)
    assert read_text("a.txt", b"one")

    async def all_at_once() -> list[object]:
        room = reading.ReadingRoom()
        return await asyncio.gather(*(room.read("a.txt", b"one") for _ in range(5)), return_exceptions=True)

    told = asyncio.run(all_at_once())
    assert told[:3] == ["one"] * 3
    assert [error.status for error in told if isinstance(error, Refused)] == [503, 503]
