"""Which questions are answered at all: those on the subject, and none of everyday life in the same words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.consultant import Consultant
from bot.writers.quoting import answers

DATA = Path(__file__).parent.parent / "data"
OFF = yaml.safe_load((DATA / "off-subject.yaml").read_text(encoding="utf-8"))


def answered(consultant: Consultant, message: str) -> bool:
    queries, retrieval, _ = consultant.prepare(message)
    return queries.kind != "project" and answers(queries, retrieval)


def test_of_everyday_questions_next_to_none_is_answered(consultant: Consultant) -> None:
    assert len(OFF["everyday"]) == 60
    assert sum(answered(consultant, message) for message in OFF["everyday"]) <= 2


def test_private_matters_are_refused(consultant: Consultant) -> None:
    # One asks how to get a team to be on time for meetings, and the documents speak of teams and of time.
    assert sum(answered(consultant, message) for message in OFF["private"]) <= 1


def test_plain_questions_that_a_section_answers_are_answered(consultant: Consultant) -> None:
    asked = [row["ask"] for row in yaml.safe_load((DATA / "questions.yaml").read_text(encoding="utf-8"))]
    refused = []
    for message in asked:
        queries, retrieval, _ = consultant.prepare(message)
        if not answers(queries, retrieval):
            refused.append(message)
    assert len(refused) <= 0.04 * len(asked), refused


@pytest.mark.parametrize(
    "message",
    [
        "Do I have to tell readers that my blog posts were made by a computer?",
        "the short version it wrote left out the one exception that mattered, how would we even notice?",
    ],
)
def test_the_subject_in_the_words_of_those_without_a_system_is_answered(consultant: Consultant, message: str) -> None:
    assert consultant.ask(message).status == "grounded"
