"""A file read in a process of its own: what it holds, or why that cannot be told; no file keeps the reader busy."""

from __future__ import annotations

import io

import docx
import pytest
from fpdf import FPDF

from knowledge import sandbox
from knowledge.errors import UnreadableFile
from knowledge.sandbox import read_text

PROJECT = "We sort 300 mails a day. Nobody has labelled any."


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
    assert " ".join(read_text(name, data).split()) == PROJECT


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
        read_text(name, data)


def test_a_file_that_needs_more_memory_than_it_may_have_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MEMORY", 40_000_000)
    with pytest.raises(UnreadableFile, match="copy the text out of it"):
        read_text("a.docx", word(PROJECT))


def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "PATIENCE", 0.001)
    with pytest.raises(UnreadableFile, match="copy the text out of it"):
        read_text("a.txt", PROJECT.encode())
