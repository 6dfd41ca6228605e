"""`consultant feedback`: what people thought of answers, for a table or a script."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

import click

from ui.options import known_errors, options, settings_of


@click.command("feedback")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a table as CSV.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many, the latest; without it all.")
@options
@known_errors
def feedback(as_json: bool, as_csv: bool, limit: int | None, **options: Any) -> None:
    """Print what people thought of the answers, the latest first."""
    from ui.feedback import default_url, open_store

    if as_json and as_csv:
        raise click.UsageError("Take one of --json and --csv.")
    settings = settings_of(options)
    store = open_store(getattr(settings, "feedback_db", "") or default_url(settings.home))
    try:
        rows = [asdict(row) for row in store.rows(limit)]
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    elif as_csv:
        click.echo(_csv(rows), nl=False)
    else:
        for row in rows:
            click.echo(
                f"{row['at']}  {row['verdict']:<4}  {_line(row['question'])}\n  {_line(row['reason'])}".rstrip()
            )
        if not rows:
            click.echo("Nobody has given feedback yet.")


def _csv(rows: list[dict[str, Any]]) -> str:
    """A table with a head; a spreadsheet would take a text that begins with = for a formula."""
    from ui.feedback import TEXTS

    out = io.StringIO()
    writer = csv.DictWriter(out, ["id", *TEXTS])
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _harmless(value: object) -> object:
    """The value as a spreadsheet shows it.

    >>> _harmless("=1+1"), _harmless("fine"), _harmless(3)
    ("'=1+1", 'fine', 3)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 100 else f"{flat[:99]}…"
