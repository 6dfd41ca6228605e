"""What stands before the app: reachable routes, origins, names, proxies, sizes, quotas, places, and the log."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from bot.consultant import Consultant
from bot.settings import read_settings
from bot.types import Draft
from knowledge.errors import NoIndex
from tests.ui.conftest import serving
from tests.ui.test_api import PROJECT, SECRET, Scripted, until
from ui import bodies, guards, health, server
from ui.logs import JsonFormatter
from ui.quotas import Asker, Counting
from ui.sites import Access, Quotas, Site

SHOP, STRANGER = "https://shop.example", "https://evil.example"
TOKEN = "a-token-of-the-shop"
ACCESS = Access(
    sites=(Site(name="shop", origins=(SHOP,), tokens=(SecretStr(TOKEN),), quotas=Quotas(visitor_per_minute=3)),),
    hosts=("ask.example",),
    proxies=("127.0.0.1",),
    quotas=Quotas(visitor_per_minute=4),
)
HOST = {"Host": "ask.example"}
ROUTES = Path(__file__).parent / "routes.txt"


@pytest.fixture(scope="module")
def client(consultant: Consultant) -> Iterator[httpx.Client]:
    """A server in public: it has a name, stands behind a proxy, one place, and one in the queue."""
    with serving(
        lambda: server.application(consultant, access=ACCESS, settings=read_settings(concurrency=1, queue=1))
    ) as client:
        client.headers.update(HOST)
        yield client


def ask(client: httpx.Client, *, visitor: str, question: str = "thanks", **headers: str) -> httpx.Response:
    """A question of a visitor, as the proxy hands it on."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/api/ask", json={"question": question}, headers={"X-Forwarded-For": visitor, **named})


def complete(client: httpx.Client, token: str) -> httpx.Response:
    body = {"model": "consultant", "messages": [{"role": "user", "content": "thanks"}]}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.post("/v1/chat/completions", json=body, headers={"X-Forwarded-For": "198.51.100.99", **headers})


# --- routes


def paths(routes: Any, prefix: str = "") -> Iterator[str]:
    """The paths of all routes of an app, with those of the apps that are mounted in it."""
    for route in routes:
        inner = getattr(route, "app", None) or getattr(route, "original_router", None)
        path = prefix + getattr(route, "path", "")
        if hasattr(inner, "routes"):
            yield from paths(inner.routes, path)
        elif path:
            yield path


def test_what_is_reachable_is_what_the_golden_file_says(
    consultant: Consultant, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps: list[Any] = []

    def kept(app: Any, *_: object) -> Any:
        apps.append(app)
        return app

    async def made() -> None:
        monkeypatch.setattr(server, "guarded", kept)
        server.application(consultant)

    asyncio.run(made())
    examples = {
        path: re.sub(r"\{[^}]*\}", "x", path.replace("{api_name}", "predict")) for path in paths(apps[0].routes)
    }
    found = sorted(path for path, example in examples.items() if guards.REACHABLE.fullmatch(example))
    assert found == ROUTES.read_text(encoding="utf-8").split()


@pytest.mark.parametrize(
    "path",
    [
        "/openapi.json",
        "/docs",
        "/monitoring",
        "/monitoring/summary",
        "/runs",
        "/upload",
        "/file=/etc/passwd",
        "/proxy=http://127.0.0.1/",
        "/gradio_api/upload",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/proxy=http://127.0.0.1/",
        "/gradio_api/call/x",
        "/gradio_api/run/other",
        "/gradio_api/component_server",
        "/gradio_api/deep_link",
        "/gradio_api/vibe-code/",
        "/login",
        "/svelte/x.js",
        "//etc/passwd",
        "/v1/files",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_gradio_offers_beside_the_page_is_not_there(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert "nothing at this address" in answer.text


# --- origins and names


@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions"])
def test_a_listed_origin_may_read_answers_without_credentials(client: httpx.Client, path: str) -> None:
    asked = {
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    before = client.options(path, headers=asked)
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, SHOP)
    sent = ask(client, visitor="198.51.100.1", Origin=SHOP).headers
    assert sent["access-control-allow-origin"] == SHOP
    assert "access-control-allow-credentials" not in {**before.headers, **sent}


@pytest.mark.parametrize("origin", [STRANGER, "null", "https://shop.example.evil.example", "http://shop.example"])
def test_no_other_origin_may(client: httpx.Client, origin: str) -> None:
    before = client.options("/api/ask", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert before.status_code == 400
    sent = ask(client, visitor="198.51.100.2", Origin=origin).headers
    assert not [name for name in {**before.headers, **sent} if name == "access-control-allow-origin"]


@pytest.mark.parametrize("path", ["/", "/config", "/embed", "/readyz"])
def test_the_page_is_read_by_no_other_origin_even_a_listed_one(client: httpx.Client, path: str) -> None:
    assert "access-control-allow-origin" not in client.get(path, headers={"Origin": SHOP}).headers


@pytest.mark.parametrize("host", ["evil.example", "ask.example.evil.example", "127.0.0.1", ""])
def test_by_another_name_nothing_is_answered(client: httpx.Client, host: str) -> None:
    answer = client.get("/config", headers={"Host": host})
    assert (answer.status_code, list(answer.json())) == (421, ["error"])


@pytest.mark.parametrize("host", ["ask.example", "ASK.example:443"])
def test_by_its_own_name_it_answers(client: httpx.Client, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200
    assert client.get("/healthz", headers={"Host": "127.0.0.1:1"}).status_code == 200


# --- sizes


@pytest.mark.parametrize("how", ["told", "not told"])
@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions"])
def test_a_large_body_is_turned_down_before_it_is_read(client: httpx.Client, path: str, how: str) -> None:
    body = b'{"question": "' + b"a" * 64_001
    content = body if how == "told" else iter([body[:40_000], body[40_000:]])
    answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "64 kB" in answer.text


def test_a_body_that_does_not_come_holds_nobody_up(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 1.0)
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as slow:
        slow.sendall(b"POST /api/ask HTTP/1.1\r\nHost: ask.example\r\nContent-Length: 100\r\n\r\n{")
        began = time.monotonic()
        assert client.get("/healthz").status_code == 200
        assert time.monotonic() - began < 1
        slow.settimeout(20)
        assert b" 408 " in slow.recv(100)


# --- quotas, tokens, places


def test_a_visitor_has_a_quota_of_their_own(client: httpx.Client) -> None:
    answers = [ask(client, visitor="198.51.100.3") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["error"].startswith("You have asked 4 questions within a minute")
    assert ask(client, visitor="198.51.100.4").status_code == 200


def test_an_address_of_one_s_own_making_is_not_believed(client: httpx.Client) -> None:
    """What a visitor writes stands before what the proxy adds."""
    spoofed = [ask(client, visitor=f"203.0.113.{n}, 198.51.100.5").status_code for n in range(5)]
    assert spoofed == [200] * 4 + [429]


def test_without_listed_proxies_no_forwarded_address_counts(consultant: Consultant) -> None:
    access = Access(quotas=Quotas(visitor_per_minute=2))
    with serving(lambda: server.application(consultant, access=access)) as client:
        assert [ask(client, visitor=f"203.0.113.{n}").status_code for n in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("header", [{"Origin": SHOP}, {"X_Consultant_Site": "shop"}], ids=["origin", "frame"])
def test_a_site_s_quota_holds_for_its_visitors(client: httpx.Client, header: dict[str, str]) -> None:
    visitor = f"198.51.100.{6 + len(next(iter(header)))}"
    assert [ask(client, visitor=visitor, **header).status_code for _ in range(4)] == [200] * 3 + [429]


def test_a_site_s_day_is_counted_over_all_its_visitors() -> None:
    site = Site(name="shop", origins=(SHOP,), quotas=Quotas(site_per_day=2))
    counts = Counting(Access(sites=(site,)))
    told = [counts.count(Asker(f"198.51.100.{n}", "shop")) for n in range(3)]
    assert told[:2] == [None, None]
    assert told[2] is not None
    assert told[2].sentence.startswith("This site has asked 2 questions within a day")
    assert counts.count(Asker("198.51.100.1")) is None


def test_where_sites_have_tokens_openai_s_protocol_needs_one(client: httpx.Client) -> None:
    none, wrong, right = complete(client, ""), complete(client, "another-token-of-nobody"), complete(client, TOKEN)
    assert (none.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    assert none.json()["error"]["type"] == "authentication_error"
    assert ask(client, visitor="198.51.100.30", Authorization="Bearer wrong").status_code == 401


def test_who_comes_when_all_places_are_taken_waits_or_is_told_to_come_again(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consultant, "writer", Scripted(Draft("Done.", "plain"), seconds=1.5))
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, client, visitor=f"198.51.100.{40 + n}", question=PROJECT) for n in range(4)]
        answers = [one.result() for one in asked]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["retry-after"] == "5"
    assert "Ask again in 5 seconds." in refused.json()["error"]
    assert ask(client, visitor="198.51.100.45").status_code == 200


# --- what is told of it


def samples(client: httpx.Client) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(s.name, tuple(s.labels.values())): s.value for family in families for s in family.samples}


def test_metrics_count_answers_requests_and_refusals(client: httpx.Client) -> None:
    before = samples(client)
    ask(client, visitor="198.51.100.50", question="What is LoRA?")
    client.get("/wp-login.php")
    client.post("/api/ask", content=b"a" * 70_000)
    after = samples(client)

    def grown(name: str, *labels: str) -> float:
        return after.get((name, labels), 0) - before.get((name, labels), 0)

    assert grown("consultant_answers_total", "grounded") == 1
    assert grown("consultant_answer_seconds_count") == 1
    assert grown("consultant_refused_total", "size") == 1
    assert grown("consultant_requests_total", "GET", "unknown", "404") == 1
    assert after["consultant_open_answers", ()] == 0


def test_readiness_is_told_once_the_first_question_could_be_answered(client: httpx.Client) -> None:
    assert until(lambda: client.get("/readyz").status_code == 200, seconds=60)


def test_what_is_missing_is_told_with_the_next_step(consultant: Consultant, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = threading.Event()

    def loading(*_: object) -> None:
        waits.wait(30)
        raise NoIndex(SECRET)

    monkeypatch.setattr(consultant, "ask", loading)
    readiness = health.Readiness(consultant)
    readiness.begin()
    assert readiness.missing() == health.LOADING
    waits.set()
    assert until(lambda: readiness.missing() == health.FAULT, seconds=10)
    monkeypatch.undo()
    assert until(lambda: readiness.missing() == "", seconds=60)


def test_a_request_is_logged_without_what_was_said(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        ask(client, visitor="198.51.100.60", question="What is my secret plan with LoRA?")
    (record,) = [record for record in caplog.records if record.name == "consultant.requests"]
    line = json.loads(JsonFormatter().format(record))
    kept = {name: line[name] for name in ("level", "method", "path", "status", "client")}
    assert kept == {
        "level": "info",
        "method": "POST",
        "path": "/api/ask",
        "status": 200,
        "client": "198.51.100.60",
    }
    assert "secret plan" not in caplog.text


def test_a_logged_error_has_its_traceback_in_one_line() -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        record = logging.LogRecord("ui", logging.ERROR, "", 0, "error id %s", ("ab12",), (type(error), error, None))
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "error id ab12"
    assert "RuntimeError: broken" in json.loads(line)["traceback"]
