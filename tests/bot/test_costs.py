"""The costs by hand, what must hold for any figures, and what a brief tells of them."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.assumptions import COSTS, BadAssumption, from_brief, inputs, read_assumptions, taken
from bot.costs import FEWEST, MOST, Assumptions, Line, Span, cheaper, cheapest, cheapest_by_volume, lines
from bot.types import Fact, ProjectBrief
from knowledge.ingest import CORPUS

DEFAULT = read_assumptions({})
# Any figures within their bounds; volumes of a few steps keep the search quick.
figures = st.fixed_dictionaries(
    {
        i.name: st.floats(200_000 if i.name == "capacity" else i.least, i.most, allow_nan=False, width=32)
        for i in inputs()
    }
).map(lambda values: Assumptions(**values))
volumes = st.floats(1, 1e9)
examine = settings(derandomize=True, deadline=None, max_examples=200)


def told(*facts: tuple[str, str, str]) -> ProjectBrief:
    return ProjectBrief(tuple(Fact(slot, signal, "", quote, "said") for slot, signal, quote in facts))


def test_prompting_by_hand() -> None:
    # 4 hours at $60; 2,500 + 300 tokens in at $1 a million, 300 out at $4.
    assert lines(DEFAULT)["prompting"].at(10_000) == pytest.approx(240 + 10_000 * (0.0028 + 0.0012))


def test_caching_by_hand() -> None:
    # 2,000 writes at 125 %, then 90 % read at 10 % and 10 % write again.
    first = 2_000 * (2_500 * 1.25 + 300 + 1_200) / 1e6
    rest = 8_000 * (2_500 * (0.9 * 0.1 + 0.1 * 1.25) + 300 + 1_200) / 1e6
    assert lines(DEFAULT)["caching"].at(10_000) == pytest.approx(300 + first + rest)


def test_retrieval_by_hand() -> None:
    a = replace(DEFAULT, pages=1_000)
    fixed = 50 + 12 * 60 + 1_000 * 400 * 0.02 / 1e6
    each = (500 + 5 * 250 + 300 + 1_200 + 300 * 0.02) / 1e6
    assert lines(a)["retrieval"].at(10_000) == pytest.approx(fixed + 10_000 * each)


def test_a_tuned_model_by_hand() -> None:
    # $100 and 60 hours over 12 months, 16 hours of upkeep; the third server from 4,000,001 requests on.
    fixed = (100 + 60 * 60) / 12 + 16 * 60
    tuned = lines(DEFAULT)["tuned"]
    assert tuned.at(1) == pytest.approx(fixed + 700)
    assert tuned.at(4_000_000) == pytest.approx(fixed + 2 * 700)
    assert tuned.at(4_000_001) == pytest.approx(fixed + 3 * 700)
    by_token = lines(replace(DEFAULT, hosting=0, tuned_price=2))["tuned"]
    assert by_token.at(1_000_000) == pytest.approx(fixed + 800 * 2)


def test_documents_ride_in_every_prompt_until_they_are_too_many() -> None:
    with_pages = lines(replace(DEFAULT, pages=500))
    assert with_pages["prompting"].each - lines(DEFAULT)["prompting"].each == pytest.approx(500 * 400 / 1e6)
    assert set(lines(replace(DEFAULT, pages=501))) == {"retrieval", "tuned"}


def test_a_short_prompt_is_not_cached() -> None:
    made = lines(replace(DEFAULT, prompt_tokens=1_000, upkeep_caching=4))
    assert made["caching"].at(1e6) == made["prompting"].at(1e6)
    assert cheaper(made["caching"], made["prompting"]) == ()


def test_a_break_even_by_hand() -> None:
    [span] = cheaper(lines(DEFAULT)["retrieval"], lines(DEFAULT)["prompting"])
    assert span == Span(pytest.approx((770 - 240) / (0.004 - 0.003256)), MOST)


def test_a_second_server_can_turn_the_comparison_back() -> None:
    stairs = Line(fixed=0, each=0, step=1_000, every=1_000_000)
    straight = Line(fixed=500, each=0.0006)
    between, *_ = cheaper(stairs, straight)
    assert between == Span(pytest.approx(500 / 0.0006), 1_000_000)
    assert not any(span.start <= 1_200_000 <= span.end for span in cheaper(stairs, straight))


def test_the_same_cost_is_not_cheaper() -> None:
    line = lines(DEFAULT)["caching"]
    assert cheaper(line, line) == ()


@examine
@given(figures, volumes, volumes)
def test_costs_are_never_negative_and_never_fall_with_volume(a: Assumptions, one: float, other: float) -> None:
    fewer, more = sorted((one, other))
    for line in lines(a).values():
        assert 0 <= line.at(fewer) <= line.at(more) * (1 + 1e-9) + 1e-9


@examine
@given(figures)
def test_at_a_break_even_the_costs_are_equal_or_a_server_is_added(a: Assumptions) -> None:
    made = list(lines(a).values())
    for one, other in pairwise(made):
        steps = {*one.bends(), *other.bends()}
        for span in cheaper(one, other):
            for volume in {span.start, span.end} - {FEWEST, MOST} - steps:
                assert one.at(volume) == pytest.approx(other.at(volume), rel=1e-6, abs=1e-6)


@examine
@given(figures, st.floats(FEWEST, MOST, exclude_min=True))
def test_spans_agree_with_the_costs_themselves(a: Assumptions, volume: float) -> None:
    for one, other in pairwise(lines(a).values()):
        within = any(span.start < volume <= span.end for span in cheaper(one, other))
        if abs(one.at(volume) - other.at(volume)) > 1e-6 * max(1, one.at(volume)):
            assert within == (one.at(volume) < other.at(volume))


@examine
@given(figures)
def test_the_cheapest_ways_cover_all_volumes(a: Assumptions) -> None:
    made = lines(a)
    found = cheapest_by_volume(made)
    assert (found[0][1].start, found[-1][1].end) == (FEWEST, MOST)
    for (way, span), (after, later) in pairwise(found):
        assert span.end == later.start
        assert way != after
    way, span = found[-1]
    middle = (span.start + span.end) / 2
    assert made[way].at(middle) == pytest.approx(made[cheapest(made, middle)].at(middle), rel=1e-6)


def test_each_figure_has_a_field_and_a_default_within_its_bounds() -> None:
    assert {i.name for i in inputs()} == set(asdict(DEFAULT))
    assert all(i.least <= i.default <= i.most for i in inputs())
    assert all(i.label and i.unit and i.as_of == "November 2026" for i in inputs())


def test_the_sources_of_the_figures_are_in_the_corpus() -> None:
    keys = yaml.safe_load(COSTS.read_text(encoding="utf-8"))["sources"]
    texts = [path.read_text(encoding="utf-8") for path in CORPUS.rglob("*.md")]
    assert [key for key in keys if not any(f"key: {key}\n" in text for text in texts)] == []


@pytest.mark.parametrize(
    "value", [None, -1, 1e12, float("nan"), float("inf"), "many", True], ids=lambda value: str(value)
)
def test_a_figure_that_cannot_be_meant_is_named_with_what_can(value: object) -> None:
    with pytest.raises(BadAssumption, match=r"^“Length of an answer” .*\. Write a number from 0 to 100,000\.$"):
        read_assumptions({"output_tokens": value})


@pytest.mark.parametrize(
    ("words", "requests"),
    [
        ("about two million a month", 2_000_000),
        ("2 million a month", 2_000_000),
        ("half a million requests a month", 500_000),
        ("1.5 million calls a month", 1_500_000),
        ("20k questions a week", 86_000),
        ("300 tickets a day", 9_000),
    ],
)
def test_a_volume_is_taken_from_the_words(words: str, requests: float) -> None:
    [figure] = taken(told(("volume", "volume-large", words)))
    assert (figure.value, figure.stated, figure.quote) == (requests, True, words)


@pytest.mark.parametrize(
    "words", ["hundreds of thousands of messages monthly", "a few hundred thousand a month", "Up to 3 million"]
)
def test_words_without_a_number_give_what_such_words_mean(words: str) -> None:
    [figure] = taken(told(("volume", "volume-large", words)))
    assert (figure.value, figure.stated) == (500_000, False)


def test_pages_and_labels_are_taken_from_a_brief() -> None:
    brief = told(
        ("labelled_data", "labels-many", "40,000 mails labelled by topic"),
        ("documents", "documents-many", "12,000 PDFs"),
    )
    assert from_brief(brief) == {"labelling_hours": 0, "pages": 48_000}
    assert from_brief(ProjectBrief()) == {}


def test_an_absurd_number_in_the_words_is_not_taken() -> None:
    [figure] = taken(told(("volume", "volume-huge", "900 billion requests a month")))
    assert not figure.stated


def test_an_empty_field_counts_as_nothing_where_that_is_the_default() -> None:
    assert read_assumptions({"requests": None, "pages": None}) == DEFAULT
