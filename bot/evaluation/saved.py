"""Results as JSON, and back: to compare with, and to score again. All but `timing` is the same when a run repeats."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.errors import ConsultantError
from bot.evaluation.cases import Case, case_of
from bot.evaluation.figures import Saved, by_tag, changes, flipped, means, rates, reliability
from bot.evaluation.reply import Reply, from_json, to_json
from bot.evaluation.run import Result

SCHEMA = 1


class BadResults(ConsultantError):
    """Raised when saved results cannot be read."""


def as_json(
    results: Sequence[Result], config: Mapping[str, Any] | None = None, baseline: Sequence[Saved] | None = None
) -> dict[str, Any]:
    """The report for a script. All but `timing` is the same when a run is repeated."""
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "config": dict(config or {}),
        "passed": sum(r.passed for r in results),
        "of": len(results),
        "rates": [
            {"name": r.name, "passed": r.passed, "of": r.of, "value": round(r.value, 4), "interval": r.interval}
            for r in rates(results)
        ],
        "means": [asdict(found) for found in means(results)],
        "tags": [{"name": r.name, "passed": r.passed, "of": r.of} for r in by_tag(results)],
        "reliability": [
            {"confidence": name, "cases": n, "mean": round(mean, 3), "right": round(right, 3)}
            for name, n, mean, right in reliability(results)
        ],
        "cases": [_case_json(r) for r in results],
        "timing": {"seconds": [round(r.reply.seconds, 4) if r.reply else None for r in results]},
    }
    if baseline is not None:
        found["changes"] = [{**asdict(c), "told": c.told} for c in changes(results, baseline)]
        found["flipped"] = [
            {"id": r.case.id, "passes": r.passed, "before": text_of(b.reply), "now": text_of(r.reply)}
            for r, b in flipped(results, baseline)
        ]
    return found


def _case_json(result: Result) -> dict[str, Any]:
    reply = result.reply
    return {
        "id": result.case.id,
        "ask": result.case.ask,
        "history": [asdict(turn) for turn in result.case.history],
        "expect": dict(result.case.expect),
        "tags": list(result.case.tags),
        "pair": result.case.pair,
        "passed": result.passed,
        "error": result.error,
        "scores": [asdict(s) for s in result.scores],
        "measures": result.measures,
        "approach": reply.approach if reply else None,
        "confidence": reply.confidence if reply else None,
        # What differs from run to run is under `timing`.
        "reply": {**to_json(reply), "seconds": 0.0} if reply else None,
    }


def text_of(reply: Reply | None) -> str:
    """The reply's text; nothing without one."""
    return reply.text if reply else ""


def read_saved(path: Path) -> list[Saved]:
    """The cases of a run that was written with the format json; raises BadResults."""
    return [saved for saved, _ in _read(path)]


def read_replies(path: Path) -> list[tuple[Case, Saved]]:
    """The same with their cases, to be scored again."""
    found = []
    for saved, row in _read(path):
        kept = {k: row[k] for k in ("id", "ask", "history", "expect", "tags", "pair")}
        found.append((case_of(kept, f"{path}, case {saved.id}"), saved))
    return found


def _read(path: Path) -> list[tuple[Saved, dict[str, Any]]]:
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        if saved.get("schema") != SCHEMA:
            raise BadResults(f"{path} has schema {saved.get('schema')}, this version reads {SCHEMA}. Run it again.")
        seconds = saved["timing"]["seconds"]
        found = []
        for row, took in zip(saved["cases"], seconds, strict=True):
            reply = from_json({**row["reply"], "seconds": took}) if row["reply"] else None
            found.append((Saved(row["id"], row["passed"], row["error"], row["measures"], reply), row))
        return found
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadResults(
            f"{path} holds no results ({type(error).__name__}). Write them with: consultant eval … --out DIR"
        ) from error
