"""What no document could tell: names that none holds, and the person's own records."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.consultant import Consultant
from bot.writers.unknown import NO_RECORDS, cannot_tell

QUESTIONS = Path(__file__).parent.parent / "data" / "questions.yaml"


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Is Nimbralytics better at fine-tuning than Korvex AI?", "“Korvex”"),
        ("How many fine-tuned models does Deutsche Bahn run?", "“Deutsche Bahn”"),
        ("When is the release date of Llama 97?", "“Llama 97”"),
        ("Does GPT-97 need examples in the prompt?", "“GPT-97”"),
        ("How much memory does a Zorbo9 card need for LoRA?", "“Zorbo9”"),
    ],
)
def test_a_name_that_no_document_holds_is_said_with_the_nearest(
    consultant: Consultant, question: str, names: str
) -> None:
    answer = consultant.ask(question)
    assert answer.status == "refused"
    said = answer.statements[0].text
    assert names in said
    assert "The nearest question that they answer is “" in said


@pytest.mark.parametrize(
    "question",
    [
        "What recall did our retrieval reach in yesterday's test run?",
        "What score did the adapter get that we trained last Thursday?",
        "Who in our company signed off the RAG budget?",
    ],
)
def test_what_only_the_person_s_records_hold_is_said(consultant: Consultant, question: str) -> None:
    answer = consultant.ask(question)
    assert answer.status == "refused"
    assert answer.statements[0].text.startswith(NO_RECORDS)


@pytest.mark.parametrize(
    "question",
    [
        "Who in our company should own the test set?",
        "What did we do wrong when our fine-tune got worse?",
        "How do I measure the recall of our retrieval?",
        "What does Article 50 of the EU AI Act ask of a chatbot?",
        "WHAT IS LORA?",
        "Our lawyer Tomasz asks: may we train on the outputs of another model?",
        "Which approach is right for a small language such as Xhosa?",
    ],
)
def test_what_the_documents_may_answer_is_not_held_back(consultant: Consultant, question: str) -> None:
    assert not cannot_tell(question, consultant.prepare(question)[1])


def test_no_plain_question_that_the_documents_answer_is_held_back(consultant: Consultant) -> None:
    asked = [row["ask"] for row in yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))]
    _, retrieval, _ = consultant.prepare("What is LoRA?")
    assert [question for question in asked if cannot_tell(question, retrieval)] == []


def test_of_many_names_some_are_told(consultant: Consultant) -> None:
    question = "Is " + " better than ".join(f"Zorb{letter}X{'y' * 90}" for letter in "ABCDE") + " at fine-tuning?"
    said = cannot_tell(question, consultant.prepare("Is LoRA better than full fine-tuning?")[1])
    assert said.count("Zorb") == 3
    assert "y" * 41 not in said


def test_a_question_about_the_subject_by_someone_without_a_system_is_answered(consultant: Consultant) -> None:
    answer = consultant.ask("If the chat on our site promises money back that we don't give, are we on the hook?")
    assert (answer.kind, answer.status) == ("question", "grounded")
    assert consultant.ask("We bought a dog, how do we train it?").kind == "off-topic"
