"""Support of a sentence by its passage: AUROC on BEGIN beside the share of tokens, and what swaps are caught.

BEGIN (Dziri et al., 2022; development parts, Wizard of Wikipedia's under CC BY 4.0) labels responses as fully
attributable to a passage or not. The perturbations turn a supported sentence round: another number, a "not" added or
left out, the names of two techniques exchanged. False alarms are counted on the sentences before they were touched.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bot.evaluation import begin
from bot.evaluation.begin import Labelled
from bot.support import support
from knowledge.chunks import chunk_sentences, chunks
from knowledge.documents import read_document
from knowledge.ingest import CORPUS
from knowledge.sentences import plain, without_markers

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "begin"
CAUGHT_BAR, FALSE_ALARM_BAR = 0.95, 0.03
_NAMES = re.compile(
    r"\b(full fine-tuning|retrieval-augmented generation|fine-tuning|retrieval|prompting|QLoRA|LoRA|RAG|distillation"
    r"|DPO|few-shot)\b",
    re.I,
)

Pair = tuple[str, str]


def run() -> dict[str, Any]:
    """Print both tables; the bars are on what is caught and on false alarms."""
    own = _corpus()
    figures: dict[str, Any] = {"perturbations": [], "bars": {}}
    print(f"{'sentences of':<10}{'perturbation':<16}{'caught':>8}{'of':>6}{'':>8}")
    if DATA.is_dir():
        rows = begin.read(DATA)
        figures |= _separation(rows)
        attributable = [(row.said, row.passage) for row in rows if row.attributable]
        figures["perturbations"] += _caught("BEGIN", attributable)
        alarms = sum(bool(support(*pair).faults) for pair in attributable) / len(attributable)
        print(f"false alarms on {len(attributable)} untouched sentences of BEGIN: {alarms:.1%}")
        figures["false_alarms"] = round(alarms, 4)
        figures["bars"][f"false alarms at most {FALSE_ALARM_BAR:.0%}"] = alarms <= FALSE_ALARM_BAR
        ours, tokens = figures["auroc"][begin.OURS], figures["auroc"][begin.BASELINE]
        figures["bars"]["AUROC on BEGIN above the token share's"] = ours > tokens
    else:
        print("skipped BEGIN: the data is not at ../shared/data/begin")
    figures["perturbations"] += _caught("corpus", own)
    for row in figures["perturbations"]:
        if row["of"] >= 20:
            bar = f"{row['perturbation']} caught in {row['sentences']}, at least {CAUGHT_BAR:.0%}"
            figures["bars"][bar] = row["caught"] >= CAUGHT_BAR * row["of"]
    return figures


def _separation(rows: Sequence[Labelled]) -> dict[str, Any]:
    found = {name: {one.name: one.value for one in figures} for name, figures in begin.evaluate(rows).items()}
    auroc = {name: by["AUROC"] for name, by in found.items()}
    balanced = {name: round((by["let through"] + by["turned down"]) / 2, 4) for name, by in found.items()}
    for name in auroc:
        print(f"BEGIN, {len(rows)} responses: {name:<12} AUROC {auroc[name]:.3f}, balanced {balanced[name]:.3f}")
    return {"auroc": auroc, "balanced_accuracy": balanced}


def _corpus() -> list[Pair]:
    """Sentences of our own documents with their sections."""
    found = []
    for path in sorted(CORPUS.rglob("*.md")):
        for chunk in chunks(read_document(path)):
            passage = plain(without_markers(chunk.text))
            found += [(plain(s.text), passage) for s in chunk_sentences(chunk) if len(s.text.split()) >= 6]
    return random.Random(0).sample(found, min(2500, len(found)))


def _caught(name: str, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    chance = random.Random(0)
    kinds: dict[str, Callable[[str, random.Random], str | None]] = {
        "number": _other_number,
        "not added": _with_not,
        "not left out": _without_not,
        "names": _exchanged,
    }
    held = [pair for pair in pairs if support(*pair).holds]
    rows = []
    for kind, turn in kinds.items():
        turned = [(t, passage) for said, passage in held if (t := turn(said, chance))]
        caught = sum(not support(t, passage).holds for t, passage in turned)
        rows.append({"sentences": name, "perturbation": kind, "caught": caught, "of": len(turned)})
        if turned:
            print(f"{name:<13}{kind:<16}{caught:>5}{len(turned):>6}{caught / len(turned):>8.1%}", flush=True)
    return rows


def _other_number(text: str, chance: random.Random) -> str | None:
    numbers = list(re.finditer(r"\d+", text))
    if not numbers:
        return None
    one = chance.choice(numbers)
    return f"{text[: one.start()]}{int(one.group()) + chance.choice((1, 2, 7, 10))}{text[one.end() :]}"


def _with_not(text: str, _: random.Random) -> str | None:
    verb = re.search(r"\b(is|are|was|were|can|has|have|had|will|should|does|did)\b", text)
    if not verb or re.search(r"\b(not|no|never|nobody|nothing|cannot)\b|n['’]t", text):
        return None
    return f"{text[: verb.end()]} not{text[verb.end() :]}"


def _without_not(text: str, _: random.Random) -> str | None:
    return text.replace(" not ", " ", 1) if " not " in text else None


def _exchanged(text: str, _: random.Random) -> str | None:
    names = list(dict.fromkeys(match.group().lower() for match in _NAMES.finditer(text)))[:2]
    if len(names) < 2:
        return None
    swap = {names[0]: names[1], names[1]: names[0]}
    return _NAMES.sub(lambda match: swap.get(match.group().lower(), match.group()), text)
