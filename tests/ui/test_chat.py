"""The page's make-up; what it does with a conversation is tested in test_consultation.py."""

from __future__ import annotations

import asyncio
import re

import gradio as gr
import pytest

from bot.consultant import Consultant
from ui import chat


@pytest.mark.parametrize("label", chat.STARTERS)
def test_each_starter_has_a_grounded_answer(consultant: Consultant, label: str) -> None:
    answer = consultant.ask(chat.STARTERS[label])
    assert answer.status == "grounded"
    assert answer.kind == ("question" if label == "How many examples?" else "project")


async def built(consultant: Consultant) -> gr.Blocks:
    """Outside a running event loop Gradio makes one for each of its locks and leaves it open."""
    return chat.build(consultant)


def test_the_page_keeps_nothing_of_a_visitor_on_the_server(consultant: Consultant) -> None:
    page = asyncio.run(built(consultant))
    assert not [block for block in page.blocks.values() if isinstance(block, gr.State)]


def test_the_page_has_one_endpoint_and_no_event_is_another(consultant: Consultant) -> None:
    page = asyncio.run(built(consultant))
    assert len(page.fns) >= 10
    told = page.get_api_info() or {}
    assert list(told["named_endpoints"]) == ["/ask"]
    assert told["unnamed_endpoints"] == {}


def test_no_part_of_the_page_needs_eval(consultant: Consultant) -> None:
    # The policy of the page forbids it, and Gradio's HTML component cannot do without.
    page = asyncio.run(built(consultant))
    assert not [block for block in page.blocks.values() if isinstance(block, gr.HTML)]
    assert not [fn for fn in page.fns.values() if fn.js]


def test_no_rule_is_for_what_gradio_keeps_it_from() -> None:
    # It puts `.gradio-container .contain` before each selector, so a rule for what lies around would never apply.
    assert re.findall(r"^\s*(?:[^{}\n]*,)?\s*(?:\.gradio-container|:root|html|body)\b[^{\n]*", chat.CSS, re.M) == []
    assert ".gradio-container" in chat.FRAME
    assert chat.FRAME in chat.HEAD
