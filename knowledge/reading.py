"""How easily a text reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from knowledge.sentences import plain, sentences


def reading_ease(text: str) -> float:
    """Flesch's reading ease of a text; 0 without words.

    >>> reading_ease("The cat sat on the mat.") > reading_ease("Organisational considerations predominate.")
    True
    """
    return ease_of([plain(sentence.text) for sentence in sentences(text)])


def ease_of(said: Sequence[str]) -> float:
    """206.835 - 1.015 words a sentence - 84.6 syllables a word (Flesch, 1948), of sentences; 0 without words.

    60 to 70 is plain English, 30 to 50 reads hard. Syllables are counted by the hyphenation of pyphen.
    """
    spoken = [word for text in said for word in re.findall(r"[A-Za-z]+", text)]
    if not spoken:
        return 0.0
    syllables = sum(len(_hyphens().positions(word)) + 1 for word in spoken)
    return float(206.835 - 1.015 * len(spoken) / len(said) - 84.6 * syllables / len(spoken))


@cache
def _hyphens() -> Any:
    from pyphen import Pyphen

    return Pyphen(lang="en_US")
