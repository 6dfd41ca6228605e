"""`python -m benchmarks.fitting`: fit the balance of the verdict, write knowledge/fitted.json and recogniser.npz.

The effects written in signals.yaml are an expert's; here they are scaled and moved (L2 towards the written ones) so
that the softmax of the outcomes fits what experts advised. The facts of each message are recognised by a model that
was not trained on it. The suites in HELD_OUT take no part; they are what the result is tested on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import GroupKFold

from bot import assemble
from bot.brief import added, stated
from bot.evaluation.case_files import read_cases
from bot.queries import read_queries
from bot.settings import read_settings
from bot.types import ProjectBrief
from knowledge.embeddings import SentenceEmbedder, Vectors
from knowledge.recogniser import Recogniser, Trained, train
from knowledge.signals import APPROACHES, FITTED, OUTCOMES, SignalBook, read_signals
from knowledge.training import Lessons, lessons, read, ship

SUITES = Path(__file__).parent.parent / "tests" / "data" / "suites"
# L2 of what the effects are moved by; chosen by the cross-validation below.
MOVED = 1.0
FOLDS = 5
# Never fitted on: other words for the consulting cases, and messages by writers who had seen nothing.
HELD_OUT = frozenset({"paraphrases", "blind", "blind-pairs"})


@dataclass(frozen=True)
class Sample:
    """What was recognised in a message as weights of signals, the outcomes accepted for it, what it belongs to."""

    weights: dict[str, float]
    accepted: tuple[str, ...]
    group: str
    suite: str


def main() -> int:
    """Print the cross-validation, fit on all, write the file."""
    book = read_signals()
    embedder = assemble.embedder(read_settings())
    known, vectors = lessons(book), read(book, embedder.for_signals)
    made = train(known.signals, known.slots, known.ranges, known.texts, vectors, known.labels)
    samples = [*_messages(book, known, vectors), *_suites(book, made, embedder)]
    # A contradiction is asked about whatever the sums say; its facts teach nothing about their effects.
    fitted_on = [s for s in samples if s.suite not in HELD_OUT and not _contradicts_itself(s, book)]
    right: dict[str, list[bool]] = {}
    groups = [s.group for s in fitted_on]
    for others, held_out in GroupKFold(8).split(fitted_on, groups=groups):
        model = Model(book).fit([fitted_on[i] for i in others])
        for i in held_out:
            right.setdefault(fitted_on[i].suite, []).append(model.outcome(fitted_on[i]) in fitted_on[i].accepted)
    model = Model(book).fit(fitted_on)
    for sample in samples:
        if sample.suite in HELD_OUT:
            right.setdefault(f"{sample.suite} (not fitted on)", []).append(model.outcome(sample) in sample.accepted)
    for suite, passed in right.items():
        print(f"{suite:<30} {sum(passed):>4} of {len(passed):<4} {np.mean(passed):.1%}")
    ship(made, known, embedder)
    FITTED.write_text(json.dumps(model.as_json(), indent=1) + "\n", encoding="utf-8")
    return 0


class Model:
    """The verdict's sums with everything that is fitted; `bot/verdict.py` does the same sums one brief at a time."""

    def __init__(self, book: SignalBook) -> None:
        self.place = {signal: i for i, signal in enumerate(book.signals)}
        self.written = torch.tensor(
            [[s.effects.get(o, 0.0) for o in OUTCOMES] for s in book.signals.values()], dtype=torch.float32
        )
        self.moved = torch.zeros_like(self.written)
        self.scale, self.both = torch.tensor(1.0), torch.tensor(0.5)
        self.constants = torch.zeros(len(OUTCOMES))

    def fit(self, samples: Sequence[Sample]) -> Model:
        """Maximise the likelihood of the accepted outcomes; deterministic."""
        given = self._features(samples)
        wanted = torch.tensor([[(o in s.accepted) / len(s.accepted) for o in OUTCOMES] for s in samples])
        fitted = [self.moved, self.scale, self.both, self.constants]
        for tensor in fitted:
            tensor.requires_grad_(True)
        optimiser = torch.optim.LBFGS(fitted, max_iter=100, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimiser.zero_grad()
            likelihood = (torch.log_softmax(self._odds(given), 1) * wanted).sum()
            value = MOVED / 2 * (self.moved**2).sum() - likelihood
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimiser.step(loss)  # type: ignore[no-untyped-call]
        for tensor in fitted:
            tensor.requires_grad_(False)
        return self

    @property
    def effects(self) -> torch.Tensor:
        """The written effects, scaled and moved, shape (signals, outcomes)."""
        return self.scale * self.written + self.moved

    def _features(self, samples: Sequence[Sample]) -> torch.Tensor:
        given = torch.zeros(len(samples), len(self.place))
        for row, sample in zip(given, samples, strict=True):
            for signal, weight in sample.weights.items():
                row[self.place[signal]] = weight
        return given

    def _odds(self, given: torch.Tensor) -> torch.Tensor:
        totals = given @ self.effects
        best = torch.topk(totals[:, : len(APPROACHES)], 2, dim=1).values.sum(1, keepdim=True)
        hybrid = torch.tensor([float(o == "hybrid") for o in OUTCOMES])
        return totals + self.constants + self.both * best * hybrid

    def outcome(self, sample: Sample) -> str:
        """The most probable outcome."""
        return OUTCOMES[int(self._odds(self._features([sample]))[0].argmax())]

    def as_json(self) -> dict[str, Any]:
        """What `knowledge/signals.py` reads."""
        return {
            "both": round(self.both.item(), 4),
            "constants": {o: round(c, 4) for o, c in zip(OUTCOMES, self.constants.tolist(), strict=True)},
            "effects": {
                signal: {o: round(e, 2) for o, e in zip(OUTCOMES, row, strict=True) if abs(e) >= 0.005}
                for signal, row in zip(self.place, self.effects.tolist(), strict=True)
            },
        }


def _contradicts_itself(sample: Sample, book: SignalBook) -> bool:
    probable = {signal for signal, weight in sample.weights.items() if weight**2 >= 0.5}
    return any(probable & set(book.signals[signal].contradicts) for signal in probable)


def _messages(book: SignalBook, known: Lessons, vectors: Vectors) -> list[Sample]:
    """The labelled messages, each read by a recogniser that was trained on the others."""
    examples = sum(len(s.examples) for s in book.signals.values())
    counts = [len(m.clauses()) for m in book.messages]
    owner = np.concatenate([np.full(examples, -1), np.repeat(np.arange(len(counts)), counts)])
    samples = []
    for fold in range(FOLDS):
        kept = (owner % FOLDS != fold) | (owner < 0)
        texts = [text for text, keep in zip(known.texts, kept, strict=True) if keep]
        recogniser = Recogniser(
            train(known.signals, known.slots, known.ranges, texts, vectors[kept], known.labels[kept])
        )
        for n in range(fold, len(book.messages), FOLDS):
            message = book.messages[n]
            if message.approach not in OUTCOMES:
                continue
            weights = _weights(message.text, vectors[owner == n], book, recogniser)
            samples.append(Sample(weights, (message.approach,), f"m{n}", "labelled messages"))
    return samples


def _suites(book: SignalBook, made: Trained, embedder: SentenceEmbedder) -> list[Sample]:
    recogniser = Recogniser(made)
    samples = []
    for path in sorted(SUITES.glob("*.yaml")):
        for case in read_cases([path]):
            accepted = case.expect.get("approach") or (["ask-first"] if case.expect.get("asks") else [])
            queries = read_queries(case.ask)
            spans = tuple((c.start, c.end) for c in queries.clauses)
            vectors = embedder.for_signals.embed_with_parts(queries.message, spans)[1:]
            weights = _weights(case.ask, vectors, book, recogniser)
            if accepted:
                samples.append(Sample(weights, tuple(accepted), case.pair or case.id, path.stem))
    return samples


def _weights(text: str, vectors: Vectors, book: SignalBook, recogniser: Recogniser) -> dict[str, float]:
    brief = added(ProjectBrief(), stated(read_queries(text), vectors, book, recogniser, latest=True), book)
    return {fact.signal: fact.probability**0.5 for fact in brief.facts}


if __name__ == "__main__":
    sys.exit(main())
