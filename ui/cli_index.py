"""`consultant index | backup | restore`: the generations of the index, and its store in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ui.options import known_errors, options, settings_of


@click.group("index")
def index() -> None:
    """List the generations of the index, go back to one, or remove the old ones."""


@index.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@options
@known_errors
def index_list(as_json: bool, **options: Any) -> None:
    """Print the generations, the oldest first; the one that is served is marked."""
    from knowledge.index import Home, summaries

    home = Home(settings_of(options).home)
    rows = summaries(home)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        counts = f"{row['documents']} documents, {row['chunks']} chunks, {row['bytes'] / 1e6:.1f} MB"
        click.echo(f"{'*' if row['current'] else ' '} {row['name']}  {row['problem'] or counts}")
    if not rows:
        click.echo("There is no index yet. Build one with: consultant ingest")


@index.command("rollback")
@click.argument("name", required=False, default="")
@options
@known_errors
def index_rollback(name: str, **options: Any) -> None:
    """Serve the generation NAME again, or the one before the current.

    Running pages see it with the next question. The next ingest brings in the files as they are then.
    """
    from bot import assemble
    from knowledge.index import Home

    settings = settings_of(options)
    folder = Home(settings.home).roll_back(assemble.embedder(settings).identity, name)
    click.echo(f"The index is now {folder.name}.")


@index.command("gc")
@options
@known_errors
def index_gc(**options: Any) -> None:
    """Remove all generations but the one that is served, and what killed processes left."""
    from knowledge.index import Home

    freed = Home(settings_of(options).home).collect()
    click.echo(f"{freed / 1e6:.1f} MB freed.")


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options
@known_errors
def backup(file: Path, **options: Any) -> None:
    """Write the documents and vectors of the index into FILE, from which `restore` makes it anew."""
    from knowledge.backup import backup as write
    from knowledge.index import Home

    size = write(Home(settings_of(options).home), file)
    click.echo(f"{file}: {size / 1e6:.1f} MB. Restore it with: consultant restore {file}")


@click.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options
@known_errors
def restore(file: Path, **options: Any) -> None:
    """Make the index anew from FILE, which `backup` wrote; the one before is kept for `index rollback`."""
    from bot import assemble
    from knowledge.backup import restore as read
    from knowledge.index import Home

    settings = settings_of(options)
    made = read(Home(settings.home), file, assemble.embedder(settings).identity)
    click.echo(f"The index now has {made.documents} documents and {made.chunks} chunks.")
