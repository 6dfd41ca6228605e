"""File → Document: one reader per suffix.

Markdown and text are kept as they are written, so that offsets point into the file; HTML, Word and PDF become
Markdown first, so that one chunker serves them all. The libraries: pypdf (pure Python, knows passwords), mammoth
(Word to HTML by style, so headings survive), Beautiful Soup and markdownify (HTML to Markdown),
charset-normalizer (encodings), PyYAML (front matter).
"""

from __future__ import annotations

import errno
import hashlib
import io
import re
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from knowledge.errors import UnreadableFile
from knowledge.types import Document, Source

MAX_BYTES = 50 * 1024 * 1024
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_WESTERN = re.compile(
    r"cp(125[0247]|437|85\d|500|1026|1140|037|775)|latin_1|iso8859_(1|2|4|9|10|13|14|15|16)$|mac_(roman|latin2|iceland|turkish)|hp_roman8"
)
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


@dataclass(frozen=True)
class Read:
    """A file as it was found: its bytes and their digest, before anybody tried to understand them."""

    path: Path
    data: bytes
    sha256: str


def read_bytes(path: Path) -> Read:
    """Read a regular file of at most 50 MiB; raises UnreadableFile with the reason."""
    try:
        if path.is_symlink() and not path.exists() and _circles(path):
            raise UnreadableFile("it is a link that leads in a circle; mend it or take it out")
        if not path.exists():
            raise UnreadableFile("there is no such file; check the path")
        if not path.is_file():
            raise UnreadableFile("it is not a regular file; give a file or a folder")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UnreadableFile(
                f"it has {size / 2**20:.0f} MB, more than the {MAX_BYTES // 2**20} MB limit; split it"
            )
        if size == 0:
            raise UnreadableFile("it is empty; add text or leave it out")
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"it cannot be read ({error.strerror}); check its permissions") from error
    return Read(path, data, hashlib.sha256(data).hexdigest())


def _circles(link: Path) -> bool:
    try:
        link.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def read_document(path: Path, *, doc_id: str = "") -> Document:
    """Read one file into a Document; raises UnreadableFile with the reason."""
    return parse(read_bytes(path), doc_id=doc_id)


def parse(read: Read, *, doc_id: str = "") -> Document:
    """Understand a file's bytes by its suffix; raises UnreadableFile with the reason."""
    reader = reader_of(read.path)
    try:
        document = reader(read, doc_id or slug(read.path.stem))
        "\n".join((document.title, document.text, str(read.path))).encode()
    # A file that takes all memory is told apart where memory is limited, in reading_child.py.
    except (UnreadableFile, MemoryError):
        raise
    # A damaged or hostile file can make a parser raise anything; none may keep the other files out.
    except Exception as error:
        raise UnreadableFile(
            f"it is damaged or not what its name says ({type(error).__name__}); save it again"
        ) from error
    if not re.search(r"\w", document.text[document.body_start :]):
        raise UnreadableFile("no text was found in it; if it is a scan, run OCR on it first")
    return document


def reader_of(path: Path) -> Callable[[Read, str], Document]:
    """The reader for a file's suffix; raises UnreadableFile when there is none."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableFile(f"its kind is not supported; use one of {', '.join(sorted(READERS))}")
    return reader


def slug(name: str) -> str:
    """An id that is safe in paths, links and shells.

    >>> slug("Q3 Report (final).pdf")
    'q3-report-final-pdf'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "document"


def _read_markdown(read: Read, doc_id: str) -> Document:
    text = _decode(read.data)
    front, body_start = front_matter(text)
    title = str(front.get("title") or _first_heading(text[body_start:]) or read.path.stem)
    return Document(
        id=str(front.get("id") or doc_id),
        title=title,
        text=text,
        body_start=body_start,
        summary=str(front.get("summary", "")),
        topic=str(front.get("topic", "")),
        updated=str(front.get("updated", "")),
        path=str(read.path),
        sha256=read.sha256,
        sources=_sources(front.get("sources") or []),
        asked=_asked(front.get("asked") or {}),
    )


def _read_text(read: Read, doc_id: str) -> Document:
    text = _decode(read.data)
    title = _plain_title(text) or read.path.stem
    return Document(doc_id, title, text, path=str(read.path), sha256=read.sha256, markdown=False)


def _read_html(read: Read, doc_id: str) -> Document:
    title, markdown = _html_to_markdown(_decode_html(read.data))
    return Document(
        doc_id,
        title or _first_heading(markdown) or read.path.stem,
        markdown,
        path=str(read.path),
        sha256=read.sha256,
    )


def _read_pdf(read: Read, doc_id: str) -> Document:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        pdf = PdfReader(io.BytesIO(read.data))
        if pdf.is_encrypted and not pdf.decrypt(""):
            raise UnreadableFile("it needs a password; save a copy without one")
        text = "\n\n".join(_unwrap(page.extract_text()) for page in pdf.pages)
        title = str((pdf.metadata and pdf.metadata.title) or "").strip()
    except UnreadableFile:
        raise
    # Damaged files make pypdf raise far more than its own errors; none of them may stop the other files.
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
        OSError,
    ) as error:
        raise UnreadableFile("it is damaged or not a PDF; save it again") from error
    return Document(doc_id, title or read.path.stem, text, path=str(read.path), sha256=read.sha256, markdown=False)


def _read_docx(read: Read, doc_id: str) -> Document:
    import mammoth

    # A Word file with a password is an OLE container, not a zip archive.
    if read.data.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile("it needs a password or is an old .doc; save a copy as .docx without a password")
    try:
        html = mammoth.convert_to_html(io.BytesIO(read.data)).value
    except (zipfile.BadZipFile, KeyError, ValueError, AttributeError, OSError, SyntaxError) as error:
        raise UnreadableFile("it is damaged or not a Word document; save it again") from error
    _, markdown = _html_to_markdown(html)
    return Document(
        doc_id,
        _first_heading(markdown) or read.path.stem,
        markdown,
        path=str(read.path),
        sha256=read.sha256,
    )


READERS: dict[str, Callable[[Read, str], Document]] = {
    ".md": _read_markdown,
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
    ".docx": _read_docx,
}


def _decode(data: bytes) -> str:
    """Bytes to text with `\\n` line ends: by byte order mark, as UTF-8, else by charset-normalizer's guess."""
    encoding = next((e for mark, e in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = _decode_by_guess(data)
    if text.count("\x00") or sum(c < " " and c not in "\t\n\r\f" for c in text) > len(text) / 100:
        raise UnreadableFile("it is not text, whatever its name says; convert it to text first")
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def _decode_by_guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    if best is None:
        raise UnreadableFile("its encoding is unknown; save it as UTF-8")
    # Western text in one byte a character: cp1252 is what office programs write, and its neighbours (cp1250,
    # latin-1 …) differ only in letters that a guess cannot tell.
    if _WESTERN.match(best.encoding):
        try:
            return data.decode("cp1252")
        except UnicodeDecodeError:
            pass
    return str(best)


def _decode_html(data: bytes) -> str:
    """As `_decode`, but a page may name its encoding itself."""
    named = re.search(rb"charset=[\"']?([\w-]+)", data[:2048])
    if named and not data.startswith(tuple(mark for mark, _ in _BYTE_ORDER_MARKS)):
        try:
            return data.decode(named[1].decode()).replace("\r\n", "\n")
        except (LookupError, UnicodeDecodeError):
            pass
    return _decode(data)


def front_matter(text: str) -> tuple[dict[str, Any], int]:
    """The fields that a Markdown file opens with, and where its body starts; ({}, 0) when it has none.

    Raises UnreadableFile with the line that is not YAML.
    """
    match = _FRONT_MATTER.match(text)
    if not match:
        return {}, 0
    try:
        front = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 2
        raise UnreadableFile(f"its front matter is not valid YAML at line {line}; mend that line") from error
    if not isinstance(front, dict):
        # Text between two rules, not a front matter.
        return {}, 0
    return front, match.end()


def _sources(rows: Any) -> tuple[Source, ...]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("key") for row in rows):
        raise UnreadableFile("a source in its front matter has no key; give each key, title, year and url")
    return tuple(
        Source(
            key=str(row["key"]),
            title=str(row.get("title", "")),
            authors=str(row.get("authors", "")),
            year=row["year"] if isinstance(row.get("year"), int) else None,
            url=str(row.get("url", "")),
        )
        for row in rows
    )


def _asked(rows: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(rows, dict) or not all(isinstance(said, list) for said in rows.values()):
        raise UnreadableFile("asked in its front matter is not a list of questions for each section; mend it")
    return {str(section): tuple(str(question) for question in said) for section, said in rows.items()}


def _first_heading(markdown: str) -> str:
    match = re.search(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", markdown, re.MULTILINE)
    return match[1] if match else ""


def _plain_title(text: str) -> str:
    """The longest of the first lines that stand alone: a title is longer than the kicker above it, and a line of a
    wrapped paragraph has another beside it."""
    lines = ["", *(line.strip() for line in text.split("\n")[:9]), ""]
    alone = [line for before, line, after in zip(lines, lines[1:], lines[2:], strict=False) if not before + after]
    return max(
        (line for line in alone if 3 <= len(line.split()) <= 16 and line[-1] not in ".:;,"), key=len, default=""
    )


def _html_to_markdown(html: str) -> tuple[str, str]:
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning
    from bs4.element import PreformattedString
    from markdownify import MarkdownConverter

    with warnings.catch_warnings():
        # A page may hold nothing but what looks like a file name.
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        soup = BeautifulSoup(html, "html.parser")
    for prolog in soup.find_all(string=lambda text: isinstance(text, PreformattedString)):
        prolog.extract()
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    for tag in soup(["script", "style", "noscript", "template", "nav", "footer", "iframe", "svg", "head", "form"]):
        tag.decompose()
    converter = MarkdownConverter(heading_style="ATX", bullets="-", strip=["a", "img", "b", "strong", "i", "em"])
    markdown = converter.convert_soup(soup).replace("\r\n", "\n").replace("\r", "\n")
    return title, re.sub(r"\n{3,}", "\n\n", markdown).strip() + "\n"


def _unwrap(page: str) -> str:
    """Join the lines that a PDF broke in mid-sentence, hyphens included."""
    joined = re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", page)
    return re.sub(r"(?<=[^\n.!?:])\n(?=[a-z(\d])", " ", joined)
