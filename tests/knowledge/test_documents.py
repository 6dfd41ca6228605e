"""One reader per suffix, and a reason for every file that cannot be read."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter

from knowledge import documents
from knowledge.documents import read_bytes, read_document, slug
from knowledge.errors import UnreadableFile
from knowledge.ingest import CORPUS
from knowledge.types import Document

Put = Callable[[str, str | bytes], Path]

FRONT = """---
id: refunds
title: Refunds and returns
summary: When money goes back.
topic: shop
updated: 2026-01-31
sources:
  - {key: hu2021, title: LoRA, authors: Hu et al., year: 2021, url: "https://arxiv.org/abs/2106.09685"}
  - {key: memo, year: last spring}
---
"""
ENGLISH = "The café’s “refund” policy – thirty days – costs €5 a naïve customer’s order. "
GERMAN = "Die Rückgabe ist innerhalb von dreißig Tagen möglich, für „Größe“ gilt die Übersicht. "
FRENCH = "L’été dernier, la garçonne a dû payer 5 € pour le retour du colis à Noël, où ça coûte cher. "
RUSSIAN = "Привет, мир. Возврат возможен в течение тридцати дней. "


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a file and return its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="module")
def pdf() -> bytes:
    """Two pages of text with a title in the metadata."""
    made = FPDF()
    made.set_title("Returns handbook")
    for text in ("Refunds take thirty days after the parcel has arrived.", "Shipping is paid by the customer."):
        made.add_page()
        made.set_font("helvetica", size=12)
        made.multi_cell(0, 8, text)
    return bytes(made.output())


@pytest.fixture(scope="module")
def word() -> bytes:
    """A Word document with headings, a list and a table."""
    made = docx.Document()
    made.add_heading("Refunds", 1)
    made.add_paragraph("Refunds take thirty days.")
    made.add_heading("Who pays?", 2)
    made.add_paragraph("The customer pays.", style="List Bullet")
    table = made.add_table(2, 2)
    for cell, text in zip(
        [c for row in table.rows for c in row.cells], ["Country", "Days", "France", "five"], strict=True
    ):
        cell.text = text
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def encrypted(pdf: bytes, *, user: str, algorithm: str) -> bytes:
    """The same PDF with passwords."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.encrypt(user, "owner", algorithm=algorithm)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def with_part(word: bytes, part: str, content: bytes) -> bytes:
    """The same Word document with one part replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, content if name == part else old.read(name))
    return file.getvalue()


def reason(path: Path) -> str:
    """Why the file cannot be read, or nothing when it can; anything but UnreadableFile is a failure."""
    try:
        read_document(path)
    except UnreadableFile as error:
        return str(error)
    return ""


# Markdown


def test_markdown_is_kept_as_written_and_its_front_matter_is_read(put: Put) -> None:
    text = FRONT + "# Refunds\n\nThirty *days*. [@hu2021]\n"
    document = read_document(put("a.md", text))
    assert document.text == text
    assert text[document.body_start :].startswith("# Refunds")
    assert (document.id, document.title, document.topic) == ("refunds", "Refunds and returns", "shop")
    assert (document.summary, document.updated) == ("When money goes back.", "2026-01-31")


def test_sources_are_read_and_a_year_that_is_none_is_left_out(put: Put) -> None:
    hu, memo = read_document(put("a.md", FRONT + "Text.")).sources
    assert (hu.key, hu.title, hu.authors, hu.year) == ("hu2021", "LoRA", "Hu et al.", 2021)
    assert (memo.key, memo.title, memo.year, memo.url) == ("memo", "", None, "")


def test_without_front_matter_the_first_heading_is_the_title_and_the_name_the_id(put: Put) -> None:
    document = read_document(put("Q3 Report (final).md", "Intro.\n\n## Quarter three ##\n\nText.\n"))
    assert (document.id, document.title, document.body_start) == ("q3-report-final", "Quarter three", 0)
    assert read_document(put("plain.md", "No heading here.")).title == "plain"


@pytest.mark.parametrize("text", ["---\n- a\n- b\n---\n\nWords.\n", "---\n\nWords.\n\n---\n"], ids=["list", "prose"])
def test_text_between_rules_is_no_front_matter(put: Put, text: str) -> None:
    document = read_document(put("a.md", text))
    assert (document.text, document.body_start) == (text, 0)


@pytest.mark.parametrize(
    ("front", "said"),
    [
        pytest.param("title: [unclosed", "not valid YAML at line", id="not yaml"),
        pytest.param("sources: [{title: No key}]", "has no key", id="source without key"),
        pytest.param("sources: 5", "has no key", id="sources no list"),
        pytest.param("updated: 2025-02-30", "front matter", id="impossible date"),
        pytest.param("a: " + "[" * 3000, "front matter", id="too deep"),
    ],
)
def test_a_wrong_front_matter_is_said(put: Put, front: str, said: str) -> None:
    assert said in reason(put("a.md", f"---\n{front}\n---\nText.\n"))


def test_the_line_of_a_wrong_front_matter_is_the_file_s(put: Put) -> None:
    assert "at line 3;" in reason(put("a.md", "---\ntitle: Refunds\nsummary: one: two\n---\nText.\n"))


def test_every_document_of_the_corpus_is_read_with_its_sources() -> None:
    found = [read_document(path) for path in CORPUS.rglob("*.md")]
    assert len(found) >= 37
    assert len({d.id for d in found}) == len(found)
    assert all(d.title and d.body_start for d in found)


# Encodings


@pytest.mark.parametrize("suffix", [".txt", ".md", ".html"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"], ids=str
)
def test_text_is_decoded_whatever_wrote_it(put: Put, encoding: str, suffix: str) -> None:
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    document = read_document(put(f"a{suffix}", mark + ENGLISH.encode(encoding)))
    assert document.text.strip() == ENGLISH.strip()


@pytest.mark.parametrize("times", [1, 20, 40, 200])
@pytest.mark.parametrize("text", [ENGLISH, GERMAN, FRENCH], ids=["english", "german", "french"])
def test_western_text_is_read_to_the_letter_at_any_length(put: Put, text: str, times: int) -> None:
    assert read_document(put("a.txt", (text * times).encode("cp1252"))).text == text * times


@pytest.mark.parametrize("times", [2, 60], ids=["short", "long"])
def test_cyrillic_text_is_not_taken_for_western(put: Put, times: int) -> None:
    assert read_document(put("a.txt", (RUSSIAN * times).encode("cp1251"))).text == RUSSIAN * times


def test_a_page_is_read_in_the_encoding_that_it_names(put: Put) -> None:
    page = f'<html><head><meta charset="windows-1251"></head><body><p>{RUSSIAN}</p></body></html>'
    assert read_document(put("a.html", page.encode("cp1251"))).text.strip() == RUSSIAN.strip()


def test_line_ends_become_newlines(put: Put) -> None:
    assert read_document(put("a.txt", b"One.\r\nTwo.\rThree.\n")).text == "One.\nTwo.\nThree.\n"


# Plain text


def test_plain_text_is_kept_and_is_no_markdown(put: Put) -> None:
    document = read_document(put("My notes.txt", "# not a heading, a hash.\n\nWords.\n"))
    assert document.text == "# not a heading, a hash.\n\nWords.\n"
    assert (document.id, document.markdown) == ("my-notes", False)


# HTML


def test_html_becomes_markdown_without_scripts_and_navigation(put: Put) -> None:
    page = (
        "<html><head><title>Our\n  shop</title><style>p{}</style></head><body><nav>Home</nav><script>x()</script>"
        "<h1>Refunds</h1><p>AT&amp;T takes <b>thirty</b> days.</p><ul><li>one</li></ul><footer>Imprint</footer>"
    )
    document = read_document(put("a.htm", page))
    assert document.text == "# Refunds\n\nAT&T takes thirty days.\n\n- one\n"
    assert (document.title, document.markdown) == ("Our shop", True)


def test_html_without_a_title_is_called_by_its_heading_or_its_name(put: Put) -> None:
    assert read_document(put("a.html", "<h2>Refunds</h2><p>Yes.</p>")).title == "Refunds"
    assert read_document(put("b.html", "<p>Yes.</p>")).title == "b"


def test_the_first_line_of_an_xhtml_page_is_no_text(put: Put) -> None:
    page = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><body><p>Yes.</p></body>'
    )
    assert read_document(put("a.html", page)).text == "Yes.\n"


def test_a_page_that_holds_only_a_file_name_is_read_in_silence(put: Put) -> None:
    assert read_document(put("a.html", "notes.html")).text == "notes.html\n"


def test_a_page_has_no_line_ends_but_newlines(put: Put) -> None:
    """Word writes `&#13;`; a carriage return counts as a line for the Markdown parser and shifts the headings."""
    assert "\r" not in read_document(put("a.html", "<p>One&#13; two&#13;</p><h2>Q</h2><p>A.</p>")).text


# PDF and Word


def test_a_pdf_gives_the_text_of_all_pages_and_its_title(put: Put, pdf: bytes) -> None:
    document = read_document(put("a.pdf", pdf))
    assert document.text == (
        "Refunds take thirty days after the parcel has arrived.\n\nShipping is paid by the customer."
    )
    assert (document.id, document.title, document.markdown) == ("a", "Returns handbook", False)


def test_lines_that_a_pdf_broke_are_joined(put: Put) -> None:
    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=12)
    for line in ("Refunds are pos-", "sible for all who", "ask. Shipping", "Is free."):
        made.cell(0, 8, line, new_x="LMARGIN", new_y="NEXT")
    text = read_document(put("a.pdf", bytes(made.output()))).text
    assert text == "Refunds are possible for all who ask. Shipping\nIs free."


def test_a_word_document_keeps_headings_lists_and_tables(put: Put, word: bytes) -> None:
    document = read_document(put("a.docx", word))
    assert document.text.startswith(
        "# Refunds\n\nRefunds take thirty days.\n\n## Who pays?\n\n- The customer pays.\n"
    )
    assert "| France | five |" in document.text
    assert (document.title, document.markdown) == ("Refunds", True)


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
def test_a_pdf_with_a_password_is_refused_and_says_so(put: Put, pdf: bytes, algorithm: str) -> None:
    assert "needs a password" in reason(put("a.pdf", encrypted(pdf, user="secret", algorithm=algorithm)))


def test_a_pdf_that_only_restricts_its_owner_is_read(put: Put, pdf: bytes) -> None:
    document = read_document(put("a.pdf", encrypted(pdf, user="", algorithm="AES-256")))
    assert document.text.startswith("Refunds take thirty days")


def test_a_word_document_with_a_password_is_refused_and_says_so(put: Put) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
    assert "needs a password" in reason(put("a.docx", ole))


def test_an_encrypted_zip_that_is_called_docx_is_refused(put: Put, word: bytes) -> None:
    locked = bytearray(word)
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := word.find(header, at + 1)) >= 0:
            locked[at + flags] |= 1
    assert reason(put("a.docx", bytes(locked)))


def test_a_scan_is_refused_with_the_advice_to_run_ocr(put: Put) -> None:
    made = FPDF()
    made.add_page()
    assert "OCR" in reason(put("a.pdf", bytes(made.output())))


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.8, 0.95])
def test_a_truncated_word_document_is_refused(put: Put, word: bytes, share: float) -> None:
    assert "damaged" in reason(put("a.docx", word[: int(len(word) * share)]))


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5])
def test_a_truncated_pdf_is_refused(put: Put, pdf: bytes, share: float) -> None:
    assert reason(put("a.pdf", pdf[: int(len(pdf) * share)]))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"Hello there."),
        ("a.docx", b"Hello there."),
        ("a.pdf", b"%PDF-1.4\n%%EOF"),
        ("a.docx", b"PK\x05\x06" + bytes(18)),
    ],
    ids=["text as pdf", "text as docx", "pdf without pages", "empty zip"],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(put: Put, name: str, content: bytes) -> None:
    assert "damaged" in reason(put(name, content))


@pytest.mark.parametrize("content", [b"<w:document", b"", b"<a/>"], ids=["cut xml", "empty part", "other xml"])
def test_a_word_document_with_a_damaged_part_is_refused(put: Put, word: bytes, content: bytes) -> None:
    assert reason(put("a.docx", with_part(word, "word/document.xml", content)))


def test_a_pdf_with_an_unknown_filter_is_refused(put: Put, pdf: bytes) -> None:
    assert reason(put("a.pdf", pdf.replace(b"/FlateDecode", b"/FlateDecoxe")))


@pytest.mark.parametrize("kind", ["pdf", "word"])
@pytest.mark.parametrize("seed", range(4))
def test_damage_anywhere_is_refused_or_read_but_raises_nothing_else(
    put: Put, request: pytest.FixtureRequest, kind: str, seed: int
) -> None:
    whole: bytes = request.getfixturevalue(kind)
    rng = random.Random(seed)
    for _ in range(20):
        damaged = bytearray(whole)
        at = rng.randrange(len(whole))
        damaged[at : at + rng.randrange(1, 100)] = rng.randbytes(rng.randrange(50))
        assert reason(put(f"a{'.pdf' if kind == 'pdf' else '.docx'}", bytes(damaged))) is not None


# Files that are no documents


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    assert "no such file" in reason(tmp_path / "nowhere.md")
    (tmp_path / "dangling.md").symlink_to(tmp_path / "nowhere.md")
    assert "no such file" in reason(tmp_path / "dangling.md")
    (tmp_path / "ring.md").symlink_to(tmp_path / "ring.md")
    assert "in a circle" in reason(tmp_path / "ring.md")


@pytest.mark.parametrize("suffix", [".md", ".txt", ".html", ".pdf", ".docx"])
def test_an_empty_file_is_said(put: Put, suffix: str) -> None:
    assert "empty" in reason(put(f"a{suffix}", b""))


@pytest.mark.parametrize(
    "text",
    [" \n\t\n", "!!! --- ???\n", "---\ntitle: Only a title\n---\n"],
    ids=["blank", "no word", "front matter alone"],
)
def test_a_file_without_a_word_is_said(put: Put, text: str) -> None:
    assert "no text was found" in reason(put("a.md", text))


def test_a_file_over_the_limit_is_said_and_one_at_the_limit_is_read(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 2**20)
    assert "more than the 1 MB limit" in reason(put("a.txt", b"x" * (2**20 + 1)))
    assert reason(put("b.txt", b"x " * 2**19)) == ""


def test_a_file_over_the_limit_is_not_read_at_all(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 3)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))
    with pytest.raises(UnreadableFile, match="limit"):
        read_bytes(put("a.txt", b"four"))


def test_a_file_that_the_system_refuses_is_said(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = put("a.md", "Words.")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert reason(path) == "it cannot be read (Permission denied); check its permissions"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_of_somebody_else_is_said(put: Put) -> None:
    path = put("a.md", "Words.")
    path.chmod(0o600)
    os.seteuid(65534)
    try:
        assert "Permission denied" in reason(path)
    finally:
        os.seteuid(0)


def test_a_name_too_long_for_the_system_is_said(tmp_path: Path) -> None:
    assert "cannot be read" in reason(tmp_path / ("a" * 300 + ".md"))


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    assert "not a regular file" in reason(tmp_path / "a.md")


def test_a_folder_and_a_device_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").mkdir()
    assert "not a regular file" in reason(tmp_path / "a.md")
    assert "not a regular file" in reason(Path("/dev/null"))


@pytest.mark.parametrize("name", ["a.xlsx", "a.png", "a", "a.md.bak"])
def test_an_unsupported_suffix_is_said_with_the_supported_ones(put: Put, name: str) -> None:
    said = reason(put(name, "Words."))
    assert "not supported" in said
    assert all(suffix in said for suffix in (".md", ".txt", ".html", ".pdf", ".docx"))


def test_the_case_of_a_suffix_does_not_matter(put: Put) -> None:
    assert read_document(put("A.MD", "Words.")).id == "a"


@pytest.mark.parametrize("suffix", [".txt", ".md", ".html"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(500), id="short image"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + random.Random(2).randbytes(50_000), id="image"),
        pytest.param(gzip.compress(ENGLISH.encode() * 50, mtime=0), id="gzip"),
        pytest.param(b"\x7fELF\x02\x01\x01" + bytes(300) + b"GLIBC_2.34 words that look like text", id="program"),
        pytest.param(b"SQLite format 3\x00" + bytes(2000), id="database"),
        pytest.param("UTF-16 without a mark.".encode("utf-16-le"), id="unmarked utf-16"),
    ],
)
def test_binary_content_in_a_text_file_is_refused(put: Put, content: bytes, suffix: str) -> None:
    assert reason(put(f"a{suffix}", content))


# What every document has


def test_a_document_carries_its_path_and_the_digest_of_the_file(put: Put, pdf: bytes, word: bytes) -> None:
    for name, content in {
        "a.md": b"Words.",
        "a.txt": b"Words.",
        "a.html": b"Words.",
        "a.pdf": pdf,
        "a.docx": word,
    }.items():
        document: Document = read_document(put(name, content))
        assert document.sha256 == hashlib.sha256(content).hexdigest()
        assert Path(document.path).name == name


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Q3 Report (final)", "q3-report-final"),
        ("../../etc/passwd", "etc-passwd"),
        ("Привет", "document"),
        ("", "document"),
    ],
    ids=["spaces", "path", "no latin letter", "empty"],
)
def test_a_slug_is_safe_everywhere(name: str, made: str) -> None:
    assert slug(name) == made


def test_a_wrapped_line_of_prose_is_no_title(put: Put) -> None:
    prose = "We tell you here how returns work in our shop\nand what it costs you to send a parcel back to us.\n"
    assert read_document(put("returns.txt", prose)).title == "returns"
    assert read_document(put("b.txt", f"Returns in our shop\n\n{prose}")).title == "Returns in our shop"
