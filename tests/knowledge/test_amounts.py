"""Numbers as people write them."""

from __future__ import annotations

import pytest

from knowledge.amounts import Amount, amounts

STATED = {
    "thousands with k": ("40k labelled images", "examples", 40_000),
    "number words": ("about forty thousand labelled images", "examples", 40_000),
    "comma": ("we have 1,200 annotated contracts", "examples", 1_200),
    "pairs": ("40k sentence pairs", "examples", 40_000),
    "a day": ("~50k calls a day", "requests_per_month", 1_500_000),
    "per month with m": ("5M reviews a month", "requests_per_month", 5_000_000),
    "slash": ("~30M lines/month", "requests_per_month", 30_000_000),
    "weekly": ("40 NDAs weekly", "requests_per_month", 172),
    "milliseconds": ("need under 100 ms for chat", "milliseconds", 100),
    "milliseconds joined": ("within 50ms", "milliseconds", 50),
    "seconds": ("4 seconds is too slow", "milliseconds", 4_000),
    "euros": ("maybe 100 euros a month", "euros_per_month", 100),
    "euros a year": ("€12,000 per year", "euros_per_month", 1_000),
    "deadline": ("3 weeks until demo", "days", 21),
    "we have weeks": ("we have two weeks", "days", 14),
    "pages": ("a handbook of 300 pages", "pages", 300),
    "files": ("~12,000 PDFs of protocols", "pages", 48_000),
}


@pytest.mark.parametrize(("text", "unit", "value"), STATED.values(), ids=STATED.keys())
def test_an_amount_is_read_with_its_unit(text: str, unit: str, value: float) -> None:
    (amount,) = amounts(text)
    assert amount.unit == unit
    assert amount.value == pytest.approx(value, rel=0.01)


UNSTATED = {
    "people": "we are 6 people",
    "years of logs": "3 years of click logs",
    "a model's size": "an 8B model",
    "a code": "error E-2217 on model PX40",
    "an age": "our handbook is 2 years old",
    "unlabelled": "5,000 unlabelled photos",
}


@pytest.mark.parametrize("text", UNSTATED.values(), ids=UNSTATED.keys())
def test_a_number_that_counts_something_else_is_left_alone(text: str) -> None:
    assert amounts(text) == []


def test_two_amounts_in_one_clause() -> None:
    assert amounts("2,000 labelled mails and 100 euros a month") == [
        Amount("examples", 2000),
        Amount("euros_per_month", 100),
    ]
