"""Each prompt version's scores, kept in the data directory by `consultant eval --record` for the page to show.

A key is the prompt, its version and the model; the newest run of a key takes the place of the one before.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bot.errors import ConsultantError
from bot.evaluation.cases import Case
from bot.evaluation.figures import rates
from bot.evaluation.reply import Reply
from bot.evaluation.run import Result
from bot.evaluation.statistics import Rate

FILE = "prompt-scores.json"
SCHEMA = 1


class BadScores(ConsultantError):
    """Raised when the kept scores cannot be read; nothing is written over them."""


@dataclass(frozen=True)
class Recorded:
    """What a run found for one prompt version and model: its rates, each with its interval, on which day, over how
    many cases. `suite` is a digest of the cases: scores compare where it is the same."""

    prompt: str
    version: str
    model: str
    on: str
    cases: int
    suite: str
    files: tuple[str, ...]
    rates: tuple[Rate, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What a newer run replaces it by."""
        return self.prompt, self.version, self.model


def record(home: Path, results: Sequence[Result], *, files: Sequence[str] = ()) -> list[Recorded]:
    """Keep a run's scores beside those of other prompts and return them; raises BadScores."""
    kept = {one.key: one for one in read_scores(home)}
    found = _by_prompt(results, tuple(files))
    kept |= {one.key: one for one in found}
    rows = [_to_json(one) for one in sorted(kept.values(), key=lambda one: one.key)]
    home.mkdir(parents=True, exist_ok=True)
    draft = home / f"{FILE}.new"
    draft.write_text(json.dumps({"schema": SCHEMA, "scores": rows}, indent=1) + "\n", encoding="utf-8")
    draft.replace(home / FILE)
    return found


def read_scores(home: Path) -> list[Recorded]:
    """All that is kept; nothing when no run was recorded yet. Raises BadScores."""
    path = home / FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["schema"] == SCHEMA:
            return [_from_json(row) for row in kept["scores"]]
        why = f"schema {kept['schema']}"
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = type(error).__name__
    raise BadScores(
        f"{path} holds no scores that this version reads ({why}). Move it away, then run: "
        "consultant eval --suite all --record"
    )


def scores_of(home: Path, prompt: str, version: str) -> list[Recorded]:
    """The scores of one prompt version, a row a model, the newest first; raises BadScores."""
    found = [one for one in read_scores(home) if (one.prompt, one.version) == (prompt, version)]
    return sorted(found, key=lambda one: one.on, reverse=True)


def suite_digest(cases: Sequence[Case]) -> str:
    """A digest of what was asked and expected, in whatever order."""
    asked = sorted(
        json.dumps([c.id, c.ask, [asdict(turn) for turn in c.history], dict(c.expect)], sort_keys=True) for c in cases
    )
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()[:12]


def _by_prompt(results: Sequence[Result], files: tuple[str, ...]) -> list[Recorded]:
    """A row for each prompt and model that was asked: an answer that fell back on quotes is its prompt's too, or the
    prompt would be scored by its successes alone."""
    groups: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        if result.reply:
            groups[_asked(result.reply)].append(result)
    today = date.today().isoformat()
    return [
        Recorded(
            *_split(prompt), model, today, len(own), suite_digest([r.case for r in own]), files, tuple(rates(own))
        )
        for (prompt, model), own in groups.items()
    ]


def _asked(reply: Reply) -> tuple[str, str]:
    return (reply.model_prompt, reply.model_asked) if reply.model_prompt else (reply.prompt, reply.model)


def _split(prompt: str) -> tuple[str, str]:
    name, _, version = prompt.rpartition(" ")
    return name, version


def _to_json(one: Recorded) -> dict[str, Any]:
    found = [
        {"name": r.name, "passed": r.passed, "of": r.of, "value": round(r.value, 4), "interval": r.interval}
        for r in one.rates
    ]
    return {**asdict(one), "files": list(one.files), "rates": found}


def _from_json(row: dict[str, Any]) -> Recorded:
    told = tuple(Rate(str(r["name"]), int(r["passed"]), int(r["of"])) for r in row["rates"])
    names = ("prompt", "version", "model", "on", "suite")
    words = {name: str(row[name]) for name in names}
    return Recorded(**words, cases=int(row["cases"]), files=tuple(map(str, row["files"])), rates=told)
