"""The operators' file and the settings beside it: what they give, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.errors import BadSetting
from bot.settings import read_settings
from ui.cli import main
from ui.sites import PUBLIC, Access, Quotas, access_of

SITES = """
[quotas]
visitor_per_minute = 20

[[sites]]
name = "shop"
origins = ["https://shop.example", "https://www.shop.example:8443"]
tokens = ["a-token-of-the-shop"]
quotas = {visitor_per_minute = 5, visitor_per_day = 50, site_per_day = 500}
branding = {title = "Ask the shop", colour = "#0f766e"}

[[sites]]
name = "bank"
origins = ["https://bank.example"]
"""


def read(tmp_path: Path, text: str = SITES, *, insecure: bool = False, **settings: str) -> Access:
    file = tmp_path / "sites.toml"
    file.write_text(text, encoding="utf-8")
    return access_of(read_settings(home=tmp_path, sites=file, **settings), insecure=insecure)


def test_a_site_is_known_by_its_origin_its_name_and_its_token(tmp_path: Path) -> None:
    access = read(tmp_path, allowed_origins="http://localhost:3000, https://more.example")
    shop, bank = access.sites
    assert access.site_of("https://www.shop.example:8443") is shop
    assert access.named("bank") is bank
    assert access.holder("a-token-of-the-shop") is shop
    assert access.holder("another-token-of-nobody") is None
    assert access.origins[:2] == ("http://localhost:3000", "https://more.example")
    assert len(access.origins) == 5


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example:443",
        "http://shop.example",
        "https://shop.example.evil.example",
        "https://evil.example",
        "null",
        "",
    ],
)
def test_another_origin_is_not_allowed(tmp_path: Path, origin: str) -> None:
    assert not read(tmp_path).allows(origin)


def test_a_token_is_never_shown(tmp_path: Path) -> None:
    assert "a-token-of-the-shop" not in repr(read(tmp_path))


def test_a_site_s_own_quotas_win_and_without_any_a_public_server_has_some(tmp_path: Path) -> None:
    access = read(tmp_path)
    assert access.sites[0].quotas == Quotas(visitor_per_minute=5, visitor_per_day=50, site_per_day=500)
    assert access.quotas == Quotas(visitor_per_minute=20)
    assert access_of(read_settings(host="127.0.0.1")).quotas == Quotas()
    for public in ({"host": "0.0.0.0"}, {"trusted_proxies": "10.0.0.1"}, {"allowed_origins": "https://a.example"}):
        assert access_of(read_settings(**public)).quotas == PUBLIC


MISTAKES = {
    "no TOML": ("[[sites", "is no TOML"),
    "an address": (SITES.replace("https://bank.example", "https://bank.example/"), "sites.1.origins.0"),
    "no scheme": (SITES.replace("https://bank.example", "bank.example"), "Write it as https://host"),
    "a pattern": (SITES.replace("https://bank.example", "https://*.example"), "sites.1.origins.0"),
    "capitals": (SITES.replace("https://bank.example", "https://Bank.example"), "sites.1.origins.0"),
    "the null origin": (SITES.replace("https://bank.example", "null"), "sites.1.origins.0"),
    "every page": (SITES.replace("https://bank.example", "*"), "--insecure"),
    "a short token": (SITES.replace("a-token-of-the-shop", "short"), "sites.0.tokens.0"),
    "an unknown key": (SITES.replace("tokens =", "prompt ="), "sites.0.prompt"),
    "a quota of nothing": (SITES.replace("site_per_day = 500", "site_per_day = 0"), "sites.0.quotas.site_per_day"),
    "a colour's name": (SITES.replace("#0f766e", "red; } body {"), "sites.0.branding.colour"),
    "no name": (SITES.replace('name = "bank"', ""), "sites.1.name"),
    "a name twice": (SITES.replace('"bank"', '"shop"'), "'shop' is there twice"),
    "an origin twice": (SITES.replace("bank.example", "shop.example"), "is there twice"),
}


@pytest.mark.parametrize(("text", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_in_a_sentence_that_names_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadSetting) as told:
        read(tmp_path, text)
    assert words in str(told.value)
    assert str(told.value).startswith(str(tmp_path / "sites.toml"))
    assert str(told.value).endswith(".")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"cannot be read.*CONSULTANT_SITES"):
        access_of(read_settings(sites=tmp_path / "none.toml"))


def test_every_page_may_embed_only_where_that_is_called_insecure(tmp_path: Path) -> None:
    settings = read_settings(allowed_origins="*")
    with pytest.raises(BadSetting, match=r"CONSULTANT_ALLOWED_ORIGINS: .*--insecure"):
        access_of(settings)
    access = access_of(settings, insecure=True)
    assert access.allows("https://any.example")
    assert not access.allows("https://any.example; script-src *")


def test_the_tag_is_printed_for_the_name_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSULTANT_TRUSTED_HOSTS", "ask.example")
    monkeypatch.setenv("CONSULTANT_ALLOWED_ORIGINS", "https://shop.example")
    said = CliRunner().invoke(main, ["serve", "--print-embed"])
    assert said.exit_code == 0
    assert '<script src="https://ask.example/widget.js" async></script>' in said.output
    assert "https://shop.example" in said.output


def test_serving_every_page_is_refused_at_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSULTANT_ALLOWED_ORIGINS", "*")
    said = CliRunner().invoke(main, ["serve"])
    assert (said.exit_code, said.stdout) == (1, "")
    assert "--insecure" in said.stderr


def test_the_operator_s_token_is_no_site_s(tmp_path: Path) -> None:
    access = read(tmp_path, f'operator_tokens = ["a-token-of-the-operator"]\n{SITES}')
    assert access.operates("a-token-of-the-operator")
    assert not access.operates("a-token-of-the-shop")
    assert access.holder("a-token-of-the-operator") is None


def test_a_server_that_others_reach_is_not_one_s_own(tmp_path: Path) -> None:
    assert access_of(read_settings(home=tmp_path)).alone
    assert not access_of(read_settings(home=tmp_path, host="0.0.0.0")).alone
    assert not read(tmp_path).alone
