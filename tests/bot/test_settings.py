"""Argument over environment over default; a value that makes no sense is named in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import BadSetting
from bot.settings import Settings, origins, read_settings


def test_defaults_serve_this_machine_alone_with_no_model() -> None:
    settings = read_settings()
    assert (settings.host, settings.port, settings.model) == ("127.0.0.1", 7860, "quoting")
    assert settings.home == Path.home() / ".consultant"


def test_the_environment_wins_over_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONSULTANT_HOME", str(tmp_path))
    monkeypatch.setenv("CONSULTANT_PORT", "8123")
    assert (read_settings().home, read_settings().port) == (tmp_path, 8123)


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSULTANT_PORT", "8123")
    assert read_settings(port=9000).port == 9000


def test_an_argument_that_was_not_given_wins_over_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSULTANT_PORT", "8123")
    assert read_settings(port=None).port == 8123


def test_port_0_is_a_value() -> None:
    assert read_settings(port=0).port == 0


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings().port = 1


def test_other_variables_of_the_environment_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSULTANT_TEAM", "six people")
    monkeypatch.setenv("PORT", "1")
    assert read_settings().port == 7860


def test_each_setting_tells_its_origin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONSULTANT_PORT", "8123")
    rows = {name: (value, origin) for name, value, origin in origins(read_settings(home=tmp_path), {"home"})}
    assert rows["CONSULTANT_HOME"] == (str(tmp_path), "argument")
    assert rows["CONSULTANT_PORT"] == ("8123", "environment")
    assert rows["CONSULTANT_HOST"] == ("127.0.0.1", "default")


def test_no_setting_is_left_out_of_the_origins() -> None:
    names = [name for name, _, _ in origins(read_settings(), set())]
    assert names == [f"CONSULTANT_{name.upper()}" for name in Settings.model_fields]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("CONSULTANT_PORT", "http", id="port in words"),
        pytest.param("CONSULTANT_PORT", "65536", id="port too high"),
        pytest.param("CONSULTANT_PORT", "-1", id="port below zero"),
        pytest.param("CONSULTANT_PORT", "", id="port empty"),
        pytest.param("CONSULTANT_MODEL", "no-such-model", id="unknown model"),
        pytest.param("CONSULTANT_LOG_LEVEL", "loud", id="unknown log level"),
    ],
)
def test_a_bad_value_is_named_in_one_line_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting, match=f"{name}.*[Ss]et it to") as caught:
        read_settings()
    assert "\n" not in str(caught.value)


def test_an_empty_home_does_not_mean_the_folder_one_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSULTANT_HOME", "")
    assert read_settings().home == Path.home() / ".consultant"


def test_a_tilde_means_the_persons_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell expands it in `--home=~/data` or in a service's environment file."""
    monkeypatch.setenv("CONSULTANT_HOME", "~/data")
    assert read_settings().home == Path.home() / "data"
