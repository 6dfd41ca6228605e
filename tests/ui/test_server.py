"""The page and what stands around it: headers, origins, Gradio's own endpoints, and the process that serves."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from bot.consultant import Consultant
from tests.ui.conftest import serving
from ui import guards, headers, server

FOREIGN = ["https://evil.example", "http://localhost:3000", "null"]


@pytest.fixture(scope="module")
def client(consultant: Consultant) -> Iterator[httpx.Client]:
    with serving(lambda: server.application(consultant)) as client:
        yield client


@contextmanager
def process(home: Path, *options: str, module: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """`consultant serve` as a process of its own; what it says on stderr can be read line by line."""
    command = [sys.executable, "-m", *(module or ("ui.cli", "serve", "--home", str(home), "--port", "0")), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


@pytest.mark.parametrize("path", ["/", "/healthz", "/config", "/theme.css", "/openapi.json", "/no-such-page"])
def test_every_page_carries_the_security_headers(client: httpx.Client, path: str) -> None:
    sent = client.get(path).headers
    assert {name: sent.get(name) for name in headers.HEADERS} == headers.HEADERS


def test_a_failure_carries_the_security_headers() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    transport = httpx.ASGITransport(guards.guarded(failing))
    with asyncio.Runner() as runner:
        answer = runner.run(httpx.AsyncClient(transport=transport, base_url="http://here").get("/"))
    assert {name: answer.headers.get(name) for name in headers.HEADERS} == headers.HEADERS


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Forwarded-Server", "Forwarded"])
def test_a_visitor_cannot_tell_the_page_its_address(client: httpx.Client, name: str) -> None:
    value = "host=evil.example" if name == "Forwarded" else "evil.example"
    for path in ("/", "/config"):
        assert "evil.example" not in client.get(path, headers={name: value}).text


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_question_by_another_method_is_told_how_to_ask(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/api/ask")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "sent by POST" in answer.json()["error"]


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = dict(part.split(" ", 1) for part in headers.CONTENT_SECURITY_POLICY.split("; "))
    assert policy["frame-ancestors"] == policy["object-src"] == "'none'"
    assert not [words for words in policy.values() if re.search(r"\*|http|unsafe-eval", words)]


def test_the_page_names_no_other_host(client: httpx.Client) -> None:
    page = client.get("/").text
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(https?:)?//([^/\"]+)", page)
    assert {host for _, host in loaded} <= {client.base_url.netloc.decode()}


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", ["/", "/config", "/healthz", "/gradio_api/info"])
def test_a_foreign_origin_may_not_read(client: httpx.Client, path: str, origin: str) -> None:
    sent = client.get(path, headers={"Origin": origin}).headers
    assert not [name for name in sent if name.startswith("access-control-allow-")]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions", "/gradio_api/queue/join"])
def test_a_foreign_origin_may_not_post(client: httpx.Client, path: str, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    response = client.options(path, headers=asked)
    assert response.status_code == 400
    assert "access-control-allow-origin" not in response.headers
    assert "access-control-allow-credentials" not in response.headers


def test_no_event_of_the_page_is_named_as_an_endpoint_but_the_one_for_programs(client: httpx.Client) -> None:
    told = client.get("/gradio_api/info").json()
    assert (list(told["named_endpoints"]), told["unnamed_endpoints"]) == (["/ask"], {})
    events = client.get("/config").json()["dependencies"]
    assert {event["api_name"] for event in events if event["api_visibility"] != "private"} == {"ask"}


def test_nothing_can_be_uploaded(client: httpx.Client) -> None:
    response = client.post("/gradio_api/upload", files={"files": ("a.html", b"<script>alert(1)</script>")})
    assert response.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("file=/etc/passwd", id="a file of the system"),
        pytest.param("file=../../../etc/passwd", id="a way up"),
        pytest.param("file=HOME/CURRENT", id="the index"),
        pytest.param("proxy=http://127.0.0.1:1/", id="another server"),
        pytest.param("vibe-code/", id="an editor"),
    ],
)
def test_gradio_gives_nothing_of_the_machine_away(client: httpx.Client, corpus_home: Path, path: str) -> None:
    response = client.get(f"/gradio_api/{path.replace('HOME', str(corpus_home))}")
    assert (response.status_code, list(response.json())) == (404, ["error"])


def test_a_port_in_use_is_told_in_one_line(corpus_home: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        process(corpus_home, "--port", str(taken.getsockname()[1])) as started,
    ):
        out, said = started.communicate(timeout=60)
    assert (started.returncode, out) == (1, "")
    assert said.count("\n") == 1
    assert re.search(r"Port \d+ .* cannot be used .*--port", said)


def test_without_an_index_nothing_is_served(tmp_path: Path) -> None:
    with process(tmp_path) as started:
        out, said = started.communicate(timeout=60)
    assert (started.returncode, out) == (1, "")
    assert said.count("\n") == 1
    assert "consultant ingest" in said


def test_ctrl_c_ends_the_server_quietly(corpus_home: Path) -> None:
    with process(corpus_home) as started:
        assert started.stderr is not None
        assert "Consultant is at" in started.stderr.readline()
        started.send_signal(signal.SIGINT)
        out, said = started.communicate(timeout=60)
    assert (started.returncode, out, said) == (0, "", "")


def test_a_server_that_is_told_to_end_lets_answers_end_first(corpus_home: Path) -> None:
    with process(corpus_home, module=("tests.browser.slow_server", str(corpus_home))) as started:
        assert started.stderr is not None
        address = re.findall(r"http://\S+", started.stderr.readline())[0]
        body = {"question": "We have no labelled data and two weeks. Should we fine-tune?", "stream": True}
        with httpx.stream("POST", f"{address}/api/ask", json=body, timeout=60) as response:
            pieces = response.iter_text()
            text = next(pieces)
            assert "event: answer" not in text
            started.send_signal(signal.SIGTERM)
            text += "".join(pieces)
        _, said = started.communicate(timeout=60)
    assert text.count("event: answer") == 1
    assert started.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in said
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz")
