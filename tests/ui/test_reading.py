"""POST /api/read over a real socket: the page sends a file and gets its text, or one sentence."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator

import docx
import httpx
import pytest
from fpdf import FPDF

from bot.consultant import Consultant
from knowledge.errors import UnreadableFile
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
    assert reading.text_of("a.txt", b"one")

    async def all_at_once() -> list[object]:
        room = reading.ReadingRoom()
        return await asyncio.gather(*(room.read("a.txt", b"one") for _ in range(5)), return_exceptions=True)

    told = asyncio.run(all_at_once())
    assert told[:3] == ["one"] * 3
    assert [error.status for error in told if isinstance(error, Refused)] == [503, 503]


def pdf(text: str) -> bytes:
    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=12)
    made.multi_cell(0, 8, text)
    return bytes(made.output())


def word(text: str) -> bytes:
    made, file = docx.Document(), io.BytesIO()
    made.add_paragraph(text)
    made.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", PROJECT.encode()),
        ("a.md", f"---\ntitle: Mails\n---\n{PROJECT}".encode()),
        ("A.PDF", pdf(PROJECT)),
        ("a.docx", word(PROJECT)),
        ("a.html", f"<p>{PROJECT}</p><script>alert(1)</script>".encode()),
    ],
    ids=["txt", "md without its front matter", "pdf", "docx", "html"],
)
def test_the_text_of_a_file_is_read(name: str, data: bytes) -> None:
    assert " ".join(reading.text_of(name, data).split()) == PROJECT


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.png", b"\x89PNG\r\n", "kind is not supported; use one of .docx"),
        ("a.exe", b"MZ\x90\x00", "kind is not supported"),
        ("a", b"text", "kind is not supported"),
        ("a.txt", b"MZ\x00\x03\x00\x00\x00", "not text"),
        ("a.txt", b"", "empty"),
        ("a.txt", b"  \n", "no text was found"),
        ("a.pdf", b"%PDF-1.4 and nothing", "damaged or not a PDF"),
        ("a.docx", b"PK\x03\x04", "damaged or not a Word document"),
    ],
    ids=["image", "executable", "no suffix", "renamed", "empty", "blank", "half a pdf", "half a docx"],
)
def test_what_cannot_be_read_is_told_with_the_next_step(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        reading.text_of(name, data)
