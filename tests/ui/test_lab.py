"""The prompt lab: what is sent, what a model made of it, and what differs."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import gradio as gr
import pytest
from bs4 import BeautifulSoup

from bot import assemble
from bot.consultant import Consultant
from bot.errors import BadSetting, ConsultantError
from bot.prompts import loader
from bot.settings import Settings, read_settings
from bot.writers.model import own_prompts
from tests.bot.test_model_writer import first_sentences
from tests.model_server import ModelServer
from ui import lab, lab_tab
from ui.lab import SUITE, Lab, Setup, Variant, read_link

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results.json"
QUESTION = "What is LoRA? <b>Briefly</b>. {{ 7*7 }}"
PLAIN = Variant("full", ("delimiters",))
FULLER = Variant("full", ("role", "delimiters"))


@pytest.fixture
def desk(consultant: Consultant, corpus_home: Path, server: ModelServer) -> Lab:
    """A lab whose model quotes what it is shown."""
    server.text = first_sentences
    settings = read_settings(home=corpus_home, model=f"{server.url}#fine", prompt="brief")
    return Lab(Consultant(consultant.retriever, assemble.writer(settings), consultant.book), settings)


def told(body: str) -> BeautifulSoup:
    return BeautifulSoup(body, "html.parser")


def test_what_is_sent_is_shown_to_the_last_character_and_stays_text(
    consultant: Consultant, settings: Settings
) -> None:
    desk = Lab(consultant, settings)
    bare, plain, fuller = (told(desk.sent(QUESTION, v)) for v in (Variant("full", ()), PLAIN, FULLER))
    assert "&lt;b&gt;Briefly&lt;/b&gt;" in plain.get_text()
    assert "{{ 7*7 }}" in plain.get_text()
    assert not plain.select("b")
    assert "<passage" in plain.get_text()
    assert "<passage" not in bare.get_text()
    assert len(fuller.get_text()) > len(plain.get_text())
    assert "role" in fuller.get_text()


def test_two_variants_are_run_and_what_only_one_says_is_marked(desk: Lab, server: ModelServer) -> None:
    *_, [one, other] = desk.run("What is LoRA?", [PLAIN, FULLER])
    assert len(server.requests) == 2
    assert told(one).select_one("code").get_text() == "answer@delimiters"  # type: ignore[union-attr]
    assert told(other).select_one("code").get_text() == "answer@role+delimiters"  # type: ignore[union-attr]
    assert "sentences hold" in told(one).get_text()
    assert not told(one).find_all("mark")


def test_without_a_model_it_says_how_to_get_one(consultant: Consultant, tmp_path: Path) -> None:
    with pytest.raises(ConsultantError, match="consultant model pull smollm2"):
        list(Lab(consultant, read_settings(home=tmp_path)).run("What is LoRA?", [PLAIN, FULLER]))


def test_a_question_that_no_source_answers_asks_no_model(desk: Lab, server: ModelServer) -> None:
    *_, [one, _] = desk.run("Which horse will win the derby tomorrow?", [PLAIN, FULLER])
    assert "no model was asked" in told(one).get_text()
    assert server.requests == []


def test_the_measured_table_is_that_of_the_last_benchmark() -> None:
    found = lab.measured()
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["prompting"]["rows"]
    assert found["rows"] == rows, "run: python -m benchmarks prompting"
    table = told(lab.measured_html(found))
    assert next(th.get_text() for th in table.select("tbody th")) == "zero-shot"
    assert len(table.select("tbody tr")) == len(rows)
    assert "Not measured" in lab.measured_html({})


def test_two_variants_are_scored_on_the_suite_step_by_step(desk: Lab) -> None:
    *steps, scores = desk.score([PLAIN, FULLER])
    done = [int(told(step).meter["value"]) for step in steps]  # type: ignore[index,arg-type]
    assert done == list(range(2 * len(SUITE) + 1))
    assert [code.get_text() for code in told(scores).select("tbody code")] == [PLAIN.spec, FULLER.spec]
    assert f" of {len(SUITE)}, " in told(scores).get_text()


def rewritten(name: str, before: str, after: str) -> str:
    text = (loader.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert before in text
    return text.replace(before, after)


def test_a_prompt_in_one_s_own_words_is_shown_run_and_scored_as_the_second_variant(
    desk: Lab, server: ModelServer
) -> None:
    words = rewritten("answer", "You are Consultant", "You are a pirate {{ 7*7 }} <b>")
    setup = Setup("What is LoRA?", "full", ("role", "delimiters"), ("role", "delimiters"), "answer", words)
    one, other = setup.variants
    assert "a pirate" not in desk.sent(setup.question, one)
    assert "You are a pirate {{ 7*7 }} &lt;b&gt;" in desk.sent(setup.question, other)
    list(desk.run(setup.question, setup.variants))
    first, second = (request["messages"][0]["content"] for request in server.requests)
    assert "a pirate" not in first
    assert "You are a pirate {{ 7*7 }} <b>" in second
    *_, scores = desk.score(setup.variants)
    assert "full@role+delimiters in your words" in told(scores).get_text()


def test_words_for_the_other_purpose_change_nothing(consultant: Consultant, settings: Settings) -> None:
    words = rewritten("advise", "You are Consultant", "You are a pirate")
    _, other = Setup("What is LoRA?", "full", (), ("role",), "advise", words).variants
    assert "a pirate" not in Lab(consultant, settings).sent("What is LoRA?", other)


def test_what_is_saved_can_be_read_again(tmp_path: Path) -> None:
    words = rewritten("advise-brief", "## role\n", "## role\nSpeak like a pirate, for $$5. ")
    link = told(lab_tab.saved("brief", "advise", words)).a
    assert link is not None
    assert link["download"] == "advise-brief.md"
    file = tmp_path / str(link["download"])
    file.write_bytes(base64.b64decode(str(link["href"]).partition("base64,")[2]))
    assert own_prompts(tmp_path) == {"advise-brief": words}
    assert "There are no words" in lab_tab.saved("brief", "advise", " \n")
    assert "has the unknown slot $price" in lab_tab.saved("brief", "advise", words.replace("$$5", "$price"))
    assert lab_tab.shipped_words("brief", "advise") == (loader.FOLDER / "advise-brief.md").read_text(encoding="utf-8")


def test_the_model_in_use_and_the_local_one_can_be_chosen(
    desk: Lab, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting, local = desk.settings.model, f"{server.url}#local"
    assert desk.models() == [setting]
    monkeypatch.setattr(Lab, "models", lambda _: [setting, local])
    for model, asked in (("", "fine"), (local, "local"), (setting, "fine"), ("openai:of-a-stranger", "fine")):
        list(desk.run("What is LoRA?", [PLAIN], model))
        assert server.requests[-1]["model"] == asked


def test_words_of_one_s_own_are_run_for_operators_alone(consultant: Consultant, settings: Settings) -> None:
    class Nobody:
        def let(self, *_: object) -> bool:
            return False

    tries = lab_tab.Trying(Lab(consultant, settings), Nobody())  # type: ignore[arg-type]
    request = gr.Request()
    request.headers = {}
    [[refused, _]] = tries.ran("", "", request, "What is LoRA?", "full", [], [], "answer", "mine")
    assert "This is for who runs the page" in refused
    [[allowed, _]] = tries.ran("", "", request, "What is LoRA?", "full", [], [], "answer", None)
    assert "consultant model pull" in allowed


def test_a_link_holds_the_whole_set_up() -> None:
    setup = Setup('Is <b> & "RAG" = #1?', "full", ("role", "examples"), ())
    assert read_link(setup.link.partition("?")[2]) == setup
    link = told(lab.link_html(setup)).a
    assert link is not None
    assert link["href"] == setup.link


@pytest.mark.parametrize(
    "address",
    [
        "?lab=other",
        "?lab=brief&a=magic",
        "?lab=full&a=role%3Cscript%3E",
        f"?lab=full&question={'a' * 1001}",
        "&" * 99,
    ],
    ids=["family", "technique", "markup", "long", "many"],
)
def test_a_link_that_sets_up_nothing_is_told(address: str) -> None:
    with pytest.raises(BadSetting, match="by hand"):
        read_link(address)
