"""The command line: stdout is the answer, stderr the progress; a known error is one line and exit 1.

Modules that load torch, chromadb or gradio are imported inside the commands that need them, so that
`consultant --help` is instant.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.types import Edit, Message
    from knowledge.ingest import Report

BUSY = 75  # EX_TEMPFAIL of sysexits.h: try again later.

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

P = ParamSpec("P")
R = TypeVar("R")


def _known_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Print a known error as one line on stderr; leave its traceback to unknown ones."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from bot.errors import ConsultantError
        from knowledge.errors import KnowledgeError, WriterBusy

        try:
            return command(*args, **kwargs)
        except (ConsultantError, KnowledgeError) as error:
            click.echo(f"consultant: {error}", err=True)
            sys.exit(BUSY if isinstance(error, WriterBusy) else 1)
        except BrokenPipeError:
            # The reader of our output went away (`consultant ask … | head -1`).
            sys.exit(0)

    return wrapped


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command takes."""
    command = click.option("--embeddings", help="Embedding model: its name or a folder.")(command)
    return click.option("--home", type=click.Path(path_type=Path), help="Data directory.")(command)


def _model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that answer."""
    command = click.option(
        "--prompt", help="Prompts for the model: auto, full or brief, with @TECHNIQUE+… for some."
    )(command)
    return click.option("--model", help="Who writes: quoting, local, openai:NAME, http://host/v1#NAME, …")(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chatbot-consultant")
def main() -> None:
    """Grounded advice on prompt engineering, retrieval, fine-tuning, or something simpler, for your own project."""


@main.command()
@click.argument("question", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option(
    "--history",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Earlier turns: a JSON file with [{"role": "user", "content": "…"}, …].',
)
@click.option(
    "--set",
    "edits",
    multiple=True,
    metavar="SLOT=VALUE",
    help="A fact that wins over the messages, such as labelled_data=hundreds; an empty value takes it out.",
)
@_model_options
@_options
@_known_errors
def ask(
    question: tuple[str, ...], as_json: bool, history: Path | None, edits: tuple[str, ...], **options: Any
) -> None:
    """Ask QUESTION and print the answer with its sources. A lone - reads the question from standard input."""
    from bot import assemble
    from ui import render

    text = _standard_input() if question == ("-",) else " ".join(question)
    turns = _history(history)
    facts = [_edit(words) for words in edits]
    answer = assemble.consultant(_settings(options)).ask(text, turns, facts)
    if as_json:
        click.echo(json.dumps(render.to_json(answer), ensure_ascii=False, indent=1))
        return
    click.echo(render.plain_text(answer))
    if answer.citations:
        click.echo(f"\nSources\n{render.sources_text(answer)}")


@main.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 50), default=6, show_default=True, help="How many passages at most.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of text.")
@_options
@_known_errors
def search(query: tuple[str, ...], limit: int, as_json: bool, **options: Any) -> None:
    """Print the passages that are found for QUERY."""
    from bot import assemble
    from bot.queries import read_queries
    from ui import render

    words = read_queries(" ".join(query)).message
    passages = assemble.retriever(_settings(options)).retrieve([words], limit=limit).passages
    if as_json:
        click.echo(json.dumps(render.search_json(passages), ensure_ascii=False, indent=1))
        return
    for passage in render.search_json(passages):
        click.echo(f"{passage['score']:.2f}  {passage['doc']} › {passage['heading']}\n{passage['text']}\n")


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--rebuild", is_flag=True, help="Read and embed all files again, whatever the index holds.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@_options
@_known_errors
def ingest(paths: tuple[Path, ...], rebuild: bool, as_json: bool, **options: Any) -> None:
    """Add files or folders (md, txt, html, pdf, docx) to the knowledge base, beside the corpus.

    Unchanged files are skipped, changed ones replaced, deleted ones removed.
    """
    report = _ingest(_settings(options), paths, rebuild=rebuild)
    if as_json:
        rows = [{"path": f.path, "outcome": f.outcome, "reason": f.reason} for f in report.files]
        click.echo(json.dumps({"generation": report.generation, "files": rows}, ensure_ascii=False, indent=1))
    else:
        _print_report(report)
    if report.failed:
        sys.exit(1)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--host", help="Address to listen on.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
@_model_options
@_options
@_known_errors
def chat(browser: bool, **options: Any) -> None:
    """Bring the index up to date and open the chat page."""
    settings = _settings(options)
    report = _ingest(settings, ())
    if report.generation or report.failed:
        _print_report(report)
    _serve(settings, browser=browser)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--host", help="Address to listen on.")
@_model_options
@_options
@_known_errors
def serve(**options: Any) -> None:
    """Serve the chat page and the HTTP API from the index that is there."""
    _serve(_settings(options), browser=False)


@main.command()
@click.option("--corpus", is_flag=True, help="Check the form of the corpus instead, and print how it reads.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With --corpus: another folder of documents than the corpus.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@_options
@_known_errors
def doctor(corpus: bool, folder: Path | None, as_json: bool, **options: Any) -> None:
    """Print the settings with their origin, and check the model and the index; or check the corpus."""
    if corpus:
        _lint(folder, as_json=as_json)
        return
    from bot.settings import origins
    from knowledge.check import examine

    settings = _settings(options)
    rows = origins(settings, {name for name, value in options.items() if value is not None})
    findings = examine(settings.home, settings.embeddings)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "settings": [{"name": n, "value": v, "origin": o} for n, v, o in rows],
                    "findings": [{"subject": f.subject, "ok": f.ok, "message": f.message} for f in findings],
                },
                ensure_ascii=False,
                indent=1,
            )
        )
    else:
        for name, value, origin in rows:
            click.echo(f"{name:<24} {value}  ({origin})")
        for finding in findings:
            click.echo(f"{'ok ' if finding.ok else 'BAD'} {finding.subject}: {finding.message}")
    if not all(f.ok for f in findings):
        sys.exit(1)


def _lint(folder: Path | None, *, as_json: bool) -> None:
    from knowledge import lint
    from knowledge.ingest import CORPUS
    from knowledge.overview import overview

    pages, _ = lint.read_pages(folder or CORPUS)
    problems = lint.lint(folder or CORPUS)
    rows = overview(pages)
    if as_json:
        kept = ("id", "topic", "updated", "words", "reading_ease")
        documents = [{**{k: getattr(row, k) for k in kept}, "sections": len(row.sections)} for row in rows]
        found = [{"path": str(p.path), "line": p.line, "message": p.message} for p in problems]
        click.echo(json.dumps({"documents": documents, "problems": found}, ensure_ascii=False, indent=1))
    else:
        click.echo(f"{'document':<40} updated     sections  words  reading ease (Flesch)")
        for row in rows:
            click.echo(f"{row.id:<40} {row.updated:<11} {len(row.sections):>8} {row.words:>6} {row.reading_ease:>6}")
        click.echo(f"{len(rows)} documents, {sum(row.words for row in rows):,} words.")
        for problem in problems:
            click.echo(f"BAD {problem}", err=True)
    if problems:
        sys.exit(1)


@main.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write; default: where the page shows it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the documents, sections and citation counts instead.")
@_options
@_known_errors
def docs(out: Path | None, as_json: bool, **options: Any) -> None:
    """Render the corpus to a small static site with search, or print what it holds."""
    from dataclasses import asdict

    from knowledge.ingest import CORPUS
    from knowledge.lint import read_pages
    from knowledge.overview import overview, read_cited
    from ui.library import LIBRARY

    settings = _settings(options)
    if as_json:
        cited = read_cited(settings.home)
        rows = [{**asdict(row), "cited": row.cited} for row in overview(read_pages(CORPUS)[0], cited)]
        run = {"questions": cited.questions, "on": cited.on}
        click.echo(json.dumps({"cited_in": run, "documents": rows}, ensure_ascii=False, indent=1))
        return
    site = out or settings.home / LIBRARY
    made = _write_library(settings, site)
    click.echo(f"{'Rendered' if made else 'Already up to date'}: {site / 'index.html'}")


@main.command("eval")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
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
@click.option(
    "--rescore", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Score saved results anew."
)
@click.option(
    "--baseline", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Results to compare with."
)
@click.option("--fail-under", "gates", multiple=True, metavar="FIGURE=X", help="Pass or fail by this figure alone.")
@click.option("--judge", help="A model that judges the answers by a rubric.")
@click.option("--rubric", help="What the judge looks for.")
@click.option(
    "--beir", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Rank a folder in BEIR's format."
)
@click.option("--k", type=click.IntRange(1, 1000), default=10, help="With --beir: how many ranks count.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the report.")
@click.option("--formats", default="json,html", help="With --out: json, junit, html, csv, md.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--record", is_flag=True, help="Keep how often each section was cited, for the library.")
@_options
@_known_errors
def evaluate(files: tuple[Path, ...], prompts: tuple[str, ...], as_json: bool, record: bool, **asked: Any) -> None:
    """Ask the cases in FILES (YAML, JSON, JSONL, CSV, promptfoo) and print how many answers are as expected.

    Exits 100 when not all are, or a --fail-under is missed; 1 when a case could not be asked.
    """
    from ui import evaluating

    settings = _settings({name: asked[name] for name in ("home", "embeddings", "model", "retriever")})
    if asked["beir"]:
        evaluating.rank(asked["beir"], settings, k=asked["k"], as_json=as_json)
        return
    wanted = evaluating.Wanted(
        files=files,
        prompts=prompts,
        as_json=as_json,
        record=record,
        **{name: asked[name] for name in evaluating.OPTIONS},
    )
    sys.exit(evaluating.evaluate(wanted, settings))


@main.group("model")
def model() -> None:
    """Fetch, list and test language models."""


@model.command("pull")
@click.argument("name")
@_options
@_known_errors
def model_pull(name: str, **options: Any) -> None:
    """Fetch the model NAME: smollm2, or hf:ORG/REPO:FILE.gguf from a model hub, and check it."""
    from bot.model_files import model_path, pull

    settings = _settings(options)
    made = pull(name, settings.home)
    click.echo(f"{made.name}: {made.bytes:,} bytes, SHA-256 {made.sha256}")
    use = "local" if made.name == "smollm2" else f"gguf:{model_path(settings.home, made.name)}"
    click.echo(f'Use it with: consultant chat --model "{use}"')


@model.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@_options
@_known_errors
def model_list(as_json: bool, **options: Any) -> None:
    """Print the models in the data directory, each checked; exits 1 when one is damaged."""
    from dataclasses import asdict

    from bot.model_files import PACKAGED, listed

    found = listed(_settings(options).home)
    if as_json:
        click.echo(json.dumps([asdict(file) for file in found], indent=1))
    else:
        for file in found:
            click.echo(f"{file.name:<24} {file.bytes:>13,} bytes  {file.problem or 'whole'}")
        if not found:
            click.echo(f"No model is here yet. Fetch one with: consultant model pull {next(iter(PACKAGED))}")
    if any(file.problem for file in found):
        sys.exit(1)


@model.command("test")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@_model_options
@_options
@_known_errors
def model_test(as_json: bool, **options: Any) -> None:
    """Ask the model four questions to see what it can; its prompts are chosen by this."""
    from dataclasses import asdict

    from bot import assemble
    from bot.completion import ModelFault
    from bot.errors import ModelUnavailable
    from bot.models import chat_model, parse

    settings = _settings(options)
    name = parse(settings.model, settings.home)
    if name.provider == "quoting":
        raise ModelUnavailable("There is no language model to test. Name one with --model.")
    try:
        chat = chat_model(name, api_key=settings.api_key.get_secret_value())
        found = assemble.capability(settings, chat, anew=True)
    except ModelFault as fault:
        raise ModelUnavailable(f"The model {fault.reason}.") from fault
    if as_json:
        click.echo(json.dumps({**asdict(found), "prompts": "full" if found.full else "brief"}))
        return
    for ability, shown in (
        ("follows a format", found.format),
        ("cites", found.cites),
        ("refuses", found.refuses),
        ("can be held to a schema", found.structured),
    ):
        click.echo(f"{'yes' if shown else 'no ':<4} {ability}")
    click.echo(f"It is given the {'full' if found.full else 'brief'} prompts.")


def _edit(words: str) -> Edit:
    from bot.errors import BadEdit
    from bot.types import Edit

    slot, equals, value = words.partition("=")
    if not equals:
        raise BadEdit(f"“{words}” sets nothing. Write it as SLOT=VALUE, such as labelled_data=hundreds.")
    return Edit(slot.strip(), value)


def _settings(options: dict[str, Any]) -> Settings:
    from bot.settings import read_settings

    return read_settings(**options)


def _standard_input() -> str:
    from bot.errors import BadQuestion

    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise BadQuestion(
            "Standard input is not text in UTF-8. Save the question as UTF-8 and send it again."
        ) from error


def _history(path: Path | None) -> list[Message]:
    from bot.errors import BadQuestion
    from ui.api import read_history

    if path is None:
        return []
    try:
        return read_history(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise BadQuestion(
            f'{path} is not a history ({error}). Write a JSON list of {{"role": "user", "content": "…"}}.'
        ) from error


def _ingest(settings: Settings, paths: tuple[Path, ...], *, rebuild: bool = False) -> Report:
    from bot import assemble
    from knowledge.index import Home
    from knowledge.ingest import ingest as run
    from ui.library import LIBRARY

    report = run(paths, Home(settings.home), assemble.embedder(settings), rebuild=rebuild, progress=_progress)
    if report.generation or not (settings.home / LIBRARY).is_dir():
        _write_library(settings, settings.home / LIBRARY)
    return report


def _write_library(settings: Settings, site: Path) -> bool:
    from knowledge.ingest import CORPUS
    from knowledge.lint import read_pages
    from knowledge.overview import read_cited
    from ui.library import build

    return build(read_pages(CORPUS)[0], site, read_cited(settings.home))


def _progress(total: int, what: str) -> AbstractContextManager[Any]:
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit="", file=sys.stderr)


def _print_report(report: Report) -> None:
    for file in report.files:
        if file.outcome != "unchanged":
            reason = f": {file.reason}" if file.reason else ""
            click.echo(f"{file.outcome:<9} {file.path}{reason}", err=file.outcome == "failed")
    counts = ", ".join(
        f"{report.count(o)} {o}"
        for o in ("added", "changed", "removed", "unchanged", "skipped", "failed")
        if report.count(o)
    )
    built = f" The index now has {report.chunks} chunks." if report.generation else " The index stays as it is."
    click.echo(f"{counts or 'Nothing found'}.{built}")


def _serve(settings: Settings, *, browser: bool) -> None:
    from ui.server import run

    run(settings, browser=browser)


if __name__ == "__main__":
    main()
