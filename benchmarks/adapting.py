"""`python -m benchmarks.adapting`: teach all-MiniLM-L6-v2 by LoRA what projects state, write knowledge/adapter.

A clause of a labelled message shall lie where the signals that it states are told from the others (logistic loss, as
in knowledge/recogniser.py). Retrieval keeps the model as it comes, which knows more than this field. The lower layers
stay, so their states are computed once here, and both models share them. Every HELD_OUT-th message is left out, and
none of the suites in tests/data is ever seen: they are what the result is tested on.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from knowledge.embeddings import ADAPTER, ADAPTER_WEIGHTS, DEFAULT_MODEL, SentenceEmbedder
from knowledge.signals import SignalBook, read_signals
from knowledge.training import lessons

# Layers that stay as they are, LoRA's rank and scale, learning rates of the adapter and of the classifier.
LOW, RANK, ALPHA, RATE, CLASSIFIER_RATE = 3, 16, 32, 1e-3, 2e-2
EPOCHS, MESSAGES, EXAMPLES = 4, 12, 24
HELD_OUT = 10
_STEEP = 12.0  # vectors of unit length need steep logits


class Reader:
    """The model with its lower layers' states of some texts at hand; `embed` runs the upper ones."""

    def __init__(self, encoder: Any, texts: Sequence[str]) -> None:
        self.layers = encoder[0].auto_model.encoder.layer[LOW:]
        self.states: list[torch.Tensor] = [torch.empty(0)] * len(texts)
        self.offsets: list[Any] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for batch in tqdm([order[n : n + 64] for n in range(0, len(order), 64)], desc="Reading"):
            tokens = encoder.tokenizer(
                [texts[i] for i in batch],
                padding=True,
                truncation=True,
                max_length=encoder.max_seq_length,
                return_tensors="pt",
                return_offsets_mapping=True,
            )
            offsets = tokens.pop("offset_mapping").numpy()
            with torch.inference_mode():
                states = encoder[0].auto_model(**tokens, output_hidden_states=True).hidden_states[LOW]
            for i, state, offset, mask in zip(batch, states, offsets, tokens["attention_mask"], strict=True):
                length = int(mask.sum())
                self.states[i], self.offsets[i] = state[:length].clone(), offset[:length]

    def read(self, places: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """The vectors of the tokens, shape (texts, tokens, dimension), and which of them are no padding."""
        states = pad_sequence([self.states[i] for i in places], batch_first=True)
        lengths = torch.tensor([len(self.states[i]) for i in places])
        real = torch.arange(states.shape[1])[None] < lengths[:, None]
        hidden = torch.zeros(real.shape).masked_fill(~real, -1e9)[:, None, None, :]
        for layer in self.layers:
            out = layer(states, hidden)
            states = out[0] if isinstance(out, tuple) else out
        return states, real

    def embed(self, places: Sequence[int]) -> torch.Tensor:
        """The vectors of the texts, shape (texts, dimension)."""
        states, real = self.read(places)
        return functional.normalize((states * real[..., None]).sum(1), dim=1)


class Lessons:
    """All texts that are learnt from, and batches of them as losses."""

    def __init__(self, book: SignalBook, encoder: Any) -> None:
        known = lessons(book)
        self.messages = [m for n, m in enumerate(book.messages) if n % HELD_OUT]
        self.clauses = [message.clauses() for message in self.messages]
        examples = sum(len(signal.examples) for signal in book.signals.values())
        texts = [*known.texts[:examples]]
        labels = [known.labels[:examples]]
        self.examples = range(examples)
        self.message_at: list[int] = []
        self.clauses_at: list[range] = []
        for message, said in zip(self.messages, self.clauses, strict=True):
            self.message_at.append(len(texts))
            self.clauses_at.append(range(len(texts) + 1, len(texts) + 1 + len(said)))
            texts += [message.text, *(clause.text for clause in said)]
            labels += [np.zeros((1, len(known.signals)), dtype=bool), message.labels(known.signals)]
        signals = np.concatenate(labels)
        slots = [signals[:, np.array(known.slots) == slot].any(1) for slot in dict.fromkeys(known.slots)]
        self.labels = torch.from_numpy(np.hstack([signals, np.stack(slots, 1)])).float()
        self.reader = Reader(encoder, texts)

    def of_signals(self, messages: Sequence[int], examples: Sequence[int], classifier: torch.nn.Module) -> Any:
        """The logistic loss of the clauses of some messages, each read in its context, and of some examples."""
        within, _ = self.reader.read([self.message_at[n] for n in messages])
        places = [i for n in messages for i in self.clauses_at[n]]
        alone = iter(self.reader.embed(places))
        vectors = []
        for states, n in zip(within, messages, strict=True):
            offsets = self.reader.offsets[self.message_at[n]]
            for clause in self.clauses[n]:
                inside = (offsets[:, 0] >= clause.start) & (offsets[:, 1] <= clause.end)
                inside &= offsets[:, 1] > offsets[:, 0]
                vector = next(alone)
                if inside.any():
                    context = functional.normalize(states[: len(offsets)][torch.from_numpy(inside)].mean(0), dim=0)
                    vector = functional.normalize(vector + context, dim=0)
                vectors.append(vector)
        logits = _STEEP * classifier(torch.cat([torch.stack(vectors), self.reader.embed(examples)]))
        wanted = self.labels[[*places, *examples]]
        return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(1).mean()


def main() -> int:
    """Train, write the files; deterministic on one machine."""
    torch.manual_seed(0)
    rng = random.Random(0)
    encoder: Any = SentenceEmbedder(DEFAULT_MODEL)._encoder()
    data = Lessons(read_signals(), encoder)
    config = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=0.1,
        target_modules=["query", "key", "value", "dense"],
        layers_to_transform=list(range(LOW, len(encoder[0].auto_model.encoder.layer))),
        layers_pattern="layer",
    )
    model = get_peft_model(encoder[0].auto_model, config)
    often = data.labels.mean(0).clamp(1e-5)
    classifier = torch.nn.Linear(encoder.get_embedding_dimension(), data.labels.shape[1])
    torch.nn.init.zeros_(classifier.weight)
    classifier.bias.data = torch.logit(often) / _STEEP
    adapter = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [{"params": adapter, "lr": RATE}, {"params": classifier.parameters(), "lr": CLASSIFIER_RATE}]
    )
    steps = EPOCHS * math.ceil(len(data.messages) / MESSAGES)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [RATE, CLASSIFIER_RATE], total_steps=steps, pct_start=0.1
    )
    messages = _batches(len(data.messages), MESSAGES, rng)
    model.train()
    smooth = 0.0
    for step in (bar := tqdm(range(steps), desc="Learning")):
        loss = data.of_signals(next(messages), rng.sample(data.examples, EXAMPLES), classifier)
        smooth = 0.95 * smooth + 0.05 * loss.item() if step else loss.item()
        optimiser.zero_grad()
        loss.backward()
        clip_grad_norm_(adapter, 1.0)
        optimiser.step()
        schedule.step()
        bar.set_postfix(loss=f"{smooth:.3f}")
    _save(model, config, ADAPTER)
    return 0


def _batches(count: int, size: int, rng: random.Random) -> Iterator[list[int]]:
    """Places in a new random order each time round, without end."""
    left: list[int] = []
    while True:
        if len(left) < size:
            left = rng.sample(range(count), count)
        yield left[:size]
        left = left[size:]


def _save(model: Any, config: LoraConfig, folder: Path) -> None:
    """In PEFT's own form, in half precision."""
    folder.mkdir(exist_ok=True)
    config.base_model_name_or_path = f"sentence-transformers/{DEFAULT_MODEL}"
    config.inference_mode = True
    config.save_pretrained(str(folder))
    state = {name: value.half().contiguous() for name, value in get_peft_model_state_dict(model).items()}
    save_file(state, folder / ADAPTER_WEIGHTS)


if __name__ == "__main__":
    sys.exit(main())
