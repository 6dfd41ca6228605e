"""The words of the page's controls: each is there in each language, and each is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ui import words

WORDS = yaml.safe_load(words.FILE.read_text(encoding="utf-8"))
USED = {
    key
    for path in Path(words.__file__).parent.glob("*.py")
    for key in re.findall(r'\bsay\("(\w+)"\)', path.read_text(encoding="utf-8"))
}


def test_every_key_is_there_in_both_languages() -> None:
    assert {key: sorted(told) for key, told in WORDS.items() if sorted(told) != ["de", "en"]} == {}
    assert {type(said) for told in WORDS.values() for said in told.values()} == {str}
    told = words.languages().translations_dict
    assert told["de"]["send"] == "Senden"
    assert told["en"].keys() == told["de"].keys() == WORDS.keys()


def test_what_is_used_is_there_and_nothing_else_is() -> None:
    assert set(WORDS) == USED


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        words.say("nothing")
