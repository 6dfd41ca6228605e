"""The corpus check: it finds each thing that is wrong, names file and line, and the real corpus passes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from knowledge.documents import front_matter
from knowledge.embeddings import SentenceEmbedder
from knowledge.errors import BrokenCorpus
from knowledge.index import Home
from knowledge.ingest import CORPUS, ingest
from knowledge.lint import Page, check, lint, read_pages
from knowledge.types import Document
from ui.cli import main

FRONT = """---
id: tea
title: Tea
summary: "What tea is."
topic: drinks
sources:
  - key: lu780
    title: "The Classic of Tea"
    authors: "Lu Yu"
    year: 780
    url: https://example.org/tea
updated: 2026-11-26
---
"""
FILLER = "Green tea is steeped in water that has cooled for some minutes after it boiled, so that it stays mild. " * 4
GOOD = f"""{FRONT}# Tea

## What is tea?
Tea is a drink made of the leaves of one plant. In the eighth century 40% of cups held salt. [@lu780] {FILLER}
"""

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a file into a corpus of the test's own and gives the corpus."""

    def write(text: str, name: str = "tea.md") -> Path:
        (tmp_path / "corpus").mkdir(exist_ok=True)
        (tmp_path / "corpus" / name).write_text(text, encoding="utf-8")
        return tmp_path / "corpus"

    return write


def found(folder: Path) -> list[tuple[str, int, str]]:
    """What is wrong: file, line, message."""
    return [(p.path.name, p.line, p.message) for p in lint(folder)]


def test_a_good_document_passes(put: Put) -> None:
    assert found(put(GOOD)) == []


CLASH = GOOD.replace("id: tea", "id: chai").replace("What is tea?", "What is chai?").replace("lu780", "yu780")
# What is changed in the good document, and the line and words of what is said of it.
WRONG = {
    "no summary": (GOOD.replace('summary: "What tea is."\n', ""), 1, "no summary"),
    "no date": (GOOD.replace("2026-11-26", "soon"), 12, "not a date"),
    "broken front matter": (GOOD.replace("topic: drinks", "topic: [drinks"), 6, "not valid YAML"),
    "unknown source": (GOOD.replace("[@lu780]", "[@lu780; @wang]"), 17, "wang is not in the front matter"),
    "a source twice": (
        GOOD.replace("sources:\n", "sources:\n  - {key: lu780, title: t, authors: a}\n"),
        7,
        "2 times",
    ),
    "unused source": (GOOD.replace(" [@lu780]", "").replace("40% of cups", "a few cups"), 7, "used by no sentence"),
    "no year": (GOOD.replace("    year: 780\n", ""), 7, "has no year"),
    "no address": (GOOD.replace("https://example.org/tea", "a book"), 7, "no web address"),
    "no question": (GOOD.replace("What is tea?", "Tea as a drink"), 16, "is no question"),
    "too short": (GOOD.replace(FILLER, ""), 16, "has 20 words"),
    "too long": (GOOD + FILLER * 2, 16, "words, not 60 to 180"),
    "half a sentence": (GOOD.replace("Tea is a drink made", "a drink made"), 16, "not a whole sentence"),
    "says little": (
        GOOD.replace("Tea is a drink made of the leaves of one plant.", "Tea, of course."),
        16,
        "too little",
    ),
    "text before": (GOOD.replace("# Tea\n", "# Tea\nThis is an old drink.\n"), 14, "before the first question"),
    "figure": (GOOD + "About 30% of cups held milk.\n", 18, "a figure without a source"),
    "dead link": (GOOD + "See [coffee](coffee.md) too.\n", 18, "leads nowhere"),
    "dead anchor": (GOOD + "See [there](#is-tea-old) too.\n", 18, "leads to no section"),
    "ring": (GOOD + "See [here](tea.md#what-is-tea) too.\n", 18, "leads back to where it stands"),
    "asked": (GOOD.replace("updated:", "asked:\n  is-tea-old: [how old]\nupdated:"), 13, "is no section of it"),
}


@pytest.mark.parametrize(("text", "line", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named_with_its_line(put: Put, text: str, line: int, words: str) -> None:
    assert text != GOOD
    said = [(at, message) for _, at, message in found(put(text)) if words in message]
    assert [at for at, _ in said] == [line], found(put(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("What is tea?", "What is chai?"), "the id tea is taken"),
        (GOOD.replace("id: tea", "id: chai"), "is answered in chai.md too"),
        (CLASH.replace("yu780", "lu780").replace("org/tea", "org/cha"), "another address than in chai.md"),
        (CLASH, "stands in tea.md too"),
    ],
    ids=["id", "question", "source", "copied"],
)
def test_two_documents_must_not_clash(put: Put, text: str, words: str) -> None:
    put(GOOD)
    assert any(words in message for _, _, message in found(put(text, "chai.md")))


def test_words_of_other_texts_are_found(put: Put, tmp_path: Path) -> None:
    (tmp_path / "article.txt").write_text("They say green tea is steeped in water that has cooled for some minutes.")
    problem = lint(put(GOOD), others=[tmp_path / "article.txt"])[0]
    assert "stands in article.txt too" in problem.message


def test_numbers_in_steps_and_reckonings_need_no_source(put: Put) -> None:
    steps = "\n## How do I make tea?\nMake tea in one step of a few minutes.\n1. Fill 40% of the pot.\n"
    assert found(put(GOOD + steps + FILLER + "Suppose 20% of it is spilt.\n")) == []


def test_reading_ease_tells_plain_from_hard() -> None:
    def ease(text: str) -> float:
        return Page(Document("d", "T", f"# T\n\n## Q?\n{text}\n")).reading_ease

    # Ten words of one syllable: 206.835 - 10.15 - 84.6.
    assert ease("The cat sat on the mat and ate the fish.") == pytest.approx(112.1, abs=0.1)
    assert ease("Organisational considerations necessitate interdepartmental communication.") < 0


def test_a_document_without_words_is_no_error() -> None:
    assert Page(Document("d", "T", "# T\n")).reading_ease == 0


# Ingest


BROKEN = {
    "front matter": (GOOD.replace("topic: drinks", "topic: [drinks"), "tea.md, line 6: "),
    "unknown source": (GOOD.replace("[@lu780]", "[@lu780; @wang]"), "tea.md, line 17: the source wang"),
    "ring": (GOOD + "See [here](#what-is-tea) too.\n", "tea.md, line 18: the link"),
}


@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_corpus_stops_the_ingest_and_the_old_index_stays(
    put: Put, tmp_path: Path, embedder: SentenceEmbedder, text: str, words: str
) -> None:
    home = Home(tmp_path / "home")
    before = ingest([], home, embedder, corpus=put(GOOD), signals=None).generation
    with pytest.raises(BrokenCorpus, match=words):
        ingest([], home, embedder, corpus=put(text), signals=None)
    assert home.current().name == before
    assert ingest([], home, embedder, corpus=put(GOOD), signals=None).generation is None


def test_a_duplicate_id_and_a_link_in_a_circle_stop_the_ingest(
    put: Put, tmp_path: Path, embedder: SentenceEmbedder
) -> None:
    put(GOOD)
    with pytest.raises(BrokenCorpus, match=r"tea2\.md, line 2: the id tea is taken by .*tea\.md"):
        ingest([], Home(tmp_path / "home"), embedder, corpus=put(GOOD, "tea2.md"), signals=None)
    (tmp_path / "corpus" / "tea2.md").unlink()
    (tmp_path / "corpus" / "tea2.md").symlink_to("tea3.md")
    (tmp_path / "corpus" / "tea3.md").symlink_to("tea2.md")
    with pytest.raises(BrokenCorpus, match=r"tea2\.md, line 1: it is a link that leads in a circle"):
        check(tmp_path / "corpus")


# The command and the real corpus


def test_the_doctor_prints_how_the_corpus_reads_and_what_is_wrong(put: Put) -> None:
    result = CliRunner().invoke(main, ["doctor", "--corpus", "--folder", str(put(GOOD))])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "1 documents, " in result.stdout
    result = CliRunner().invoke(main, ["doctor", "--corpus", "--json", "--folder", str(put(GOOD + "30% is milk.\n"))])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"][0]["line"] == 18


def test_the_real_corpus_has_no_fault() -> None:
    article = Path(__file__).parents[3] / "shared" / "knowledge" / "article.txt"
    assert [str(problem) for problem in lint(CORPUS, others=[article] if article.exists() else [])] == []


def test_the_real_corpus_is_small_enough_to_be_read_and_large_enough_to_advise() -> None:
    pages, _ = read_pages(CORPUS)
    assert len(pages) >= 60
    assert 35_000 <= sum(page.words for page in pages) <= 60_000
    assert [(page.document.id, page.reading_ease) for page in pages if page.reading_ease < 50] == []


def test_every_checked_fact_is_used(shared: Path) -> None:
    facts = (shared / "knowledge" / "facts.md").read_text(encoding="utf-8")
    used = {fact for page in read_pages(CORPUS)[0] for fact in front_matter(page.document.text)[0].get("facts", [])}
    assert set(re.findall(r"^- (F\d+\.\d+) ", facts, re.MULTILINE)) == used
