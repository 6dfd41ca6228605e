"""What the Costs tab says and draws; the figures themselves are tested in tests/bot/test_costs.py."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import gradio as gr
import pytest
from bs4 import BeautifulSoup, Tag

from bot.assumptions import inputs, read_assumptions
from bot.costs import MOST, Assumptions, Line, Span, lines
from bot.types import Fact, ProjectBrief
from ui import cost_chart, costs
from ui.cost_words import BreakEven, break_evens, cautions, money, taken_words, verdict

DEFAULT = read_assumptions({})
BRIEF = ProjectBrief((Fact("volume", "volume-large", "", "two million <b> a month", "said"),))


def shown(a: Assumptions, library: Path | None = None) -> BeautifulSoup:
    return BeautifulSoup(costs.figures_html(a, library), "html.parser")


async def built() -> tuple[gr.Blocks, costs.CostsTab]:
    with gr.Blocks() as page:
        tab = costs.build_tab()
    return page, tab


def values(**given: object) -> list[object]:
    return [given.get(i.name, i.default) for i in inputs()]


def rows(page: BeautifulSoup) -> dict[str, list[str]]:
    table = page.find("table")
    assert isinstance(table, Tag)
    return {row.th.get_text(): [c.get_text() for c in row.find_all("td")] for row in table.tbody.find_all("tr")}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        (
            (Span(46_312, MOST),),
            "From about 46,000 requests a month on, a tuned small model costs less than retrieval.",
        ),
        ((Span(100, 1_234_567),), "Up to about 1.2 million requests a month, a tuned small model costs less"),
        ((Span(100, MOST),), "A tuned small model costs less than retrieval at every volume shown; there is no"),
        ((), "A tuned small model never costs less than retrieval here; there is no break-even."),
        (
            (Span(830_000, 1_000_000), Span(1_160_000, MOST)),
            "Between about 830,000 and 1 million requests a month and from about 1.2 million requests a month on, a",
        ),
    ],
    ids=["from", "up to", "always", "never", "twice"],
)
def test_a_break_even_is_named_in_words(spans: tuple[Span, ...], words: str) -> None:
    assert str(BreakEven("tuned", "retrieval", spans)).startswith(words)


def test_the_headline_names_the_cheapest_by_volume_or_at_the_persons_own() -> None:
    assert verdict(DEFAULT, lines(DEFAULT)) == (
        "Up to about 33,000 requests a month prompting costs least, up to about 820,000 prompting with caching, and "
        "above that a tuned small model."
    )
    own = replace(DEFAULT, requests=100_000)
    assert verdict(own, lines(own)) == (
        "At your 100,000 requests a month prompting with caching costs least, $509 a month; prompting costs $640."
    )


def test_one_way_that_always_costs_least_is_said_to() -> None:
    free = {"retrieval": Line(0, 0), "tuned": Line(1, 1)}
    assert verdict(DEFAULT, free) == "Retrieval costs least at every volume shown."  # type: ignore[arg-type]


def test_the_table_has_the_persons_volume_in_its_place() -> None:
    assert list(rows(shown(replace(DEFAULT, requests=50_000)))) == [
        "1,000",
        "10,000",
        "50,000 (you)",
        "100,000",
        "1,000,000",
    ]
    assert "100,000 (you)" in rows(shown(replace(DEFAULT, requests=100_000)))
    assert rows(shown(DEFAULT))["10,000"] == ["$280", "$326", "$803", "$1,968"]


def test_each_break_even_is_marked_and_numbered_as_in_the_list() -> None:
    page = shown(DEFAULT)
    [wide] = page.select(".wide svg")
    listed = [badge.get_text() for badge in page.select(".break-evens .number")]
    assert listed == [mark.get_text() for mark in wide.select(".mark-number")] == ["1", "2", "3", "4"]
    assert len(page.select(".break-evens li")) == len(break_evens(lines(DEFAULT)))


def test_the_chart_says_what_it_shows_and_names_each_line() -> None:
    for picture in shown(DEFAULT).select("svg"):
        title, desc = (picture.find(id=name) for name in str(picture["aria-labelledby"]).split())
        assert title is not None
        assert desc is not None
        assert "From about 33,000 requests" in desc.get_text()
        assert {t.get_text() for t in picture.select("text.name")} == set(cost_chart.NAMES.values())


def test_each_volume_that_is_pointed_at_tells_what_every_way_costs() -> None:
    made = lines(DEFAULT)
    for frame in (cost_chart.WIDE, cost_chart.NARROW):
        chart = BeautifulSoup(cost_chart.svg(made, [], 0, "says", frame), "html.parser")
        bands = [(float(b["x"]), float(b["width"])) for b in chart.select(".reading .band")]  # type: ignore[arg-type]
        assert [a + b for a, b in bands][:-1] == pytest.approx([x for x, _ in bands][1:])
        assert (bands[0][0], sum(bands[-1])) == (frame.left, frame.width - frame.right)
        boxes = [(float(b["x"]), float(b["width"])) for b in chart.select(".reading .box")]  # type: ignore[arg-type]
        assert all(x >= 0 and x + width <= frame.width for x, width in boxes)
        read = [[line.get_text() for line in reading.select("text")] for reading in chart.select(".reading")]
        assert len(read) == 16
        hundred = next(rows for rows in read if rows[0] == "100,000 requests")
        assert hundred[1:] == [f"{cost_chart.NAMES[way]}: {money(line.at(100_000))}" for way, line in made.items()]


def test_names_at_the_end_of_lines_that_end_together_stay_apart() -> None:
    same = {way: Line(100, 0.001) for way in cost_chart.NAMES}
    picture = BeautifulSoup(cost_chart.svg(same, [], 0, "", cost_chart.WIDE), "html.parser")
    heights = sorted(float(str(t["y"])) for t in picture.select("text.name"))
    assert all(b - a >= 14 for a, b in pairwise(heights))


@pytest.mark.parametrize(("requests", "drawn"), [(0, 0), (50, 0), (5_000, 1), (1e9, 0)])
def test_the_persons_volume_is_drawn_where_it_is_in_sight(requests: float, drawn: int) -> None:
    assert len(shown(replace(DEFAULT, requests=requests)).select(".wide .own")) == drawn


@pytest.mark.parametrize("extreme", ["least", "most"])
def test_extreme_figures_still_make_a_chart(extreme: str) -> None:
    a = read_assumptions({i.name: getattr(i, extreme) for i in inputs()})
    coordinates = re.findall(r"[\d.]+ ([\d.]+)", " ".join(str(p["d"]) for p in shown(a).select(".wide path.line")))
    assert len(coordinates) > 100
    assert all(0 <= float(y) <= cost_chart.WIDE.height for y in coordinates)


def test_too_many_pages_leave_prompting_out_and_say_so() -> None:
    many = replace(DEFAULT, pages=12_000)
    assert "12,000 pages are too many for a prompt" in cautions(many)[0]
    assert len(rows(shown(many))["1,000"]) == 2
    assert "retrieval as well" in cautions(replace(DEFAULT, pages=10))[0]


def test_the_library_is_linked_where_there_is_one(tmp_path: Path) -> None:
    assert not shown(DEFAULT, tmp_path).select("a")
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "cost.html").touch()
    [link] = shown(DEFAULT, tmp_path).select("a")
    assert str(link["href"]).endswith("/documents/cost.html#how-do-i-start-estimating-the-cost-of-my-project")


def test_a_bad_figure_is_said_and_the_last_good_chart_stays() -> None:
    _, tab = asyncio.run(built())
    said, figures = tab.redrawn(*values(price_in=None))
    assert "“Input price” is empty. Write a number from 0 to 1,000." in said
    assert figures == gr.skip()
    said, figures = tab.redrawn(*values(price_in=2))
    assert said == ""
    assert "$6" in figures


def test_a_brief_fills_what_it_newly_tells_and_leaves_the_rest() -> None:
    _, tab = asyncio.run(built())
    filled = dict(zip([i.name for i in inputs()], tab.filled(BRIEF), strict=False))
    assert filled["requests"] == 2_000_000
    assert filled["pages"] == gr.skip()
    assert len(tab.filled(BRIEF)) == len(tab.outputs)
    assert all(value == gr.skip() for value in tab.filled(BRIEF, BRIEF)[:-1])


def test_what_was_taken_is_told_in_the_persons_words_and_escaped() -> None:
    plain = taken_words(ProjectBrief((Fact("volume", "volume-large", "", "two million a month", "said"),)))
    assert plain == "Taken from your words: 2,000,000 requests a month (“two million a month”)."
    assert taken_words(ProjectBrief()) == ""
    _, tab = asyncio.run(built())
    assert "&lt;b&gt;" in tab.filled(BRIEF)[-1]


def test_no_event_of_the_tab_is_an_endpoint() -> None:
    page, tab = asyncio.run(built())
    assert page.get_api_info() == {"named_endpoints": {}, "unnamed_endpoints": {}}
    assert len(tab.numbers) == len(inputs())
