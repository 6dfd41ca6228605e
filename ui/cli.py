"""The command line: stdout is the answer, stderr the progress; a known error is one line and exit 1.

Modules that load torch, chromadb or gradio are imported inside the commands that need them, so that
`consultant --help` is instant.
"""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ui.cli_eval import evaluate
from ui.cli_feedback import feedback
from ui.cli_index import backup, index, restore
from ui.cli_model import model
from ui.options import known_errors, model_options, options, settings_of

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.types import Edit, Message
    from knowledge.ingest import Report


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
@model_options
@options
@known_errors
def ask(
    question: tuple[str, ...], as_json: bool, history: Path | None, edits: tuple[str, ...], **options: Any
) -> None:
    """Ask QUESTION and print the answer with its sources. A lone - reads the question from standard input."""
    from bot import assemble
    from ui import contract, render

    text = _standard_input() if question == ("-",) else " ".join(question)
    turns = _history(history)
    facts = [_edit(words) for words in edits]
    answer = assemble.consultant(settings_of(options)).ask(text, turns, facts)
    if as_json:
        click.echo(json.dumps(contract.to_json(answer), ensure_ascii=False, indent=1))
        return
    click.echo(render.plain_text(answer))
    if answer.citations:
        click.echo(f"\nSources\n{render.sources_text(answer)}")


@main.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 50), default=6, show_default=True, help="How many passages at most.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of text.")
@options
@known_errors
def search(query: tuple[str, ...], limit: int, as_json: bool, **options: Any) -> None:
    """Print the passages that are found for QUERY."""
    from bot import assemble
    from bot.queries import read_queries
    from ui import contract

    words = read_queries(" ".join(query)).message
    passages = assemble.retriever(settings_of(options)).retrieve([words], limit=limit).passages
    if as_json:
        click.echo(json.dumps(contract.search_json(passages), ensure_ascii=False, indent=1))
        return
    for passage in contract.search_json(passages):
        click.echo(f"{passage['score']:.2f}  {passage['doc']} › {passage['heading']}\n{passage['text']}\n")


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--rebuild", is_flag=True, help="Read and embed all files again, whatever the index holds.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@options
@known_errors
def ingest(paths: tuple[Path, ...], rebuild: bool, as_json: bool, **options: Any) -> None:
    """Add files or folders (md, txt, html, pdf, docx) to the knowledge base, beside the corpus.

    Unchanged files are skipped, changed ones replaced, deleted ones removed.
    """
    report = _ingest(settings_of(options), paths, rebuild=rebuild)
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
@model_options
@options
@known_errors
def chat(browser: bool, **options: Any) -> None:
    """Bring the index up to date and open the chat page."""
    settings = settings_of(options)
    report = _ingest(settings, ())
    if report.generation or report.failed:
        _print_report(report)
    _serve(settings, browser=browser)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--host", help="Address to listen on.")
@click.option("--insecure", is_flag=True, help="Let every page embed it, where the origins say *.")
@click.option("--print-embed", is_flag=True, help="Print the tag for other pages, and end.")
@click.option("--mcp", is_flag=True, default=None, help="Also be a tool of the Model Context Protocol, at /mcp.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that serve the widget and the API; with several, the chat page is not served.",
)
@model_options
@options
@known_errors
def serve(insecure: bool, print_embed: bool, workers: int, **options: Any) -> None:
    """Serve the chat page, the widget and the HTTP API from the index that is there."""
    settings = settings_of(options)
    if print_embed:
        from ui.embed import tag
        from ui.sites import access_of

        click.echo(tag(settings, access_of(settings, insecure=insecure)))
        return
    if workers > 1:
        from ui import workers as several

        several.run(settings, workers, insecure=insecure)
        return
    _serve(settings, browser=False, insecure=insecure)


@main.command()
@click.option("--corpus", is_flag=True, help="Check the form of the corpus instead, and print how it reads.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With --corpus: another folder of documents than the corpus.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@options
@known_errors
def doctor(corpus: bool, folder: Path | None, as_json: bool, **options: Any) -> None:
    """Print the settings with their origin, and check the model and the index; or check the corpus."""
    if corpus:
        _lint(folder, as_json=as_json)
        return
    from bot.settings import origins
    from knowledge.check import examine

    settings = settings_of(options)
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
@options
@known_errors
def docs(out: Path | None, as_json: bool, **options: Any) -> None:
    """Render the corpus to a small static site with search, or print what it holds."""
    from dataclasses import asdict

    from knowledge.ingest import CORPUS
    from knowledge.lint import read_pages
    from knowledge.overview import overview, read_cited
    from ui.library import LIBRARY

    settings = settings_of(options)
    if as_json:
        cited = read_cited(settings.home)
        rows = [{**asdict(row), "cited": row.cited} for row in overview(read_pages(CORPUS)[0], cited)]
        run = {"questions": cited.questions, "on": cited.on}
        click.echo(json.dumps({"cited_in": run, "documents": rows}, ensure_ascii=False, indent=1))
        return
    site = out or settings.home / LIBRARY
    made = _write_library(settings, site)
    click.echo(f"{'Rendered' if made else 'Already up to date'}: {site / 'index.html'}")


def _edit(words: str) -> Edit:
    from bot.errors import BadEdit
    from bot.types import Edit

    slot, equals, value = words.partition("=")
    if not equals:
        raise BadEdit(f"“{words}” sets nothing. Write it as SLOT=VALUE, such as labelled_data=hundreds.")
    return Edit(slot.strip(), value)


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


def _serve(settings: Settings, *, browser: bool, insecure: bool = False) -> None:
    from ui.server import run

    run(settings, browser=browser, insecure=insecure)


for command in (evaluate, feedback, model, index, backup, restore):
    main.add_command(command)

if __name__ == "__main__":
    main()
