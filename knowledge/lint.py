"""The corpus held to its form (design section 7): what is wrong in which file at which line, and how it reads.

`broken` finds what would make an index false, and stops an ingest. `lint` finds all that an editor should mend.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from knowledge.chunks import Section, sections
from knowledge.documents import front_matter, read_document, slug
from knowledge.errors import BrokenCorpus, UnreadableFile
from knowledge.reading import ease_of
from knowledge.sentences import plain, sentences, without_markers
from knowledge.types import Document, Sentence

FEWEST_WORDS, MOST_WORDS = 60, 180
# As many words in a row, shared by two texts, are copied.
COPIED = 12
REQUIRED = ("id", "title", "summary", "topic", "updated")

_LINE = re.compile(r"line (\d+)")
_MARKED = re.compile(r"@([\w-]+)")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
# What was measured: percentages, money, decimals, and so many points, times or a multiple.
_FIGURE = re.compile(
    r"\d\s?%|\bper ?cent\b|[$€£]\s?\d|\b\d+\.\d+\b|\b[\d,]+ (?:percentage )?points?\b|\b\d+ times\b|\b\d+x\b", re.I
)
# What is reckoned or advised is no finding: it says so itself.
_RECKONED = re.compile(
    r"\b(?:say|suppose|imagine|for example|for instance|such as|reckon\w*|would|if|at most|at least|aim|expect|"
    r"means?|margin|our (?:rule|own)|unconfirmed|sources)\b",
    re.I,
)
_WORD = re.compile(r"[a-z0-9]+(?:[.,'’-][a-z0-9]+)*")


@dataclass(frozen=True)
class Problem:
    """What is wrong at a line (from 1) of a file."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.message}"


@dataclass(frozen=True)
class Page:
    """A document of the corpus with its sections, each with its sentences."""

    document: Document

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(self.document.path)

    @cached_property
    def sections(self) -> list[tuple[Section, list[Sentence]]]:
        """The sections in order; offsets are the document's."""
        text = self.document.text
        return [(s, sentences(text[s.start : s.end], offset=s.start)) for s in sections(self.document)]

    @property
    def words(self) -> int:
        """How many words its sections hold, headings and source markers left out."""
        return sum(self.words_of(section) for section, _ in self.sections)

    def words_of(self, section: Section) -> int:
        """How many words a section holds."""
        return len(without_markers(self.document.text[section.start : section.end]).split())

    @property
    def reading_ease(self) -> float:
        """Flesch's reading ease (knowledge/reading.py)."""
        return ease_of([plain(sentence.text) for _, run in self.sections for sentence in run])

    def line(self, offset: int) -> int:
        """The line that a character stands in."""
        return self.document.text.count("\n", 0, offset) + 1

    def line_of(self, words: str) -> int:
        """The first line that holds the words; 1 when none does."""
        return self.line(max(self.document.text.find(words), 0))

    def problem(self, line: int, message: str) -> Problem:
        """A problem of this page."""
        return Problem(self.path, line, message)


def read_pages(folder: Path) -> tuple[list[Page], list[Problem]]:
    """All Markdown files below a folder in order, and what kept some from being read."""
    pages, problems = [], []
    for path in sorted(folder.rglob("*.md")):
        try:
            pages.append(Page(read_document(path)))
        except UnreadableFile as error:
            line = _LINE.search(str(error))
            problems.append(Problem(path, int(line[1]) if line else 1, f"{error}."))
    return pages, problems


def check(folder: Path) -> None:
    """Raise BrokenCorpus with the first thing that would make an index of the folder false."""
    pages, problems = read_pages(folder)
    problems += broken(pages)
    if problems:
        more = f" ({len(problems) - 1} more: consultant doctor --corpus)" if len(problems) > 1 else ""
        raise BrokenCorpus(f"{problems[0]}{more}")


def broken(pages: Sequence[Page]) -> list[Problem]:
    """Incomplete front matter, ids given twice, unknown sources or sections, links to nowhere or to themselves."""
    found = [problem for page in pages for problem in (*_front(page), *_keys(page))]
    by_id: dict[str, Page] = {}
    for page in pages:
        first = by_id.setdefault(page.document.id, page)
        if first is not page:
            found.append(page.problem(page.line_of("id:"), f"the id {page.document.id} is taken by {first.path}."))
    for page in pages:
        slugs = {slug(section.heading) for section, _ in page.sections}
        found += [
            page.problem(page.line_of(f"  {name}:"), f"asked names {name}, which is no section of it.")
            for name in page.document.asked
            if name not in slugs
        ]
    by_path = {page.path.resolve(): page for page in pages}
    for page in pages:
        found += _links(page, by_path)
    return found


def lint(folder: Path, *, others: Iterable[Path] = ()) -> list[Problem]:
    """All that an editor should mend; `others` are texts that no document may share a run of words with."""
    pages, found = read_pages(folder)
    found += broken(pages)
    for page in pages:
        found += [*_sources(page), *_unused(page), *_sections(page), *_figures(page)]
    return [*found, *_same_headings(pages), *_differing_sources(pages), *_copied(pages, others)]


def _front(page: Page) -> Iterator[Problem]:
    try:
        front, _ = front_matter(page.document.text)
    except UnreadableFile as error:
        yield page.problem(1, f"{error}.")
        return
    for name in REQUIRED:
        if not front.get(name):
            yield page.problem(1, f"the front matter has no {name}; add it.")
    if front.get("updated") and not isinstance(front["updated"], date):
        yield page.problem(page.line_of("updated:"), "updated is not a date; write it as 2026-11-26.")


def _keys(page: Page) -> Iterator[Problem]:
    """Markers whose key the front matter does not define, and keys that it defines twice."""
    defined = Counter(source.key for source in page.document.sources)
    for key, times in defined.items():
        if times > 1:
            yield page.problem(page.line_of(f"key: {key}"), f"the source {key} is defined {times} times.")
    for section, run in page.sections:
        for key in dict.fromkeys(key for sentence in run for key in sentence.keys):
            if key not in defined:
                at = page.document.text.find(f"@{key}", section.start)
                yield page.problem(page.line(at), f"the source {key} is not in the front matter; define it there.")


def _links(page: Page, by_path: dict[Path, Page]) -> Iterator[Problem]:
    text, begin = page.document.text, page.document.body_start
    for match in _LINK.finditer(text, begin):
        address, line = match[1], page.line(match.start())
        if re.match(r"https?://", address):
            continue
        target, _, anchor = address.partition("#")
        linked = by_path.get((page.path.parent / target).resolve()) if target else page
        if linked is None:
            yield page.problem(line, f"the link to {target} leads nowhere.")
            continue
        slugs = {slug(section.heading): section for section, _ in linked.sections}
        if anchor and anchor not in slugs:
            yield page.problem(line, f"the link to {address} leads to no section.")
        elif linked is page and (not anchor or slugs[anchor].start <= match.start() < slugs[anchor].end):
            yield page.problem(line, f"the link to {address} leads back to where it stands.")


def _sources(page: Page) -> Iterator[Problem]:
    for source in page.document.sources:
        lacking = [name for name in ("title", "authors", "year", "url") if not getattr(source, name)]
        if lacking or not re.match(r"https?://\S+$", source.url):
            what = f"has no {lacking[0]}" if lacking else "has no web address"
            yield page.problem(page.line_of(f"key: {source.key}"), f"the source {source.key} {what}; add it.")


def _unused(page: Page) -> Iterator[Problem]:
    used = {key for _, run in page.sections for sentence in run for key in sentence.keys}
    for source in page.document.sources:
        if source.key not in used:
            line = page.line_of(f"key: {source.key}")
            yield page.problem(line, f"the source {source.key} is used by no sentence; use it or take it out.")


def _sections(page: Page) -> Iterator[Problem]:
    glossary = page.document.topic == "glossary"
    for section, run in page.sections:
        line = page.line(section.start) - 1
        if section.heading == page.document.title:
            yield page.problem(line, "text stands before the first question; give it one.")
            continue
        words = len(plain(page.document.text[section.start : section.end]).split())
        if not glossary and not FEWEST_WORDS <= words <= MOST_WORDS:
            yield page.problem(
                line, f"the section {section.heading!r} has {words} words, not {FEWEST_WORDS} to {MOST_WORDS}."
            )
        if not section.heading.endswith("?"):
            yield page.problem(line, f"the heading {section.heading!r} is no question.")
        first = plain(run[0].text)
        if run and not re.match(r"[A-Z0-9“\"‘'].*[.:]$", first):
            yield page.problem(line, f"the first sentence is not a whole sentence: {first!r}.")
        elif len(first.split()) < 5 and not re.search(r"\d\.\s*$", first[:3]):
            yield page.problem(line, f"the first sentence says too little: {first!r}.")


def _figures(page: Page) -> Iterator[Problem]:
    """Measured figures without a source; steps and conditions give numbers as advice."""
    for _, run in page.sections:
        for sentence in run:
            text = plain(sentence.text)
            listed = re.search(r"(?:^|\n)[ \t]*(?:[-*]|\d+\.)[ \t]+$", page.document.text[: sentence.start])
            if not sentence.keys and not listed and _FIGURE.search(text) and not _RECKONED.search(text):
                yield page.problem(page.line(sentence.start), f"a figure without a source: {text!r}.")


def _same_headings(pages: Sequence[Page]) -> Iterator[Problem]:
    """Two sections that answer one question: a search would find the wrong one half the time."""
    first: dict[str, Page] = {}
    for page in pages:
        for section, _ in page.sections:
            owner = first.setdefault(section.heading.casefold(), page)
            if owner is not page:
                line = page.line(section.start) - 1
                yield page.problem(line, f"the question {section.heading!r} is answered in {owner.path.name} too.")


def _differing_sources(pages: Sequence[Page]) -> Iterator[Problem]:
    """One key, two works."""
    first: dict[str, tuple[str, Page]] = {}
    for page in pages:
        for source in page.document.sources:
            url, owner = first.setdefault(source.key, (source.url, page))
            if url != source.url:
                line = page.line_of(f"key: {source.key}")
                yield page.problem(line, f"the source {source.key} has another address than in {owner.path.name}.")


def _copied(pages: Sequence[Page], others: Iterable[Path]) -> Iterator[Problem]:
    """Sentences that share a run of COPIED words with another document or text."""
    owners: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for other in others:
        for run in _runs(other.read_text(encoding="utf-8")):
            owners[run].add(other.name)
    said = [(page, s, plain(s.text)) for page in pages for _, found in page.sections for s in found]
    for page, _, text in said:
        for run in _runs(text):
            owners[run].add(page.path.name)
    for page, sentence, text in said:
        for run in _runs(text):
            if elsewhere := sorted(owners[run] - {page.path.name}):
                words = " ".join(run)
                yield page.problem(page.line(sentence.start), f"“{words}” stands in {elsewhere[0]} too.")
                break


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return (tuple(words[i : i + COPIED]) for i in range(len(words) - COPIED + 1))
