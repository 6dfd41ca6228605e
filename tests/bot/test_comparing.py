"""A comparison is a small table: parallel answers of the two guides, each a cited sentence."""

from __future__ import annotations

import pytest

from bot.consultant import Consultant
from bot.writers.comparing import compared
from ui.render import markdown, plain_text

NOT_COMPARED = {
    "one approach": "What is RAG?",
    "two approaches, no comparison": "Does RAG need fine-tuning?",
    "three approaches": "Prompting, RAG or fine-tuning?",
    "a word that only begins alike": "Is a fragment better than prose?",
}


@pytest.mark.parametrize("message", NOT_COMPARED.values(), ids=NOT_COMPARED.keys())
def test_other_questions_compare_nothing(message: str) -> None:
    assert compared(message) == []


def test_the_columns_stand_in_the_order_of_the_question() -> None:
    assert [name for name, _ in compared("Fine-tuning or prompting?")] == ["Fine-tuning", "Prompt engineering"]


@pytest.mark.parametrize(
    "message", ["RAG vs fine-tuning?", "What is the difference between LoRA and full fine-tuning?"]
)
def test_a_comparison_is_answered_by_a_sentence_and_a_table(message: str, consultant: Consultant) -> None:
    answer = consultant.ask(message)
    assert answer.statements[0].block == "lead"
    cells = answer.statements[1:]
    assert {s.block for s in cells} == {"cell"}
    columns = [name for name, _ in compared(message)]
    assert [s.place for s in cells] == [
        (row, column) for row in ("Fits when", "Does not fit when", "Costs") for column in columns
    ]
    assert answer.grounding.supported == answer.grounding.sentences == len(answer.statements)
    assert len({s.text for s in answer.statements}) == len(answer.statements)


def test_a_comparison_is_a_table_on_the_page_and_a_list_in_a_terminal(consultant: Consultant) -> None:
    answer = consultant.ask("RAG vs fine-tuning?")
    lines = markdown(answer.statements).split("\n")
    assert lines[2] == "| | Retrieval (RAG) | Fine-tuning |"
    assert lines[3] == "|---|---|---|"
    assert [line.split(" |")[0] for line in lines[4:]] == [
        "| **Fits when**",
        "| **Does not fit when**",
        "| **Costs**",
    ]
    assert all(line.count(" |") == 3 for line in lines[4:])
    assert "|" not in plain_text(answer)
    assert "\n- Fine-tuning, costs: " in plain_text(answer)


def test_a_table_grows_while_it_streams(consultant: Consultant) -> None:
    statements = consultant.ask("RAG vs fine-tuning?").statements
    for shown in range(2, len(statements) + 1):
        assert markdown(statements[:shown]).count("|---") in (2, 3)
