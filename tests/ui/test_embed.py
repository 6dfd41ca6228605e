"""What other pages load: weight, headers, and the frame's page for each site."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ui import embed
from ui.guards import guarded
from ui.sites import Access, Branding, Site

SHOP = Site(
    name="shop",
    origins=("https://shop.example",),
    branding=Branding(title='"><script>alert(1)</script>', greeting="Hallo", colour="#0f766e"),
)
ACCESS = Access(sites=(SHOP,), more_origins=("https://more.example",))


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    app = FastAPI()
    app.include_router(embed.routes(ACCESS))
    with TestClient(guarded(app, ACCESS)) as client:
        yield client


def policy(response: httpx.Response) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in response.headers["content-security-policy"].split(";")]
    return {name: value for name, _, value in parts}


def test_the_script_weighs_less_than_ten_kilobytes() -> None:
    weight = len(gzip.compress((embed.STATIC / "widget.js").read_bytes(), mtime=0))
    assert weight < 10_000


@pytest.mark.parametrize("name", ["widget.js", "embed.js"])
def test_the_scripts_use_nothing_that_a_strict_policy_forbids(name: str) -> None:
    code = (embed.STATIC / name).read_text(encoding="utf-8")
    assert not re.search(r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write", code)
    assert "http://" not in code.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("name", ["widget.js", "embed.js", "embed.css"])
def test_a_file_is_sent_compressed_once(client: httpx.Client, name: str) -> None:
    first = client.get(f"/{name}", headers={"Accept-Encoding": "gzip"})
    assert (first.status_code, first.headers["content-encoding"]) == (200, "gzip")
    assert first.text == client.get(f"/{name}", headers={"Accept-Encoding": ""}).text
    again = client.get(f"/{name}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.text) == (304, "")
    assert first.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    ("origin", "ancestors"),
    [
        pytest.param("https://shop.example", "'self' https://shop.example", id="a site"),
        pytest.param("https://more.example", "'self' https://more.example", id="a listed origin"),
        pytest.param("", "'self' https://more.example https://shop.example", id="none named"),
        pytest.param("https://evil.example", "'self' https://more.example https://shop.example", id="a stranger"),
        pytest.param("*", "'self' https://more.example https://shop.example", id="any"),
        pytest.param("x; script-src *", "'self' https://more.example https://shop.example", id="a directive"),
    ],
)
def test_only_pages_of_the_site_may_frame_it(client: httpx.Client, origin: str, ancestors: str) -> None:
    response = client.get("/embed", params={"origin": origin})
    assert policy(response)["frame-ancestors"] == ancestors
    assert "x-frame-options" not in response.headers


def test_without_listed_origins_no_other_page_may_frame_it() -> None:
    app = FastAPI()
    app.include_router(embed.routes(Access()))
    with TestClient(guarded(app)) as client:
        assert policy(client.get("/embed?origin=https://a.example"))["frame-ancestors"] == "'self'"


def test_the_policy_of_the_frame_allows_its_own_files_alone(client: httpx.Client) -> None:
    told = policy(client.get("/embed"))
    assert told.pop("frame-ancestors")
    assert told.pop("default-src") == told.pop("base-uri") == told.pop("form-action") == "'none'"
    assert set(told.values()) == {"'self'"}
    page = client.get("/embed").text
    assert not re.search(r"<style|\son\w+=|style=|<script(?! src)", page)


def test_a_site_s_looks_are_words_in_the_page(client: httpx.Client) -> None:
    page = client.get("/embed", params={"origin": "https://shop.example"}).text
    assert 'data-site="shop"' in page
    assert 'data-colour="#0f766e"' in page
    assert "<script>alert" not in page
    assert 'data-site=""' in client.get("/embed", params={"origin": "https://evil.example"}).text
