"""`consultant eval --bench NAME DIR`: the benchmarks of others, run on the parts of the product that they measure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from bot import assemble
from bot.evaluation import begin, beir, chunking, clapnq
from bot.evaluation.statistics import Mean, Rate
from bot.settings import Settings

Figures = Mapping[str, Sequence[Mean | Rate]]
# Name → what is asked of it: the folder, the settings, and how many ranks count.
BENCHMARKS: dict[str, Callable[[Path, Settings, int], Figures]] = {
    "begin": lambda folder, settings, k: begin.evaluate(begin.read(folder)),
    "beir": lambda folder, settings, k: beir.evaluate(folder, assemble.embedder(settings), k=k),
    "chunking": lambda folder, settings, k: chunking.evaluate(folder, assemble.embedder(settings), k=k),
    "clapnq": lambda folder, settings, k: clapnq.evaluate(folder, assemble.embedder(settings)),
}


def bench(name: str, folder: Path, settings: Settings, *, k: int, as_json: bool) -> None:
    """Print what a benchmark finds of each method, with its interval; raises BadData."""
    found = BENCHMARKS[name](folder, settings, k)
    if as_json:
        values = {method: {one.name: one.value for one in figures} for method, figures in found.items()}
        click.echo(json.dumps(values, indent=1))
        return
    for method, figures in found.items():
        click.echo(f"\n{method}")
        for figure in figures:
            click.echo(f"  {figure}")
