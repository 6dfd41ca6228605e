"""Hostile and broken files end at most the process that reads them; each has its reason, the others are ingested."""

from __future__ import annotations

import io
import os
import random
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest
from fpdf import FPDF

from knowledge import index
from knowledge.documents import read_document
from knowledge.errors import UnreadableFile
from knowledge.index import Home
from knowledge.ingest import CORPUS
from knowledge.reading_child import ApartReader, read_apart
from knowledge.retriever import Retriever
from knowledge.verify import verify
from tests.faults.hashed import EMBEDDER, ingest_hashed

# Of each kind; `make test-faults` asks for more.
MUTATIONS = int(os.environ.get("TEST_MUTATIONS", "10"))
SECONDS, MEMORY = 2, 2**27
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


def write_word(path: Path, pieces: Iterator[str] | list[str], doctype: str = "") -> Path:
    """A Word document of these pieces of its body, written one after the other."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{TYPES}"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{MAIN}"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r" Type="{OFFICE}" '
            'Target="word/document.xml"/></Relationships>',
        )
        with archive.open("word/document.xml", "w", force_zip64=True) as part:
            part.write(f'{doctype}<w:document xmlns:w="{WORDS}"><w:body>'.encode())
            for piece in pieces:
                part.write(piece.encode())
            part.write(b"</w:body></w:document>")
    return path


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def zip_bomb(folder: Path) -> Path:
    """A quarter of a gigabyte in less than a megabyte."""
    many = paragraph("word ") * 25_000
    return write_word(folder / "bomb.docx", (many for _ in range(250)))


def laughs_in_word(folder: Path) -> Path:
    """An entity of ten of an entity of ten …, ten deep: https://en.wikipedia.org/wiki/Billion_laughs_attack."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 11))
    doctype = f'<!DOCTYPE d [<!ENTITY e0 "ha">{entities}]>'
    return write_word(folder / "laughs.docx", [paragraph("&e10;")], doctype)


def laughs_in_front_matter(folder: Path) -> Path:
    """The same in YAML, by aliases, where it is the title that grows."""
    lists = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 11))
    (folder / "laughs.md").write_text(f"---\nl0: &l0 ha\n{lists}title: *l10\n---\n\nWords.\n")
    return folder / "laughs.md"


def huge(folder: Path) -> Path:
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(500 * 2**20)
    return folder / "huge.txt"


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "fifo.md")
    return folder / "fifo.md"


def loop(folder: Path) -> Path:
    (folder / "loop.md").symlink_to(folder / "loop.md")
    return folder / "loop.md"


BAD = {
    zip_bomb: "too much memory|more than",
    laughs_in_word: "damaged|more than",
    laughs_in_front_matter: "too much memory|more than",
    huge: "500 MB, more than the 50 MB limit",
    fifo: "not a regular file",
    loop: "leads in a circle",
}


@pytest.mark.parametrize(("make", "reason"), BAD.items(), ids=[make.__name__ for make in BAD])
def test_a_hostile_file_is_refused_with_its_reason(tmp_path: Path, make: object, reason: str) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(UnreadableFile, match=reason):
        read_apart(path, seconds=SECONDS, memory=MEMORY)


def test_the_child_s_document_is_what_the_file_says(tmp_path: Path) -> None:
    path = next(CORPUS.rglob("lora.md"))
    assert read_apart(path) == read_document(path)
    assert read_apart(write_word(tmp_path / "a.docx", [paragraph("Fine words.")])).text == "Fine words.\n"


def test_after_a_hostile_file_the_next_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("# Good\n\nA good file.\n")
    bad = laughs_in_front_matter(tmp_path)
    with ApartReader(seconds=SECONDS, memory=MEMORY) as reader:
        with pytest.raises(UnreadableFile):
            reader.read(bad)
        assert reader.read(tmp_path / "good.md").title == "Good"


def test_a_reader_that_waits_for_ever_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that looked like a file and is a pipe by the time it is opened uses no processor time."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\nexec sleep 1000\n")
    (tmp_path / "python").chmod(0o755)
    began = time.monotonic()
    monkeypatch.setattr("knowledge.reading_child._WAIT", 0)
    with pytest.raises(UnreadableFile, match="more than 2 seconds"):
        read_apart(tmp_path / "any.md", seconds=SECONDS)
    assert time.monotonic() - began < 100


@pytest.fixture(scope="module")
def samples() -> dict[str, bytes]:
    """A PDF and a Word document as people have them."""
    made = FPDF()
    for text in ("Refunds take thirty days after the parcel has arrived.", "Shipping is paid by the customer."):
        made.add_page()
        made.set_font("helvetica", size=12)
        made.multi_cell(0, 8, text)
    word, file = docx.Document(), io.BytesIO()
    word.add_heading("Refunds", 1)
    word.add_paragraph("Refunds take thirty days.")
    word.save(file)
    return {".pdf": bytes(made.output()), ".docx": file.getvalue()}


def mutated(data: bytes, seed: int) -> bytes:
    """Some bytes changed, a stretch cut out, or one repeated."""
    chance = random.Random(seed)
    found = bytearray(data)
    for _ in range(chance.randint(1, 20)):
        found[chance.randrange(len(found))] = chance.randrange(256)
    a, b = sorted(chance.randrange(len(found)) for _ in range(2))
    return bytes([found, found[:a] + found[b:], found[:b] + found[a:]][seed % 3])


def test_whatever_lies_in_a_folder_each_file_has_its_outcome_and_the_good_ones_are_found(
    tmp_path: Path, samples: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "verify_in_child", verify)
    monkeypatch.setattr(ApartReader.__init__, "__kwdefaults__", {"seconds": SECONDS, "memory": MEMORY})
    files = tmp_path / "files"
    (files / "sub").mkdir(parents=True)
    for make in (laughs_in_front_matter, huge, fifo, loop):
        make(files)
    (files / "sub" / "again").symlink_to(files)
    (files / ("n" * 251 + ".txt")).write_text("A file of the longest name.\n")
    (files / "nul.txt").write_bytes(b"Nothing\0but\0noughts\0" * 9)
    for seed in range(MUTATIONS):
        for suffix, data in samples.items():
            (files / f"{seed}{suffix}").write_bytes(mutated(data, seed))
    for name in ("a", "z"):
        (files / f"{name}.md").write_text(f"# {name}\n\nThe file {name} is good.\n")
    report = ingest_hashed(files, tmp_path / "home")
    outcomes = {Path(file.path).name: file for file in report.files}
    assert len(outcomes) == 8 + 2 * MUTATIONS
    assert {file.outcome for file in report.files} == {"added", "failed"}
    assert all(file.reason for file in report.failed)
    failed = {name for name, file in outcomes.items() if file.outcome == "failed"}
    assert {"laughs.md", "huge.txt", "fifo.md", "loop.md", "nul.txt"} <= failed
    assert not {"a.md", "z.md", "n" * 251 + ".txt"} & failed
    generation = Retriever(Home(tmp_path / "home"), EMBEDDER).generation()
    assert generation.manifest.documents == report.count("added")
    generation.close()


def test_a_path_with_a_nul_is_refused() -> None:
    with pytest.raises(UnreadableFile):
        read_apart(Path("a\0b.md"))
