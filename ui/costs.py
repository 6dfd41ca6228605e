"""The Costs tab: what each way to build costs a month, as words, chart and table, with figures to change."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import gradio as gr

from bot.assumptions import BadAssumption, Input, from_brief, inputs, read_assumptions
from bot.costs import MOST, Assumptions, Line, Way, cheapest, lines
from bot.types import ProjectBrief
from ui import cost_chart
from ui.cost_chart import Mark
from ui.cost_words import BreakEven, break_evens, cautions, money, taken_words, verdict
from ui.parts import INSTANTLY, markup
from ui.render import library_address
from ui.words import say

VOLUMES = (1_000.0, 10_000.0, 100_000.0, 1_000_000.0)
KEPT = "The chart and the table still show the last good figures."


def figures_html(a: Assumptions, library: Path | None = None) -> str:
    """Words, chart and table as one line of HTML; safe to insert."""
    made = lines(a)
    found = sorted(break_evens(made), key=lambda b: b.volumes[0] if b.volumes else MOST)
    numbered = {b: n for n, b in enumerate((b for b in found if b.volumes), 1)}
    marks = [Mark(n, v, made[b.way].at(v)) for b, n in numbered.items() for v in b.volumes]
    headline = verdict(a, made)
    says = " ".join([headline, *map(str, found), "The table below has the figures."])
    charts = "".join(
        f'<div class="{name}">{cost_chart.svg(made, marks, a.requests, says, frame)}</div>'
        for name, frame in (("wide", cost_chart.WIDE), ("narrow", cost_chart.NARROW))
    )
    told = "".join(_break_even_html(b, numbered.get(b)) for b in found)
    warned = "".join(f"<p>{html.escape(words)}</p>" for words in cautions(a))
    return (
        f'<div class="costs"><p class="headline">{html.escape(headline)}</p>{charts}'
        f'<ul class="break-evens">{told}</ul>{_table(a, made)}{warned}{_source(library)}</div>'
    )


def _break_even_html(found: BreakEven, number: int | None) -> str:
    badge = f'<span class="number">{number}</span> ' if number else ""
    return f"<li>{badge}{html.escape(str(found))}</li>"


def _table(a: Assumptions, made: Mapping[Way, Line]) -> str:
    heads = "".join(f'<th scope="col">{html.escape(cost_chart.NAMES[way])}</th>' for way in made)
    volumes = sorted({*VOLUMES, a.requests} - {0})
    rows = "".join(_row(v, made, own=v == a.requests) for v in volumes)
    return (
        "<table><caption>Dollars a month; the lowest of each row in bold</caption><thead><tr>"
        f'<th scope="col">Requests a month</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _row(requests: float, made: Mapping[Way, Line], *, own: bool) -> str:
    least = cheapest(made, requests)
    costs = {way: money(line.at(requests)) for way, line in made.items()}
    cells = "".join(f"<td><strong>{c}</strong></td>" if way == least else f"<td>{c}</td>" for way, c in costs.items())
    return f'<tr><th scope="row">{requests:,.0f}{" (you)" if own else ""}</th>{cells}</tr>'


def _source(library: Path | None) -> str:
    """Where the sources of the figures are told."""
    name = "What prompting, retrieval and fine-tuning cost"
    if address := library_address(library, "cost", "How do I start estimating the cost of my project?"):
        name = f'<a href="{html.escape(address)}" target="_blank" rel="noopener">{name}</a>'
    return f"<p>How to measure your own figures, and where ours come from: {name}.</p>"


@dataclass(frozen=True)
class CostsTab:
    """The tab's parts, for who fills it from a conversation.

    An event that brings a brief sets `outputs` to what `filled` gives, and then `figures` to what `redrawn` makes of
    `numbers`.
    """

    numbers: tuple[gr.Number, ...]
    words: gr.Markdown
    figures: tuple[gr.Markdown, gr.Markdown]
    library: Path | None

    @property
    def outputs(self) -> list[Any]:
        """What `filled` sets."""
        return [*self.numbers, self.words]

    def filled(self, brief: ProjectBrief, before: ProjectBrief | None = None) -> list[Any]:
        """The figures that a brief gives and that the one `before` it did not; what was set by hand stays."""
        known = from_brief(before) if before else {}
        news = {name: value for name, value in from_brief(brief).items() if known.get(name) != value}
        return [*(news.get(i.name, gr.skip()) for i in inputs()), _paragraph(taken_words(brief))]

    def redrawn(self, *values: object) -> tuple[str, Any]:
        """What is wrong with a figure, if anything, and all that the figures give; with a bad one that stays."""
        try:
            a = read_assumptions({i.name: value for i, value in zip(inputs(), values, strict=True)})
        except BadAssumption as error:
            return _paragraph(f"{error} {KEPT}", 'class="wrong" role="alert"'), gr.skip()
        return "", figures_html(a, self.library)


def build_tab(library: Path | None = None) -> CostsTab:
    """The contents of the tab, in the block that is open; the page loads ui/static/tabs.css."""
    gr.Markdown(say("costs_about"), elem_classes="tab-intro", latex_delimiters=[])
    words = markup(elem_classes="tab-html")
    by_group = [(group, list(of)) for group, of in groupby(inputs(), key=lambda i: i.group)]
    numbers = _numbers(by_group[0][1])
    wrong = markup(elem_classes="tab-html")
    figures = markup(figures_html(read_assumptions({}), library), elem_classes="tab-html")
    with gr.Accordion(say("prices"), open=False):
        gr.Markdown(say("assumed"), latex_delimiters=[])
        for group, of in by_group[1:]:
            gr.Markdown(f"## {group}", elem_classes="group", latex_delimiters=[])
            numbers += _numbers(of)
        reset = gr.Button(say("defaults"), size="sm", elem_id="costs-reset")
    tab = CostsTab(tuple(numbers), words, (wrong, figures), library)
    # What the person writes, not what is filled in: several fields that change at once would draw out of turn.
    written = [number.input for number in numbers]
    gr.on(written, tab.redrawn, numbers, list(tab.figures), trigger_mode="always_last", **INSTANTLY)
    defaults = reset.click(lambda: [i.default for i in inputs()], None, numbers, **INSTANTLY)
    defaults.then(tab.redrawn, numbers, list(tab.figures), **INSTANTLY)
    return tab


def _paragraph(words: str, attributes: str = "") -> str:
    return f"<p {attributes}>{html.escape(words)}</p>" if words else ""


def _numbers(of: Sequence[Input]) -> list[gr.Number]:
    with gr.Row(elem_classes="figures"):
        return [
            gr.Number(
                i.default,
                label=i.label,
                info=f"{i.unit} · {i.source}" if i.source else i.unit,
                # Without it an empty field shows 0, which is not what is sent.
                placeholder="0" if i.default == 0 else "empty",
                step=0.01 if i.most <= 1000 else 1,
                min_width=200,
                elem_id=f"costs-{i.name.replace('_', '-')}",
            )
            for i in of
        ]
