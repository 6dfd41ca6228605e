"""What the writer without a language model says over the real corpus: true, whole, once, and to the point."""

from __future__ import annotations

import re
from functools import cache

import pytest

from bot.consultant import Consultant
from bot.types import Answer, Message, Statement
from bot.verdict import NAMES
from bot.writers.quoting import CONTRADICTED, REFUSAL
from knowledge.documents import read_document
from knowledge.ingest import CORPUS

PROJECTS = {
    "shop texts": "We are six people, need product texts for three shops next week, no labelled data, 100 euros a "
    "month. Should we fine-tune?",
    "contracts": "We are a law firm with 3,000 contracts and want to find risky clauses. They are confidential.",
    "prices": "We run a web shop with 20,000 products; prices change every hour. Customers ask a bot about them.",
    "x-rays": "I have 60,000 labelled X-ray images and a GPU. We want to detect pneumonia.",
    "mails": "Our call centre gets 500 mails a day. We have two weeks and no budget. What should we do?",
    "welsh": "We translate manuals into Welsh and the model gets our terms wrong.",
    "sql": "My startup wants SQL from plain questions over our own database, 200 tables.",
    "voice": "We need a chatbot that answers in our brand's voice. We have 500 old chats.",
    "invoices": "We want to pull dates and sums from 10,000 invoices a month; accuracy must be 99 percent.",
    "bill": "Our model costs 8,000 dollars a month. How can we make it cheaper?",
}
QUESTIONS = {
    "lora": "What is LoRA?",
    "rag": "What is retrieval-augmented generation?",
    "labels": "How many labelled examples do I need to fine-tune a classifier?",
    "cheaper": "Is it cheaper to prompt a large model or to train a small one?",
    "few-shot steps": "How do I start with few-shot examples?",
    "reasoning": "Can I use chain of thought with a reasoning model?",
    "caching": "What is prompt caching and when does it save money?",
    "prompt test": "How do I test a prompt before I change it?",
    "refresh": "How often should a knowledge base be refreshed?",
    "chunks": "How big should my chunks be?",
    "reranker": "Do I need a reranker?",
    "law": "What does the EU AI Act ask of us?",
    "personal data": "How can I keep personal data out of the prompts?",
    "long context": "Should I use a long context instead of retrieval?",
    "preferences": "What is DPO?",
    "memory": "How much GPU memory does QLoRA take?",
    "json": "How do I get valid JSON out of a model?",
    "injection": "How do I stop prompt injection?",
    "latency steps": "How do I reduce latency?",
    "full or lora": "What is the difference between full fine-tuning and LoRA?",
}
ON_TOPIC = [
    "RAG?",
    "rag vs fine-tuning",
    "fine tune a small model for tickets",
    "which approach for a faq bot",
    "When is prompting not enough?",
    "How many examples should a prompt have?",
    "Does fine-tuning teach new facts?",
    "Why does my retrieval miss the right passage?",
    "How do I evaluate answers without labelled data?",
    "What does it cost to fine-tune a 7B model?",
    "Can an agent call our tools without fine-tuning?",
    "When do rules beat a language model?",
    "How do I version prompts?",
    "Is distillation worth it?",
    "How do I handle documents in several languages?",
    "Which licence do open-weight models have?",
    "Can I fine-tune on customer data under GDPR?",
    "What is catastrophic forgetting?",
    "Should I buy a managed service or host my own model?",
]
OFF_TOPIC = [
    "What is the capital of Mongolia?",
    "Who won the football world cup in 1998?",
    "How do I bake sourdough bread?",
    "What will the weather be like tomorrow in Oslo?",
    "How tall is Mount Everest?",
    "Write a poem about autumn leaves.",
    "Which stock should I buy this week?",
    "How do I change a flat bicycle tyre?",
    "Can dogs eat chocolate?",
    "What are the symptoms of the flu?",
    "When did the Roman Empire fall?",
    "Recommend me a novel to read on holiday.",
    "What is the best route from Lyon to Turin?",
    "How long should I boil an egg?",
    "Which guitar strings are best for beginners?",
    "Is my landlord allowed to raise the rent?",
    "How do I train for a marathon?",
    "How do I tune a piano?",
    "We are six friends and want to fly to Lisbon next week, 100 euros each. Which airline should we take?",
    "My cat is ill and I have no money. What should I do?",
]


def short(question: str) -> str:
    return question[:40]


def cases(questions: dict[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("question", [pytest.param(q, id=name) for name, q in questions.items()])


every_question = cases(PROJECTS | QUESTIONS)
every_project = cases(PROJECTS)


@cache
def files() -> dict[str, str]:
    """Document id → its file as it is on the disk."""
    return {read_document(path).id: path.read_text(encoding="utf-8") for path in CORPUS.rglob("*.md")}


@pytest.fixture(scope="module")
def asked() -> dict[str, Answer]:
    """Answers that were given already: each question is asked once for all that is said of its answer."""
    return {}


@pytest.fixture
def answer(asked: dict[str, Answer], consultant: Consultant, question: str) -> Answer:
    if question not in asked:
        asked[question] = consultant.ask(question)
    return asked[question]


def cited(answer: Answer) -> list[Statement]:
    return [statement for statement in answer.statements if statement.citation]


def readable(quote: str) -> str:
    return " ".join(re.sub(r"[*_`\\]", "", quote).split())


@every_question
def test_every_cited_statement_is_verbatim_in_its_documents_file(answer: Answer) -> None:
    assert [c.n for c in answer.citations] == list(range(1, len(answer.citations) + 1))
    for citation in answer.citations:
        assert files()[citation.doc][citation.start : citation.end] == citation.quote
    for statement in cited(answer):
        assert readable(statement.text) == readable(answer.citations[(statement.citation or 0) - 1].quote)


@every_question
def test_what_is_claimed_is_cited_and_counts_as_supported(answer: Answer) -> None:
    assert answer.status == "grounded"
    assert answer.grounding.sentences == answer.grounding.supported == len(cited(answer)) >= 1
    assert {s.block for s in answer.statements if s.citation is None} <= {"lead", "change", "question"}


@every_question
def test_no_sentence_comes_twice(answer: Answer) -> None:
    said = [statement.text.lower() for statement in answer.statements]
    assert len(set(said)) == len(said)


@every_question
def test_no_heading_is_pasted_in(answer: Answer) -> None:
    for citation in answer.citations:
        text = files()[citation.doc]
        line = text[text.rfind("\n", 0, citation.start) + 1 : text.find("\n", citation.end)]
        assert not line.lstrip().startswith("#")
        assert citation.heading not in citation.quote


@every_question
def test_no_sentence_is_a_fragment(answer: Answer) -> None:
    for citation in answer.citations:
        text = files()[citation.doc]
        before, after = text[: citation.start], text[citation.end :]
        assert re.search(r"(\n\n|[.!?][”\")]?(\s*\[@[^\]]+\])?\s+|\n\s*(\d+\.|[-*])\s+)$", before)
        assert re.match(r"(\s|\Z)", after)
        assert re.match(r"[A-Z\d“\"].*[.!][”\")]?$", citation.quote, re.DOTALL)


@every_question
def test_the_first_statement_is_the_lead_and_the_only_one(answer: Answer) -> None:
    assert [s.block for s in answer.statements].index("lead") == 0
    assert [s.block for s in answer.statements].count("lead") == 1


@every_project
def test_what_a_project_said_is_quoted_back_exactly(question: str, answer: Answer) -> None:
    for statement in answer.statements:
        assert statement.said in question
        assert bool(statement.said) == (statement.block in ("reason", "against"))


@every_project
def test_advice_goes_from_the_lead_by_reasons_to_steps(answer: Answer) -> None:
    order = ["lead", "support", "reason", "against", "change", "step", "question"]
    blocks = [order.index(s.block) for s in answer.statements]
    assert blocks == sorted(blocks)
    # Where one more fact is needed first, no steps are advised yet.
    undecided = answer.verdict is not None and answer.verdict.approach == "ask-first"
    assert (order.index("step") in blocks) != undecided


def test_most_projects_hear_reasons_in_their_own_words(consultant: Consultant, asked: dict[str, Answer]) -> None:
    answers = [asked.get(q) or consultant.ask(q) for q in PROJECTS.values()]
    assert sum(any(s.said for s in a.statements) for a in answers) >= 0.6 * len(answers)


def test_of_a_section_that_is_a_list_each_item_is_a_step(consultant: Consultant) -> None:
    answer = consultant.ask("How do I start with a support bot?")
    steps = [s for s in answer.statements if s.block == "step"]
    assert [s.text.split()[0] for s in steps] == ["Collect", "Delete", "Put", "Tell", "Run", "Label"]
    assert answer.statements[0] == steps[0]


@pytest.mark.parametrize(
    "question", ["How do I start with few-shot examples?", "How do I reduce latency?"], ids=short
)
def test_steps_are_given_to_who_asks_for_steps(answer: Answer) -> None:
    steps = [s for s in answer.statements if s.block == "step"]
    assert len(steps) >= 3
    assert len({answer.citations[s.citation - 1].heading for s in steps if s.citation}) == 1


@pytest.mark.parametrize(
    ("question", "doc"),
    [
        pytest.param("What is LoRA?", "lora", id="lora"),
        pytest.param("What is retrieval-augmented generation?", "retrieval-augmented-generation", id="rag"),
        pytest.param("What is prompt caching and when does it save money?", "prompt-caching", id="caching"),
        pytest.param("What is DPO?", "preference-tuning", id="dpo"),
        pytest.param(PROJECTS["x-rays"], "medical-imaging", id="x-rays"),
        pytest.param(PROJECTS["welsh"], "translation-and-languages", id="welsh"),
    ],
)
def test_the_document_on_the_subject_is_cited(answer: Answer, doc: str) -> None:
    assert doc in {citation.doc for citation in answer.citations}


@pytest.mark.parametrize("question", ON_TOPIC, ids=short)
def test_a_question_on_the_subject_is_not_refused(answer: Answer) -> None:
    assert answer.status == "grounded"
    assert len(answer.statements) >= 2


@pytest.mark.parametrize("question", OFF_TOPIC, ids=short)
def test_a_question_off_the_subject_is_refused_in_one_sentence(answer: Answer) -> None:
    assert [s.text for s in answer.statements] == [REFUSAL]
    assert (answer.status, answer.citations) == ("refused", ())


def test_a_refusal_says_what_the_consultant_can_help_with() -> None:
    assert re.fullmatch(r"[^.!?]+ I can help you [^.!?]+\.", REFUSAL)
    assert "prompt engineering, retrieval, fine-tuning" in REFUSAL


FOREIGN = {
    "German": "Wir sind sechs Leute und brauchen Produkttexte für drei Shops. Sollen wir fine-tunen?",
    "French": "Nous avons 12 000 documents et les infirmières posent des questions. RAG ou fine-tuning?",
    "Spanish": "Tenemos 40.000 correos etiquetados por tema y queremos clasificarlos.",
    "Chinese": "我们有一万份文件，护士需要快速回答",
}


@pytest.mark.parametrize(("language", "message"), FOREIGN.items(), ids=FOREIGN.keys())
def test_another_language_is_said_first(language: str, message: str, consultant: Consultant) -> None:
    first = consultant.ask(message).statements[0]
    assert f"looks {language}" in first.text
    assert "English" in first.text


@pytest.mark.parametrize("message", [*PROJECTS.values(), "rag vs fine-tuning", "Should we fine-tune?"], ids=short)
def test_english_is_not_taken_for_another_language(message: str, consultant: Consultant) -> None:
    assert all("I read and answer" not in s.text for s in consultant.ask(message).statements)


def test_a_contradiction_is_asked_about_in_the_persons_words(consultant: Consultant) -> None:
    answer = consultant.ask(
        "We sort two million contract clauses a day into our own 60 clause types. We hold 20,000 clauses labelled by "
        "our lawyers. Nobody here has ever labelled a single clause. How do we proceed?"
    )
    assert answer.verdict is not None
    assert answer.verdict.approach == "ask-first"
    assert answer.statements[0].text == CONTRADICTED
    assert answer.question is not None
    assert "Nobody here has ever labelled a single clause" in answer.question.text
    assert "We hold 20,000 clauses labelled by our lawyers" in answer.question.text
    history = [Message("user", "…"), Message("assistant", answer.question.text)]
    assert consultant.ask("None yet", history).brief.told[-1].signal == "labels-none"


@pytest.mark.parametrize("question", PROJECTS.values(), ids=short)
def test_the_same_words_are_not_said_for_and_against(answer: Answer) -> None:
    taken_up = {block: {s.said for s in answer.statements if s.block == block} for block in ("reason", "against")}
    assert not taken_up["reason"] & taken_up["against"]


def test_words_that_speak_both_ways_are_taken_up_once(consultant: Consultant) -> None:
    """The claim's second clause is a reason for tuning and one against it."""
    answer = consultant.ask(
        "Insurer: handlers must see the paragraph of an 800-page manual that changes monthly; on top each of 12k "
        "claims a day gets a fraud flag, 60,000 old ones are marked and prompts do badly at it."
    )
    said = [s.said for s in answer.statements if s.said]
    assert said
    assert len(set(said)) == len(said)


def test_a_comparison_for_a_case_that_is_not_described_keeps_its_table(consultant: Consultant) -> None:
    answer = consultant.ask("Is RAG or fine-tuning right for us?")
    assert answer.verdict is not None
    assert answer.verdict.approach == "ask-first"
    assert [s.block for s in answer.statements].count("cell") == 6
    assert answer.statements[-1].block == "question"


def test_a_definition_answers_who_asks_what_and_nobody_else(consultant: Consultant) -> None:
    assert consultant.ask("What is latency?").citations[0].doc == "glossary"
    assert consultant.ask("How do I reduce latency?").citations[0].doc == "latency"


@pytest.mark.parametrize(
    ("message", "guide"),
    [("Should we fine-tune?", "fine-tuning"), ("Is RAG right for us?", "retrieval-augmented-generation")],
    ids=["fine-tuning", "RAG"],
)
def test_who_names_an_approach_hears_when_it_fits_and_when_not(
    message: str, guide: str, consultant: Consultant
) -> None:
    answer = consultant.ask(message)
    assert answer.question is not None
    headings = [c.heading for c in answer.citations]
    assert len(headings) == 2
    assert [" not " in heading for heading in headings] == [False, True]
    assert {c.doc for c in answer.citations} == {guide}


def test_first_steps_of_a_hybrid_are_those_of_its_parts(consultant: Consultant) -> None:
    answer = consultant.ask(
        "Our assistant should answer staff from 4,000 pages of manuals that change monthly, and look up live stock "
        "levels in our warehouse system."
    )
    assert answer.verdict is not None
    assert set(answer.verdict.parts) == {"simpler-tool", "retrieval"}
    steps = {s.citation for s in answer.statements if s.block == "step"}
    assert {c.doc for c in answer.citations if c.n in steps} == {"playbook-tool-and-model"}


@pytest.mark.parametrize(
    "message",
    ["Can I use ChatGPT output to train my own model?", "May we send customer data to OpenAI?", "Is it legal to do?"],
)
def test_who_asks_for_leave_is_answered_and_not_asked(message: str, consultant: Consultant) -> None:
    assert consultant.ask(message).kind == "question"


def test_a_project_that_is_asked_about_gets_no_sentences_from_far_off(consultant: Consultant) -> None:
    answer = consultant.ask("Our zoo has 90 keepers and 400 animals. What should we build?")
    assert [s.block for s in answer.statements] == ["lead", "question"]
    assert (answer.status, answer.citations) == ("grounded", ())


def test_a_project_that_is_asked_about_hears_what_answers_its_question(consultant: Consultant) -> None:
    answer = consultant.ask("We have one GPU server. What does it cost to run a model of our own on it?")
    assert answer.verdict is not None
    assert answer.verdict.approach == "ask-first"
    assert answer.citations[0].doc in ("cost", "build-or-buy")


def test_who_is_asked_for_a_fact_hears_what_it_lies_between(consultant: Consultant) -> None:
    answer = consultant.ask("Want a model of our own. We're a hotel chain.")
    assert answer.verdict
    assert answer.verdict.approach == "ask-first"
    between = [name for name, share in answer.verdict.shares.items() if share >= 0.2 and name != "ask-first"]
    told = answer.statements[0].text
    assert len(between) == 2
    assert f"So far it lies between {' and '.join(NAMES[name] for name in between)}." in told
    assert "So far" not in consultant.ask("Should we fine-tune?").statements[0].text
