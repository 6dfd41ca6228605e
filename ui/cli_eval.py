"""`consultant eval`: the options of an evaluation run; ui/evaluating.py does it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ui.options import known_errors, options, settings_of

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("eval")
@click.argument("files", nargs=-1, type=_FILE)
@click.option("--suite", "suites", multiple=True, help="One of our own suites by its name, or all.")
@click.option("--tag", "tags", multiple=True, help="Only cases with this tag; may be given several times.")
@click.option("--filter", "pattern", help="Only cases whose id fits, such as 'shop-*'.")
@click.option("--limit", type=click.IntRange(1), help="Only so many cases.")
@click.option("--model", help="Who writes: quoting, local, openai:NAME, http://host/v1#NAME, …")
@click.option(
    "--prompt", "prompts", multiple=True, help="Prompts for the model; each one after the first is compared."
)
@click.option("--retriever", type=click.Choice(["fused", "dense", "bm25"]), help="How passages are found.")
@click.option("--repeat", type=click.IntRange(1, 100), default=1, help="Ask each case so many times.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, help="Ask so many at a time.")
@click.option("--cache/--no-cache", default=True, help="Whether answers that are known are used again.")
@click.option("--resume", is_flag=True, help="Go on with a run that was interrupted, and say how much was done.")
@click.option("--rescore", type=_FILE, help="Score saved results anew.")
@click.option("--baseline", type=_FILE, help="Results to compare with.")
@click.option("--fail-under", "gates", multiple=True, metavar="FIGURE=X", help="Pass or fail by this figure alone.")
@click.option("--judge", help="A model that judges the answers by a rubric.")
@click.option("--rubric", help="What the judge looks for.")
@click.option(
    "--bench",
    type=(click.Choice(["begin", "beir", "chunking", "clapnq"]), _FOLDER),
    metavar="NAME DIR",
    help="A benchmark of others from its folder: begin, beir, chunking or clapnq.",
)
@click.option("--beir", type=_FOLDER, help="The same as --bench beir DIR.")
@click.option("--k", type=click.IntRange(1, 1000), default=10, help="With beir and chunking: how many ranks count.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the report.")
@click.option("--formats", default="json,html", help="With --out: json, junit, html, csv, md.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--record", is_flag=True, help="Keep scores and citations, for the page to show.")
@options
@known_errors
def evaluate(**asked: Any) -> None:
    """Ask the cases in FILES (YAML, JSON, JSONL, CSV, promptfoo) and print how many answers are as expected.

    Exits 100 when not all are, or a --fail-under is missed; 1 when a case could not be asked.
    """
    settings = settings_of({name: asked.pop(name) for name in ("home", "embeddings", "model", "retriever")})
    bench, beir, k = asked.pop("bench"), asked.pop("beir"), asked.pop("k")
    if bench or beir:
        from ui import benchmarking

        name, folder = bench or ("beir", beir)
        benchmarking.bench(name, folder, settings, k=k, as_json=asked["as_json"])
        return
    from ui import evaluating

    sys.exit(evaluating.evaluate(evaluating.Wanted(**asked), settings))
