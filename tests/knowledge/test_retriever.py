"""Questions find passages: best first, no repeats, from one generation at a time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from knowledge.embeddings import SentenceEmbedder
from knowledge.errors import IndexMismatch, NoIndex
from knowledge.index import Home
from knowledge.ingest import ingest
from knowledge.retriever import LIMIT, PER_QUERY, Retrieval, Retriever
from knowledge.sums import write_sums

QUESTIONS = [
    "Should we fine-tune or use retrieval when our prices change daily?",
    "What does LoRA cost?",
    "ERR-4711",
    "de facto",
    "?!",
    "",
    "Wie viele Beispiele brauche ich?",
]
FILES = {
    "refunds.md": "# How long do refunds take?\n\nA refund takes thirty days after the parcel has arrived.\n",
    "copy.md": "# How long do refunds take?\n\nA refund takes thirty days after the parcel has arrived!\n",
    "france.md": "# What about France?\n\nIn France a refund takes five days, since the law says so.\n",
    "codes.txt": "Error ERR-4711 means that the card was refused. Error ERR-4712 means that it has expired.\n",
    "bananas.md": "# What are bananas?\n\nBananas are yellow fruit that grow in Ecuador.\n",
}


@pytest.fixture(scope="module")
def retriever(corpus_home: Path, embedder: SentenceEmbedder) -> Iterator[Retriever]:
    """Over the real corpus."""
    made = Retriever(Home(corpus_home), embedder)
    yield made
    made.generation().close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, embedder: SentenceEmbedder) -> Retriever:
    """Over a few small files, two of them near-duplicates."""
    folder, home = tmp_path_factory.mktemp("files"), Home(tmp_path_factory.mktemp("shop"))
    for name, text in FILES.items():
        (folder / name).write_text(text)
    ingest([folder], home, embedder, corpus=None)
    return Retriever(home, embedder)


@pytest.fixture
def version(tmp_path: Path, embedder: SentenceEmbedder) -> Callable[[str], None]:
    """Publish a generation in which every passage holds this word."""

    def publish(word: str) -> None:
        for name in ("a", "b", "c"):
            (tmp_path / f"{name}.md").write_text(
                f"# What is {name}?\n\nThe {name} is {word}, as the {name} should be.\n"
            )
        assert ingest(
            [tmp_path / f"{n}.md" for n in "abc"], Home(tmp_path / "home"), embedder, corpus=None
        ).generation

    return publish


def docs(found: Retrieval) -> list[str]:
    """The documents of the passages, in order."""
    return [passage.chunk.doc for passage in found.passages]


def words(found: Retrieval) -> str:
    """All texts of the passages."""
    return " ".join(passage.chunk.text for passage in found.passages)


# Order and number


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q[:10] or "empty")
def test_passages_come_best_first_and_at_most_the_limit(retriever: Retriever, question: str) -> None:
    for limit in (1, LIMIT, 50):
        passages = retriever.retrieve([question], limit=limit).passages
        assert len(passages) <= limit
        assert [p.score for p in passages] == sorted((p.score for p in passages), reverse=True)
        assert len({p.chunk.id for p in passages}) == len(passages)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q[:10] or "empty")
def test_scores_are_in_their_ranges(retriever: Retriever, question: str) -> None:
    for passage in retriever.retrieve([question]).passages:
        assert 0 <= passage.score <= 1
        assert -1 <= passage.dense <= 1 + 1e-6
        assert passage.lexical >= 0


@pytest.mark.parametrize(
    ("question", "doc"),
    [
        ("How much does LoRA cost to train?", "lora"),
        ("How many examples do I need to fine-tune?", "training-data"),
        ("Does retrieval or fine-tuning teach a model new facts?", "retrieval-or-fine-tuning"),
        ("Our support bot must answer customers", "support-bots"),
    ],
    ids=["lora", "examples", "facts", "support"],
)
def test_the_document_on_the_question_is_found(retriever: Retriever, question: str, doc: str) -> None:
    assert doc in docs(retriever.retrieve([question]))


def test_the_cosine_of_a_passage_is_that_of_its_best_window(retriever: Retriever, embedder: SentenceEmbedder) -> None:
    question = embedder.embed(["What does LoRA cost?"])
    best = retriever.retrieve(["What does LoRA cost?"], question).passages[0]
    exact = [
        float(vector @ question[0])
        for ids, vectors in retriever.generation().store.windows()
        for name, vector in zip(ids, vectors, strict=True)
        if name.rsplit("@", 1)[0] == best.chunk.id
    ]
    assert best.dense == pytest.approx(max(exact), abs=1e-4)


def test_an_exact_code_is_found_by_its_letters(shop: Retriever) -> None:
    best = shop.retrieve(["ERR-4712"]).passages[0]
    assert best.chunk.doc == "codes"
    assert best.lexical > 0


def test_meaning_is_found_without_a_common_word(shop: Retriever) -> None:
    best = shop.retrieve(["When do I get my money back?"]).passages[0]
    assert best.chunk.doc in {"refunds", "copy", "france"}
    assert best.dense > 0.3


def test_a_limit_of_none_gives_none(shop: Retriever) -> None:
    assert shop.retrieve(["refund"], limit=0).passages == ()


# Repeats


def test_of_near_duplicates_the_better_is_kept(shop: Retriever) -> None:
    found = docs(shop.retrieve(["How long does a refund take?"]))
    assert len({"refunds", "copy"} & set(found)) == 1
    assert "france" in found


def test_many_copies_do_not_crowd_out_another_passage(tmp_path: Path, embedder: SentenceEmbedder) -> None:
    for n in range(12):
        (tmp_path / f"copy{n}.md").write_text(FILES["refunds.md"])
    (tmp_path / "france.md").write_text(FILES["france.md"])
    (tmp_path / "bananas.md").write_text(FILES["bananas.md"])
    home = Home(tmp_path / "home")
    ingest([tmp_path / p.name for p in tmp_path.glob("*.md")], home, embedder, corpus=None)
    found = docs(Retriever(home, embedder).retrieve(["How long does a refund take?"], limit=2))
    assert found[1:] == ["france"]


# Several queries


def test_several_queries_are_answered_together_and_each_alone(shop: Retriever) -> None:
    found = shop.retrieve(["Are bananas yellow?", "What does ERR-4711 mean?"])
    assert {"bananas", "codes"} <= set(docs(found))
    assert [best[0].chunk.doc for best in found.by_query] == ["bananas", "codes"]
    assert all(len(best) <= PER_QUERY for best in found.by_query)


def test_the_weight_of_a_query_decides_the_order(shop: Retriever) -> None:
    queries = ["Are bananas yellow?", "What does ERR-4711 mean?"]
    assert docs(shop.retrieve(queries, weights=[1, 0.8]))[0] == "bananas"
    assert docs(shop.retrieve(queries, weights=[0.8, 1]))[0] == "codes"
    assert docs(shop.retrieve(queries, weights=[1, 0])) == docs(shop.retrieve(queries[:1]))


def test_a_chunk_counts_by_its_best_score_times_the_weight(shop: Retriever) -> None:
    queries = ["Are bananas yellow?", "What is a refund?"]
    alone = {p.chunk.id: p.score for p in shop.retrieve(queries[:1]).passages}
    both = {p.chunk.id: p.score for p in shop.retrieve(queries, weights=[0.5, 0.1]).passages}
    assert both["bananas#what-are-bananas"] == pytest.approx(0.5 * alone["bananas#what-are-bananas"], abs=1e-6)


def test_a_repeated_query_changes_nothing(shop: Retriever) -> None:
    once, twice = shop.retrieve(["refund"]), shop.retrieve(["refund", "refund"])
    assert once.passages == twice.passages
    assert twice.by_query == once.by_query * 2


def test_vectors_that_are_known_are_not_made_again(shop: Retriever, embedder: SentenceEmbedder) -> None:
    bananas = embedder.embed(["Are bananas yellow?"])
    found = shop.retrieve(["qqq"], bananas)
    assert docs(found)[0] == "bananas"
    assert found.vectors is bananas


def test_the_vectors_are_those_of_the_queries(shop: Retriever, embedder: SentenceEmbedder) -> None:
    found = shop.retrieve(["one", "two"])
    assert np.allclose(found.vectors, embedder.embed(["one", "two"]))
    assert found.queries == ("one", "two")


def test_no_query_finds_nothing(shop: Retriever) -> None:
    found = shop.retrieve([])
    assert (found.passages, found.by_query, found.vectors.shape) == ((), (), (0, 384))


# Generations


def test_without_an_index_the_next_step_is_said_and_afterwards_it_works(
    tmp_path: Path, embedder: SentenceEmbedder, version: Callable[[str], None]
) -> None:
    retriever = Retriever(Home(tmp_path / "home"), embedder)
    with pytest.raises(NoIndex, match="consultant ingest"):
        retriever.retrieve(["a"])
    version("red")
    assert "red" in words(retriever.retrieve(["What is a?"]))


def test_an_empty_index_finds_nothing(tmp_path: Path, embedder: SentenceEmbedder) -> None:
    (tmp_path / "files").mkdir()
    ingest([tmp_path / "files"], Home(tmp_path / "home"), embedder, corpus=None)
    found = Retriever(Home(tmp_path / "home"), embedder).retrieve(["What is a?", "And b?"])
    assert (found.passages, sum(map(len, found.by_query))) == ((), 0)


def test_an_open_retriever_sees_a_new_generation_within_two_seconds(
    tmp_path: Path, embedder: SentenceEmbedder, version: Callable[[str], None]
) -> None:
    version("red")
    retriever = Retriever(Home(tmp_path / "home"), embedder)
    assert "red" in words(retriever.retrieve(["What is a?"]))
    version("blue")
    began = time.monotonic()
    assert "red" not in words(retriever.retrieve(["What is a?"]))
    assert time.monotonic() - began < 2


def test_an_answer_in_flight_keeps_its_generation(
    tmp_path: Path, embedder: SentenceEmbedder, version: Callable[[str], None]
) -> None:
    """Even when its folder is deleted under it, which the second ingest after it does."""
    version("red")
    retriever = Retriever(Home(tmp_path / "home"), embedder)
    flying = retriever.retrieve(["What is a?"])
    for word in ("blue", "green"):
        version(word)
        assert word in words(retriever.retrieve(["What is a?"]))
    assert not flying.generation.folder.exists()
    said = flying.generation.store.sentences_of([p.chunk.id for p in flying.passages])
    assert all("red" in sentence.text for sentences in said.values() for sentence, _ in sentences)
    assert flying.generation.store.document("a") is not None


def test_a_replaced_generation_is_closed_when_nobody_needs_it(
    tmp_path: Path, embedder: SentenceEmbedder, version: Callable[[str], None]
) -> None:
    version("red")
    retriever = Retriever(Home(tmp_path / "home"), embedder)
    close = retriever.generation().close
    version("blue")
    assert close.alive
    retriever.generation()
    assert not close.alive


def test_questions_during_an_ingest_are_answered_from_one_generation_each(
    tmp_path: Path, embedder: SentenceEmbedder, version: Callable[[str], None]
) -> None:
    version("red")
    retriever = Retriever(Home(tmp_path / "home"), embedder)
    vectors = embedder.embed(["What is a, and b, and c?"])
    answers: list[str] = []
    errors: list[Exception] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                found = retriever.retrieve(["What is a, and b, and c?"], vectors)
                answers.append(words(found))
            except Exception as error:  # noqa: BLE001
                errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for word in ("blue", "green"):
        version(word)
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert all(sum(word in answer for word in ("red", "blue", "green")) == 1 for answer in answers)
    assert "green" in words(retriever.retrieve(["What is a?"]))


def test_an_index_of_another_model_is_refused_by_name(
    tmp_path: Path, embedder: SentenceEmbedder, version: Callable[[str], None]
) -> None:
    version("red")
    file = Home(tmp_path / "home").current() / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_digest": "other"}))
    write_sums(file.parent)
    with pytest.raises(IndexMismatch, match=r"model digest \(other, now .*consultant ingest"):
        Retriever(Home(tmp_path / "home"), embedder).retrieve(["a"])
