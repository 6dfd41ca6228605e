"""What a model can is tested once, by what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.capability import Capability, examine, remembered
from bot.completion import ModelFault
from bot.models import chat_model, parse
from tests.model_server import ModelServer


def able(message: str) -> str:
    if "blue, red, green" in message:
        return '["blue", "green", "red"]'
    return "A card costs four crowns. [2]" if "cost" in message.split("<passage")[0] else "NOTHING"


@pytest.mark.parametrize(
    ("says", "found"),
    [
        (able, Capability(True, True, True)),
        (lambda m: f"Sure! {able(m)}", Capability(False, True, False)),
        (lambda m: able(m).replace(" [2]", ""), Capability(True, False, True)),
        (lambda m: "The bridge was built in 1850. [1]", Capability()),
    ],
    ids=["able", "chatty", "without numbers", "inventing"],
)
def test_a_model_shows_what_it_can(server: ModelServer, says: object, found: Capability) -> None:
    server.text = says  # type: ignore[assignment]
    assert examine(chat_model(parse(f"{server.url}#m", Path())), timeout=9) == found
    assert found.full == (found == Capability(True, True, True))


@pytest.mark.parametrize(
    ("says", "can"),
    [
        ('{"sentences": [{"text": "Four crowns.", "passage": 2}]}', True),
        ('{"sentences": [{"text": "Four crowns.", "passage": 1}]}', False),
        ("Four crowns. [2]", False),
        (None, False),
    ],
    ids=["able", "wrong passage", "no JSON", "refused"],
)
def test_a_model_that_can_be_held_to_a_schema_is_told(server: ModelServer, says: str | None, can: bool) -> None:
    server.text = able
    server.structured = None if says is None else lambda _: says
    found = examine(chat_model(parse(f"{server.url}#m", Path())), timeout=9)
    assert (found.full, found.structured) == (True, can)


def test_it_is_tested_once(tmp_path: Path) -> None:
    asked = []

    def examined() -> Capability:
        asked.append(1)
        return Capability(True, True, True)

    for _ in range(3):
        assert remembered(tmp_path / "home", "m", examined).full
    assert remembered(tmp_path / "home", "other", lambda: Capability()) == Capability()
    assert remembered(tmp_path / "home", "m", examined).full
    assert len(asked) == 1


def test_a_spoilt_memory_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "capabilities.json").write_text('{"m": {"wings": true}}')
    assert remembered(tmp_path, "m", lambda: Capability(cites=True)) == Capability(cites=True)
    assert remembered(tmp_path, "m", Capability) == Capability(cites=True)


def test_a_fault_is_no_ability_and_not_remembered(server: ModelServer, tmp_path: Path) -> None:
    model = chat_model(parse(f"{server.url}#401", Path()))
    with pytest.raises(ModelFault, match="refused the key"):
        remembered(tmp_path, "m", lambda: examine(model, timeout=3))
    assert not (tmp_path / "capabilities.json").exists()
