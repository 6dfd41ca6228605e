"""Cases → results: each case is asked on its own; one that fails is an error row, never the end of the run.

Answers are kept by what made them (the case, the index, the prompts, the model, the code), so that a run that was
interrupted goes on where it stopped, and one that is repeated asks only what changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bot.consultant import Consultant
from bot.errors import ConsultantError
from bot.evaluation.cases import Case
from bot.evaluation.reply import Reply, from_json, reply_of, to_json
from bot.evaluation.scores import Embed, Score, measure, score
from knowledge.errors import KnowledgeError

log = logging.getLogger(__name__)
ROOMS = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Result:
    """What came of one case: the reply with its scores and measures, or the error that took its place."""

    case: Case
    reply: Reply | None
    scores: tuple[Score, ...] = ()
    measures: dict[str, float] = field(default_factory=dict)
    error: str = ""
    cached: bool = False

    @property
    def passed(self) -> bool:
        """Whether every check passed, or as much of them as the case's threshold asks for."""
        if self.error:
            return False
        if self.case.threshold is None:
            return all(s.passed for s in self.scores)
        total = sum(s.weight for s in self.scores)
        return not total or sum(s.weight for s in self.scores if s.passed) / total >= self.case.threshold


class Cache:
    """Replies by the digest of all that made them, a file each."""

    def __init__(self, folder: Path, made_by: str) -> None:
        self.folder = folder
        self._made_by = made_by

    def key(self, case: Case, repetition: int) -> str:
        """The digest for a case."""
        asked = [self._made_by, case.ask, [asdict(turn) for turn in case.history], repetition]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def get(self, key: str) -> Reply | None:
        """What is kept; None when nothing is, or when it cannot be read."""
        try:
            return from_json(json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".{key}.part"
        draft.write_text(json.dumps(to_json(reply)), encoding="utf-8")
        draft.replace(self.folder / f"{key}.json")


def made_by(consultant: Consultant, settings: str) -> str:
    """A digest of what makes answers: documents, signals, embedding model, code and prompts, and `settings`."""
    generation = consultant.retriever.generation()
    known = [asdict(row) for row in generation.store.known().values()]
    manifest = generation.manifest
    parts = [known, manifest.model_digest, manifest.chunker, manifest.signals, settings, code_digest()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def code_digest() -> str:
    """A digest of the program itself: another version may answer otherwise."""
    digest = hashlib.sha256()
    for room in ("bot", "knowledge"):
        for path in sorted((ROOMS / room).rglob("*")):
            if path.suffix in (".py", ".md", ".yaml", ".npz", ".json") and "corpus" not in path.parts:
                digest.update(f"{path.relative_to(ROOMS)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def run(
    cases: Sequence[Case],
    consultant: Consultant,
    *,
    cache: Cache | None = None,
    jobs: int = 1,
    repeat: int = 1,
) -> Iterator[Result]:
    """Ask the cases, `jobs` at a time, each `repeat` times; the results come in the cases' order."""
    embed: Embed = consultant.retriever.embedder.embed
    asked = [(_again(case, n), n) for case in cases for n in range(repeat)]

    def one(job: tuple[Case, int]) -> Result:
        return _asked(*job, consultant, cache, embed)

    if jobs == 1:
        yield from map(one, asked)
        return
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(one, asked)


def _again(case: Case, repetition: int) -> Case:
    """A repetition is a case of its own."""
    return replace(case, id=f"{case.id} ({repetition + 1})", again=case.id) if repetition else case


def rescored(case: Case, reply: Reply | None, embed: Embed, *, error: str = "", cached: bool = False) -> Result:
    """A result from a reply that is known already."""
    if reply is None:
        return Result(case, None, error=error)
    return Result(
        case, reply, score(case.expect, reply, embed, case.weights), measure(case.expect, reply, embed), cached=cached
    )


def _asked(case: Case, repetition: int, consultant: Consultant, cache: Cache | None, embed: Embed) -> Result:
    key = cache.key(case, repetition) if cache else ""
    if cache and (kept := cache.get(key)):
        return rescored(case, kept, embed, cached=True)
    started = time.perf_counter()
    try:
        answer = consultant.ask(case.ask, case.history)
    except (ConsultantError, KnowledgeError) as error:
        return rescored(case, None, embed, error=str(error))
    # One case that breaks must not end a run of thousands; the row says what it was, the log where.
    except Exception as error:
        log.warning("the case %s broke", case.id, exc_info=error)
        return rescored(case, None, embed, error=f"{type(error).__name__}: {error}")
    reply = reply_of(answer, time.perf_counter() - started)
    # What a fault of a model wrote is no answer to keep.
    if cache and not (answer.writing and answer.writing.fault):
        cache.put(key, reply)
    return rescored(case, reply, embed)
