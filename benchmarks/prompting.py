"""What each technique of prompt engineering does for a small model: one prompt, its techniques switched on in turn.

SmolLM2 (135 million parameters) turns what the quoting writer found into connected sentences. Every sentence is
checked; measured is what it wrote, before the quoting answer takes the place of what does not hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from tqdm import tqdm

from bot import assemble
from bot.evaluation.case_files import read_cases
from bot.evaluation.scores import Embed, similarity
from bot.evaluation.statistics import Rate
from bot.model_files import model_path, pull
from bot.settings import read_settings
from bot.types import Answer, Verdict, Writing
from bot.writers.model import ModelWriter
from bot.writers.quoting import APPROACH_WORDS
from knowledge.sentences import plain
from ui.lab import MEASURED

DATA = Path(__file__).parent.parent / "tests" / "data"
PROJECTS, QUESTIONS = 40, 20
STEPS = ("delimiters", "role", "examples", "grounding", "format")
DEFAULT = "zero-shot + delimiters + role + examples"
_ADVISES = re.compile(r"\b(?:start with|choose|go for|recommend|you should|best to|better to)\b", re.I)
MODEL = "SmolLM2 (135 million parameters)"
FIRST_TEXT_BAR = 2.5
# A sentence that is less like what it cites (cosine) says something else.
ALIKE = 0.6


@dataclass(frozen=True)
class Asked:
    """One case under one variant: the final answer, and how the model wrote."""

    answer: Answer
    writing: Writing


def run() -> dict[str, Any]:
    """Print a row for each variant, each with one technique more than the one before."""
    settings = read_settings(model="local")
    if not model_path(settings.home, "smollm2").is_file():
        pull("smollm2", settings.home)
    consultant = assemble.consultant(settings)
    writer = consultant.writer
    assert isinstance(writer, ModelWriter), "a local model was set"
    rows = []
    cases = [case.ask for case in read_cases([DATA / "suites" / "verdicts.yaml"])]
    plain = [row["ask"] for row in yaml.safe_load((DATA / "questions.yaml").read_text(encoding="utf-8"))]
    asked = [*cases[:: len(cases) // PROJECTS][:PROJECTS], *plain[:: len(plain) // QUESTIONS][:QUESTIONS]]
    # The first call starts the server.
    consultant.ask(asked[0])
    print(
        f"{'variant':<46}{'supported':>24}{'right number':>14}{'another advice':>16}{'kept':>20}{'tokens':>8}{'s':>6}"
    )
    for count in range(len(STEPS) + 1):
        name = " + ".join(["zero-shot", *STEPS[:count]])
        writer.family = f"brief@{'+'.join(STEPS[:count])}"
        got = []
        for question in tqdm(asked, desc=name, leave=False):
            answer = consultant.ask(question)
            if answer.writing:
                got.append(Asked(answer, answer.writing))
        rows.append(_row(name, got, consultant.retriever.embedder.embed))
    keep(rows, len(asked), datetime.now(UTC).date().isoformat())
    first = [row["first_text_seconds"] for row in rows]
    default = next(row for row in rows if row["variant"] == DEFAULT)
    return {
        "cases": len(asked),
        "rows": rows,
        "bars": {
            "shown sentences supported at least 98 %": default["shown_supported"] >= 0.98,
            "answers keep the verdict": default["verdict_kept"] == 1.0,
            f"first text within {FIRST_TEXT_BAR} s at the median": median(first) <= FIRST_TEXT_BAR,
        },
    }


def keep(rows: list[dict[str, Any]], cases: int, date: str) -> None:
    """Write what was measured to where the page's prompt lab reads it."""
    found = {"model": MODEL, "cases": cases, "date": date, "rows": rows}
    MEASURED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _row(name: str, got: list[Asked], embed: Embed) -> dict[str, Any]:
    sentences = [sentence for one in got for sentence in one.writing.checked]
    held = [s for s in sentences if s.supported_by]
    supported = Rate("supported", len(held), len(sentences))
    right = Rate("right number", sum(s.supported_by in s.named for s in held), len(held))
    advised = [one for one in got if one.answer.verdict and one.answer.verdict.parts]
    told = [(one.answer.verdict, [s.text for s in one.writing.checked]) for one in advised]
    other = Rate("another advice", sum(v is not None and _advises_otherwise(v, t) for v, t in told), len(advised))
    kept = Rate("kept", sum(one.writing.kept for one in got), len(got))
    tokens = median(one.writing.tokens_out or 0 for one in got)
    seconds = median(one.writing.seconds for one in got)
    shown = "".join(_rate(rate, width) for rate, width in ((supported, 24), (right, 14), (other, 16), (kept, 20)))
    print(f"{name:<46}{shown}{tokens:>8.0f}{seconds:>6.1f}", flush=True)
    return {
        "variant": name,
        "sentences": len(sentences),
        **{
            rate.name.replace(" ", "_"): {
                "rate": round(rate.value, 4),
                "interval": [round(x, 4) for x in rate.interval],
            }
            for rate in (supported, right, other, kept)
        },
        "tokens_out": tokens,
        "seconds": round(seconds, 2),
        "first_text_seconds": round(median(one.writing.first_text_seconds or 0 for one in got), 2),
        "reworded_and_shown": sum(len(_reworded(one.answer)) for one in got),
        "shown_supported": round(_shown_supported([one.answer for one in got], embed), 4),
        "verdict_kept": round(sum(_keeps(one) for one in advised) / max(1, len(advised)), 4),
    }


def _rate(rate: Rate, width: int) -> str:
    low, high = rate.interval
    return (
        f"{rate.value:.0%} ({low:.0%} to {high:.0%})".rjust(width) if width > 16 else f"{rate.value:.0%}".rjust(width)
    )


def _advises_otherwise(verdict: Verdict, texts: Iterable[str]) -> bool:
    """Whether a text advises an approach that is no part of the verdict."""
    others = [words for name, words in APPROACH_WORDS.items() if name not in verdict.parts]
    advice = [text for text in texts if _ADVISES.search(text)]
    return any(words.search(text) for text in advice for words in others)


def _reworded(answer: Answer) -> list[tuple[str, str]]:
    """(as it is shown, what it cites) of each shown sentence that is not a quote."""
    cited = {citation.n: plain(citation.quote) for citation in answer.citations}
    return [
        (statement.text, cited[statement.citation])
        for statement in answer.statements
        if statement.citation and statement.text != cited[statement.citation]
    ]


def _shown_supported(answers: Sequence[Answer], embed: Embed) -> float:
    """The share of the sentences that cite something, as they are shown, that are quotes or mean what they cite.

    By the cosine of their embeddings, which takes no part in the check that let them through.
    """
    shown = sum(statement.citation is not None for answer in answers for statement in answer.statements)
    strayed = sum(similarity(text, quote, embed) < ALIKE for answer in answers for text, quote in _reworded(answer))
    return 1 - strayed / max(1, shown)


def _keeps(one: Asked) -> bool:
    """Whether the answer opens with the verdict and no sentence that the model wrote advises against it."""
    answer, verdict = one.answer, one.answer.verdict
    assert verdict is not None, "only advice is asked about"
    opens = answer.statements[0].block == "lead" and answer.statements[0].citation is None
    return opens and not _advises_otherwise(verdict, [text for text, _ in _reworded(answer)])
