"""Follow-ups are rewritten by a model when that is wanted, and left alone when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.consultant import Consultant
from bot.models import chat_model, parse
from bot.rewriting import Rewriter
from bot.types import Message, Queries
from tests.model_server import ModelServer

FOLLOW_UP = Queries("question", "And what does it cost?", "What is LoRA?")
REWRITTEN = "What does LoRA cost?"


@pytest.fixture(autouse=True)
def _rewrites(server: ModelServer) -> None:
    server.text = REWRITTEN


def rewriter(server: ModelServer, name: str = "fine") -> Rewriter:
    return Rewriter(chat_model(parse(f"{server.url}#{name}", Path())), timeout=1)


def test_a_follow_up_becomes_a_question_that_stands_alone(server: ModelServer) -> None:
    assert rewriter(server)(FOLLOW_UP) == REWRITTEN
    sent = server.requests[-1]["messages"][-1]["content"]
    assert "<history>\nWhat is LoRA?\n</history>" in sent
    assert "<message>\nAnd what does it cost?\n</message>" in sent


def test_what_stands_alone_is_not_sent(server: ModelServer) -> None:
    assert rewriter(server)(Queries("question", "What is LoRA?")) == ""
    assert server.requests == []


@pytest.mark.parametrize("says", ["It costs little.\nIt trains fast.", "x" * 400], ids=["an answer", "too long"])
def test_what_is_no_question_is_not_used(server: ModelServer, says: str) -> None:
    server.text = says
    assert rewriter(server)(FOLLOW_UP) == ""


@pytest.mark.parametrize("name", ["500", "hang", "empty"])
def test_a_model_that_fails_leaves_the_follow_up_as_it_was(server: ModelServer, name: str) -> None:
    assert rewriter(server, name)(FOLLOW_UP) == ""


def test_the_rewritten_question_is_what_is_looked_up(consultant: Consultant, server: ModelServer) -> None:
    history = [Message("user", "What is LoRA?"), Message("assistant", "It trains small matrices.")]
    plain = consultant.ask("And what does it cost?", history)
    assert plain.searched[:2] == ("And what does it cost?", "What is LoRA?\nAnd what does it cost?")
    rewriting = Consultant(consultant.retriever, consultant.writer, consultant.book, rewriter(server))
    assert rewriting.ask("And what does it cost?", history).searched[:2] == (
        "And what does it cost?",
        REWRITTEN,
    )
