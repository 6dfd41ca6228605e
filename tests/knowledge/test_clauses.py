"""Clauses: one statement each, at its place in the message."""

from __future__ import annotations

import pytest

from knowledge.clauses import clauses


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("We have no labels and two weeks.", ["We have no labels", "two weeks"]),
        ("Need number, date, total.", ["Need number, date, total"]),
        ("Search 'a dress, not too formal' in 400k items", ["Search 'a dress, not too formal' in 400k items"]),
        (
            "Want (a) Q&A over filings, (b) a score on every headline (120k/day).",
            ["Want (a) Q&A over filings", "(b) a score on every headline", "120k/day"],
        ),
        ("RAG finds the page but the model mixes it up", ["RAG finds the page", "the model mixes it up"]),
        ("It is stable – nobody changes it", ["It is stable", "nobody changes it"]),
        ("Hi.", ["Hi"]),
        ("", []),
        ("...", []),
    ],
)
def test_what_is_one_clause(message: str, expected: list[str]) -> None:
    assert [c.text for c in clauses(message)] == expected


def test_a_clause_knows_its_place() -> None:
    message = "  We sell shoes (men's, 400 models); returns are 30%!  Should we tune?"
    assert all(message[c.start : c.end] == c.text for c in clauses(message))
    assert len(clauses(message)) == 4
