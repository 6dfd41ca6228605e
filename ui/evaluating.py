"""`consultant eval`: cases → results → reports → exit code."""

from __future__ import annotations

import fnmatch
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bot import assemble
from bot.consultant import Consultant
from bot.errors import BadSetting
from bot.evaluation import report, saved
from bot.evaluation.case_files import read_cases
from bot.evaluation.cases import BadCases, Case
from bot.evaluation.figures import Saved, figures
from bot.evaluation.judge import RUBRIC, Judge
from bot.evaluation.recorded import read_scores, record
from bot.evaluation.run import Cache, Result, made_by, rescored, run
from bot.models import chat_model, parse
from bot.settings import Settings
from knowledge.overview import write_cited

FAILED = 100
SUITES = Path(__file__).parent.parent / "tests" / "data" / "suites"
CACHE = "eval-cache"


@dataclass(frozen=True)
class Wanted:
    """What was asked for at the command line; the names are the options'."""

    files: tuple[Path, ...]
    prompts: tuple[str, ...]
    as_json: bool
    record: bool
    suites: tuple[str, ...]
    tags: tuple[str, ...]
    pattern: str | None
    limit: int | None
    repeat: int
    jobs: int
    cache: bool
    resume: bool
    rescore: Path | None
    baseline: Path | None
    gates: tuple[str, ...]
    judge: str | None
    rubric: str | None
    out: Path | None
    formats: str


def evaluate(wanted: Wanted, settings: Settings) -> int:
    """Run, print and write what is wanted; the exit code. Raises BadCases, BadSetting or BadResults before anything
    is asked."""
    formats, gates = _formats(wanted), [_gate(words) for words in wanted.gates]
    baseline = saved.read_saved(wanted.baseline) if wanted.baseline else None
    if wanted.resume and not wanted.cache:
        raise BadSetting("A run is resumed from the answers that were kept. Leave out --no-cache.")
    if wanted.rescore:
        rows = saved.read_replies(wanted.rescore)
        embed = assemble.embedder(settings).embed
        kept = {case.id for case in _chosen([case for case, _ in rows], wanted)}
        results = [rescored(case, row.reply, embed, error=row.error) for case, row in rows if case.id in kept]
        return _report(wanted, results, {"rescored": wanted.rescore.name}, baseline, formats, gates, wanted.out)
    if wanted.record:
        # Scores that cannot be read would stop the run at its end.
        read_scores(settings.home)
    cases = _chosen(read_cases(_files(wanted)), wanted)
    if not cases:
        raise BadCases("No case is left to ask. Name FILES or a --suite, and look at --tag, --filter and --limit.")
    code = 0
    for prompt in wanted.prompts or (settings.prompt,):
        if len(wanted.prompts) > 1:
            click.echo(f"\nWith the prompt {prompt}:", err=True)
        with_prompt = settings.model_copy(update={"prompt": prompt})
        results, config = _run(wanted, cases, with_prompt)
        folder = wanted.out / prompt.replace("@", "-") if wanted.out and len(wanted.prompts) > 1 else wanted.out
        code = max(code, _report(wanted, results, config, baseline, formats, gates, folder))
        if len(wanted.prompts) > 1 and baseline is None:
            # What comes after is compared with the first.
            baseline = [Saved(r.case.id, r.passed, r.error, r.measures, r.reply) for r in results]
    return code


def _run(wanted: Wanted, cases: Sequence[Case], settings: Settings) -> tuple[list[Result], dict[str, Any]]:
    consultant = assemble.consultant(settings)
    cache = Cache(settings.home / CACHE, digest(consultant, settings)) if wanted.cache else None
    asked = run(cases, consultant, cache=cache, jobs=wanted.jobs, repeat=wanted.repeat)
    results = list(_progress(asked, total=len(cases) * wanted.repeat))
    if wanted.resume:
        known = sum(result.cached for result in results)
        click.echo(f"{known} of {len(results)} answers were known already.", err=True)
    if wanted.judge:
        name = parse(wanted.judge, settings.home)
        model = chat_model(name, api_key=settings.api_key.get_secret_value())
        judge = Judge(model, wanted.rubric or RUBRIC, timeout=settings.model_timeout)
        results = [judge(result) for result in results]
    if wanted.record:
        _record(results, settings.home, [path.name for path in _files(wanted)])
    config = described(settings, [path.name for path in _files(wanted)])
    config["answers made by"] = digest(consultant, settings)[:12]
    return results, config


def digest(consultant: Consultant, settings: Settings) -> str:
    """What answers are kept by: all that makes them."""
    return made_by(consultant, json.dumps([settings.model, settings.prompt, settings.retriever, settings.rewrite]))


def described(settings: Settings, names: Sequence[str]) -> dict[str, Any]:
    """What a report says of how it came about."""
    return {
        "cases": ", ".join(names),
        "model": settings.model,
        "prompt": settings.prompt,
        "retriever": settings.retriever,
    }


def _record(results: Sequence[Result], home: Path, files: Sequence[str]) -> None:
    """Keep what the page shows of a run: how often each section was cited, and each prompt version's scores."""
    sections = [quote.place.section for r in results if r.reply for quote in r.reply.quotes]
    write_cited(home, sections, questions=len(results))
    for one in record(home, results, files=files):
        click.echo(f"Recorded {one.cases} cases for {one.prompt} {one.version} by {one.model}.", err=True)


def _report(
    wanted: Wanted,
    results: Sequence[Result],
    config: dict[str, Any],
    baseline: Sequence[Saved] | None,
    formats: Sequence[str],
    gates: Sequence[tuple[str, float]],
    folder: Path | None,
) -> int:
    if wanted.as_json:
        click.echo(json.dumps(saved.as_json(results, config, baseline), ensure_ascii=False, indent=1))
    else:
        click.echo(report.as_text(results, baseline))
    if folder:
        for path in report.write(folder, formats, results, config, baseline):
            click.echo(f"Wrote {path}", err=True)
    found = figures(results)
    missed = []
    for name, least in gates:
        if name not in found:
            raise BadSetting(f"There is no figure {name!r} to gate by. There are: {', '.join(found)}")
        if found[name] < least:
            missed.append(f"{name} is {found[name]:.4f}, below {least}")
    for line in missed:
        click.echo(f"MISSED {line}", err=True)
    errors = sum(bool(result.error) for result in results)
    wrong = missed if gates else [r for r in results if not r.passed and not r.error]
    return FAILED if wrong else 1 if errors else 0


def _chosen(cases: Iterable[Case], wanted: Wanted) -> list[Case]:
    kept = [
        case
        for case in cases
        if (not wanted.tags or set(wanted.tags) & set(case.tags))
        and (wanted.pattern is None or fnmatch.fnmatchcase(case.id, wanted.pattern))
    ]
    return kept[: wanted.limit]


def _files(wanted: Wanted) -> list[Path]:
    return [*wanted.files, *_suites(wanted.suites)]


def _suites(names: Sequence[str]) -> list[Path]:
    known = {path.stem: path for path in sorted(SUITES.glob("*.yaml"))}
    if names and not known:
        raise BadCases("The suites lie in the repository, not in the installed package. Name your own FILES.")
    if "all" in names:
        return list(known.values())
    if unknown := [name for name in names if name not in known]:
        raise BadCases(f"There is no suite {unknown[0]!r}. Choose from: all, {', '.join(known)}")
    return [known[name] for name in names]


def _formats(wanted: Wanted) -> list[str]:
    names = [name.strip() for name in wanted.formats.split(",") if name.strip()]
    if unknown := [name for name in names if name not in report.FORMATS]:
        raise BadSetting(f"There is no format {unknown[0]!r}. Choose from: {', '.join(report.FORMATS)}")
    return names


def _gate(words: str) -> tuple[str, float]:
    name, equals, least = words.rpartition("=")
    try:
        return name.strip(), float(least)
    except ValueError:
        equals = ""
    raise BadSetting(f"“{words}” is no gate{equals}. Write it as FIGURE=X, such as approach=0.95")


def _progress(results: Iterator[Result], *, total: int) -> Iterator[Result]:
    """A bar with rate and time left on a terminal, a line for each tenth elsewhere."""
    if sys.stderr.isatty() and not os.environ.get("CI"):
        from tqdm import tqdm

        yield from tqdm(results, total=total, desc="Asking", file=sys.stderr)
        return
    told = 0
    for done, result in enumerate(results, 1):
        if done * 10 // total > told:
            told = done * 10 // total
            click.echo(f"Asked {done} of {total}", err=True)
        yield result
