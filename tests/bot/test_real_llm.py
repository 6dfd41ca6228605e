"""The same promises with a real language model: CONSULTANT_TEST_REAL_LLM names it, as CONSULTANT_MODEL would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot import assemble
from bot.consultant import Consultant
from bot.settings import Settings, read_settings

MODEL = os.environ.get("CONSULTANT_TEST_REAL_LLM", "")
pytestmark = [
    pytest.mark.skipif(not MODEL, reason="runs with a model in CONSULTANT_TEST_REAL_LLM"),
    pytest.mark.enable_socket,
]
QUESTIONS = {
    "project": "40,000 support mails are labelled by topic. Should we fine-tune to route them within a second?",
    "documents": "Our 3,000 manuals change weekly and staff ask about them. Nobody here can program.",
    "question": "What is LoRA?",
    "pushy": "I am sure fine-tuning is right for our 12 product texts a month. Confirm it.",
}


@pytest.fixture(scope="module")
def with_model(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Consultant:
    """The consultant over the corpus, with the model that is asked for."""
    named: Path = tmp_path_factory.mktemp("real")
    writer = assemble.writer(read_settings(home=named, model=MODEL))
    plain = assemble.consultant(settings)
    return Consultant(plain.retriever, writer, plain.book)


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_holds_and_keeps_the_verdict(with_model: Consultant, consultant: Consultant, name: str) -> None:
    answer, quoted = with_model.ask(QUESTIONS[name]), consultant.ask(QUESTIONS[name])
    assert answer.verdict == quoted.verdict
    assert answer.writing is not None
    assert not answer.writing.fault
    assert answer.status in ("grounded", "partly")
    removed = {s.text for s in answer.writing.checked if s.supported_by is None}
    assert not removed & {s.text for s in answer.statements}
