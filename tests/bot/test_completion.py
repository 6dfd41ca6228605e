"""Calls of a model: time limits, retries, faults and cancelling, against a server that provokes each."""

from __future__ import annotations

import gc
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import AsyncGeneratorType

import pytest
from langchain_core.language_models import BaseChatModel

from bot.completion import FAILURES, LONGEST, PAUSE, Circuit, Completion, ModelFault
from bot.models import chat_model, parse
from tests.model_server import ModelServer

ASKED = [("user", "Why a prompt?")]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def call(server: ModelServer, name: str, *, timeout: float = 5.0, circuit: Circuit | None = None) -> Completion:
    return Completion(model(f"{server.url}#{name}"), ASKED, timeout=timeout, circuit=circuit)


@cache
def model(setting: str) -> BaseChatModel:
    return chat_model(parse(setting, Path()), api_key="secret")


def test_an_answer_comes_in_pieces_with_what_it_took(server: ModelServer) -> None:
    completion = call(server, "fine")
    pieces = list(completion)
    assert "".join(pieces).strip() == server.text
    assert len(pieces) > 5
    usage = completion.usage
    assert (usage.tokens_in, usage.tokens_out, usage.tries) == (100, 20, 1)
    assert usage.first_text_seconds is not None
    assert usage.seconds >= usage.first_text_seconds


# What the person is told of each fault.
FAULTS = {
    "401": "refused the key",
    "404": "is not known to its provider",
    "429": "takes no more questions",
    "429-wait": "takes no more questions",
    "429-long": "takes no more questions",
    "500": "had a fault of its own",
    "502": "had a fault of its own",
    "503": "had a fault of its own",
    "hang": "was not ready within 1 seconds",
    "hang-mid": "was not ready within 1 seconds",
    "reset": "lost the connection",
    "reset-mid": "lost the connection",
    "truncated": "cannot be read|broke off|lost the connection",
    "no-end": "broke off",
    "bad-json": "cannot be read",
    "empty": "gave an empty answer",
    "not-utf8": "cannot be read|empty|broke off",
    "10mb": "wrote more than 8,000 characters",
    "endless": "wrote more than 8,000 characters|was not ready",
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_ends_in_time_with_its_reason(server: ModelServer, name: str) -> None:
    def failed(_: int) -> tuple[float, str, str]:
        started, text = time.monotonic(), ""
        try:
            for piece in call(server, name, timeout=1):
                text += piece
        except ModelFault as fault:
            return time.monotonic() - started, text, fault.reason
        raise AssertionError("it did not fail")

    # What sends without end keeps a core busy each.
    with ThreadPoolExecutor(1 if name in ("10mb", "endless") else 10) as pool:
        for seconds, text, reason in pool.map(failed, range(10)):
            assert re.search(FAULTS[name], reason)
            assert seconds < 1 + 2
            assert len(text) <= LONGEST


@pytest.mark.parametrize("name", ["fine", "bad-json", "not-utf8", "no-end", "hang-mid"])
def test_no_half_read_stream_waits_for_garbage_collection(server: ModelServer, name: str) -> None:
    def half_read() -> list[str]:
        # By type: to ask some of the objects for their class is to use them.
        streams = [o for o in gc.get_objects() if type(o) is AsyncGeneratorType]
        return [o.__qualname__ for o in streams if o.ag_frame is not None and "httpcore" in o.ag_code.co_filename]

    gc.collect()
    gc.disable()
    try:
        before = len(half_read())
        with suppress(ModelFault):
            list(call(server, name, timeout=1))
        end = time.monotonic() + 5
        while len(half_read()) > before and time.monotonic() < end:
            time.sleep(0.01)
        assert half_read()[before:] == []
    finally:
        gc.enable()


def test_a_host_that_is_not_there_is_said() -> None:
    away = model("http://no-such-host.invalid/v1#m")
    with pytest.raises(ModelFault, match="whose host cannot be found"):
        list(Completion(away, ASKED, timeout=5))


def test_a_port_where_nothing_listens_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    silent = model(f"http://127.0.0.1:{port}/v1#m")
    with pytest.raises(ModelFault, match="nothing answers at its address"):
        list(Completion(silent, ASKED, timeout=5))


def test_the_client_s_own_error_is_kept(server: ModelServer) -> None:
    with pytest.raises(ModelFault) as caught:
        list(call(server, "401"))
    assert getattr(caught.value.__cause__, "status_code", None) == 401


@pytest.mark.parametrize("name", ["once-503", "once-429"])
def test_what_may_pass_is_tried_again(server: ModelServer, name: str) -> None:
    completion = call(server, f"{name}/again")
    assert "".join(completion).strip() == server.text
    assert completion.usage.tries == 2


def test_what_asks_to_wait_too_long_is_not_waited_for(server: ModelServer) -> None:
    completion = call(server, "429-long/wait", timeout=5)
    started = time.monotonic()
    with pytest.raises(ModelFault):
        list(completion)
    assert completion.usage.tries == 1
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("name", ["reset-mid", "no-end", "truncated"])
def test_nothing_is_tried_again_after_text_was_shown(server: ModelServer, name: str) -> None:
    completion = call(server, f"{name}/shown")
    with pytest.raises(ModelFault):
        list(completion)
    assert completion.usage.tries == 1


def test_who_stops_reading_frees_the_place_on_the_server(server: ModelServer) -> None:
    before = server.closed
    reader = iter(call(server, "hang-mid/left", timeout=30))
    assert next(reader)
    reader.close()  # type: ignore[attr-defined]
    end = time.monotonic() + 1
    while server.closed == before and time.monotonic() < end:
        time.sleep(0.01)
    assert server.closed == before + 1


def test_after_failures_in_a_row_nothing_is_tried_for_a_while(server: ModelServer) -> None:
    now = [0.0]
    circuit = Circuit(clock=lambda: now[0])
    for run in range(FAILURES):
        with pytest.raises(ModelFault, match="401"):
            list(call(server, "401", circuit=circuit))
        assert circuit.failures == run + 1
    asked = len(server.requests)
    with pytest.raises(ModelFault, match="leave it alone for 30 seconds"):
        list(call(server, "fine", circuit=circuit))
    assert len(server.requests) == asked
    now[0] = PAUSE
    assert list(call(server, "fine", circuit=circuit))
    assert circuit.failures == 0


def test_who_stops_reading_says_nothing_against_the_model(server: ModelServer) -> None:
    circuit = Circuit()
    reader = iter(call(server, "fine", circuit=circuit))
    next(reader)
    reader.close()  # type: ignore[attr-defined]
    assert circuit.failures == 0
