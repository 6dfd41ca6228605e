"""Sentences, their places and their sources."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.sentences import after_markers, plain, sentences, without_markers

thorough = settings(max_examples=150, deadline=None, derandomize=True)
# What stands in real texts: letters, stops, brackets, quotes, bullets, odd spaces, line ends, an emoji.
prose = st.text(alphabet="abc ABé.!?\n\t-*>«»“”’()…。😀\u200b\u2028", max_size=100)


def texts(text: str) -> list[str]:
    """The sentences' texts alone."""
    return [sentence.text for sentence in sentences(text)]


def letters(text: str) -> str:
    """The letters of a text, by which a loss is noticed."""
    return "".join(re.findall(r"[^\W\d_]", text))


@thorough
@given(prose, st.integers(0, 50))
def test_a_sentence_is_the_slice_of_its_text_that_it_says(text: str, offset: int) -> None:
    for sentence in sentences(text, offset=offset):
        assert text[sentence.start - offset : sentence.end - offset] == sentence.text
        assert sentence.text.strip() == sentence.text != ""


@thorough
@given(prose)
def test_sentences_come_in_order_and_lose_no_letter(text: str) -> None:
    found = sentences(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert "".join(letters(s.text) for s in found) == letters(text)


def test_abbreviations_and_figures_end_no_sentence() -> None:
    assert texts("See e.g. Dr. Smith et al. on it. Version 3.5 costs $4.50 now. Ask?") == [
        "See e.g. Dr. Smith et al. on it.",
        "Version 3.5 costs $4.50 now.",
        "Ask?",
    ]


@pytest.mark.parametrize("bullet", ["-", "*", "+", "•", "1.", "23)"])
def test_a_list_item_is_a_sentence_without_its_bullet(bullet: str) -> None:
    assert texts(f"{bullet} apples from Kent\n{bullet} pears") == ["apples from Kent", "pears"]


def test_a_heading_is_no_sentence() -> None:
    assert texts("Before it.\n\n## What does it cost?\n\nNothing.") == ["Before it.", "Nothing."]


def test_paragraphs_end_sentences_and_line_breaks_do_not() -> None:
    assert texts("no stop here\n\nbut a new\nparagraph") == ["no stop here", "but a new\nparagraph"]


def test_an_empty_text_has_no_sentence() -> None:
    assert sentences("") == []
    assert sentences(" \n\n\t ") == []


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        pytest.param("It is so. [@hu2021]", [("hu2021",)], id="one"),
        pytest.param("It is so. [@hu2021; @liu-2022]", [("hu2021", "liu-2022")], id="two in one marker"),
        pytest.param("It is so. [@a] [@b]", [("a", "b")], id="two markers"),
        pytest.param("It is so.[@a]", [("a",)], id="without a space"),
        pytest.param("It is so.\n[@a]", [("a",)], id="on the next line"),
        pytest.param("It is so. [@a] Or not? [@b] Yes.", [("a",), ("b",), ()], id="each its own"),
        pytest.param("- It is so. [@a]\n- Not so. [@b]", [("a",), ("b",)], id="list items"),
        pytest.param("It costs €5 😀. [@a]", [("a",)], id="after wide characters"),
    ],
)
def test_a_sentence_keeps_the_keys_of_its_markers(text: str, keys: list[tuple[str, ...]]) -> None:
    found = sentences(text)
    assert [s.keys for s in found] == keys
    assert not any("[@" in s.text for s in found)


@pytest.mark.parametrize("end", ["plan A.", "Acme Inc.", "the U.S.", "p. 5 etc."])
def test_a_marker_ends_its_sentence_even_after_an_abbreviation(end: str) -> None:
    found = sentences(f"We took {end} [@hu2021] Then it rained.")
    assert [(s.text, s.keys) for s in found] == [(f"We took {end}", ("hu2021",)), ("Then it rained.", ())]


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2003", "\u3000"], ids=["nbsp", "narrow", "em", "wide"])
def test_an_odd_space_before_a_stop_does_no_harm(space: str) -> None:
    """sentencex 1.0 panics on these, with an exception that is no `Exception`."""
    assert letters("".join(texts(f"We chose plan A{space}. It works."))) == "WechoseplanAItworks"


def test_a_long_run_of_spaces_costs_no_more_than_its_length() -> None:
    """Reports in columns are full of them; looking back from each space would take seconds."""
    began = time.process_time()
    found = texts("Hello there." + " " * 60_000 + "Bye now.")
    assert found == ["Hello there.", "Bye now."]
    assert time.process_time() - began < 1


def test_markers_are_taken_out_where_a_reader_sees_the_text() -> None:
    assert without_markers("One. [@a; @b] Two.\n[@c] Three [4].") == "One. Two. Three [4]."


def test_the_end_of_markers_is_found_only_right_after_the_sentence() -> None:
    text = "One. [@a] [@b] Two. [@c]"
    assert text[: after_markers(text, 4)] == "One. [@a] [@b]"
    assert after_markers(text, 2) == 2


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("Use **LoRA**\nfirst, _not_ `vLLM`.", "Use LoRA first, not vLLM.", id="markup"),
        pytest.param("see [the paper](http://x.y)", "see the paper", id="link"),
        pytest.param("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name", id="no markup"),
        pytest.param("AT&amp;T at p &lt; 5", "AT&T at p < 5", id="entities"),
        pytest.param("Is p<0.05 or n>30?", "Is p<0.05 or n>30?", id="signs"),
        pytest.param("it costs 5\\$", "it costs 5$", id="escape"),
    ],
)
def test_plain_is_what_a_reader_sees(text: str, read: str) -> None:
    assert plain(text) == read


def test_a_marker_in_mid_sentence_is_a_source_and_not_read() -> None:
    [found] = sentences("LoRA [@hu2021] is cheap. [@x1]")
    assert (found.text, found.keys) == ("LoRA [@hu2021] is cheap.", ("hu2021", "x1"))
    assert plain(found.text) == "LoRA is cheap."


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Run this:\n# a comment\nmake test", id="a comment in a program"),
        pytest.param("We are number\n# 1 in the town.", id="a number sign in prose"),
        pytest.param("The price is about\n40. Shipping is free.", id="a number at the start of a wrapped line"),
    ],
)
def test_what_only_looks_like_markup_is_kept(text: str) -> None:
    kept = "".join(sentence.text for sentence in sentences(text))
    assert re.findall(r"\w+", kept) == re.findall(r"\w+", text)


def test_a_list_goes_on_from_any_number_it_opened_with() -> None:
    assert texts("Do this:\n\n3. Sweep.\n4. Mop.\n5. Dry.") == ["Do this:", "Sweep.", "Mop.", "Dry."]
