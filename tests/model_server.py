"""A server that speaks OpenAI's protocol and fails in every way that one can: the name of the model says how.

Raw sockets, because a well-behaved library would not send what the client must survive. Each request is kept, so that
a test can see what was sent; `closed` counts the connections that the client left before the answer was over.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

TEXT = "A prompt can be changed within minutes. [1]"


@dataclass
class ModelServer:
    """Runs on a thread of its own; a context manager. `text` is the answer, or makes it of the last message."""

    text: str | Callable[[str], str] = TEXT
    # What it answers when it is held to a schema; without, it does not know schemas.
    structured: Callable[[str], str] | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    closed: int = 0
    url: str = ""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __enter__(self) -> ModelServer:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, started: threading.Event) -> None:
        async def start() -> None:
            self._server = server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            started.set()

        self._loop.create_task(start())
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._server.close()
        for writer in self._writers:
            # One that is closing with nothing left to send ends by itself; ended, it cannot be aborted.
            if not writer.is_closing() or writer.transport.get_write_buffer_size():
                writer.transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                int(v) for k, _, v in (h.partition(": ") for h in head.split("\r\n")) if k.lower() == "content-length"
            )
            body = json.loads(await reader.readexactly(length))
            self.requests.append(body)
            answer = _ANSWERS.get(body["model"].split("/")[0], _fine)
            await answer(self, body, reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed += 1
        finally:
            writer.close()

    async def stream(self, writer: asyncio.StreamWriter, pieces: AsyncIterator[bytes] | list[bytes]) -> None:
        """The head of an event stream, then the pieces as they come."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        if isinstance(pieces, list):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        else:
            async for piece in pieces:
                writer.write(piece)
                await writer.drain()


def event(text: str = "", *, finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    """A chunk of a chat completion as a server-sent event."""
    choices = [] if usage else [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}]
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    if usage:
        chunk["usage"] = {**usage, "total_tokens": sum(usage.values())}
    return f"data: {json.dumps(chunk)}\n\n".encode()


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 100, "completion_tokens": 20}
Answered = Callable[[ModelServer, dict[str, Any], asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _fine(
    server: ModelServer, body: dict[str, Any], _: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if "response_format" in body and server.structured is None:
        await _status(400)(server, body, _, writer)
        return
    await server.stream(writer, [*_words(server, body), event(finish="stop"), event(usage=USAGE), DONE])


def _words(server: ModelServer, body: dict[str, Any]) -> list[bytes]:
    says = server.structured if "response_format" in body else server.text
    assert says is not None, "a schema is refused before"
    text = says if isinstance(says, str) else says(body["messages"][-1]["content"])
    return [event(piece) for word in text.split(" ") for piece in (word, " ")]


async def _fine_then_hang(
    server: ModelServer, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await server.stream(writer, _words(server, body))
    await _until_left(server, reader)


async def _fine_then_end(
    server: ModelServer, body: dict[str, Any], _: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await server.stream(writer, _words(server, body))


def _status(code: int, headers: str = "") -> Answered:
    async def answer(
        _: ModelServer, __: dict[str, Any], ___: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        body = json.dumps({"error": {"message": "no", "type": "x", "code": None}}).encode()
        head = f"HTTP/1.1 {code} Failed\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)

    return answer


def _flaky(times: int, code: int, headers: str = "") -> Answered:
    """Fails so many times, then answers."""

    async def answer(
        server: ModelServer, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        tried = sum(r["model"] == body["model"] for r in server.requests)
        await (_status(code, headers) if tried <= times else _fine)(server, body, reader, writer)

    return answer


def _streams(*pieces: bytes, then: str = "close") -> Answered:
    async def answer(
        server: ModelServer, _: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.stream(writer, list(pieces))
        if then == "hang":
            await _until_left(server, reader)
        if then == "reset":
            _reset_connection(writer)

    return answer


async def _hang(
    server: ModelServer, _: dict[str, Any], reader: asyncio.StreamReader, __: asyncio.StreamWriter
) -> None:
    await _until_left(server, reader)


async def _until_left(server: ModelServer, reader: asyncio.StreamReader) -> None:
    """Wait until the client goes away."""
    while await reader.read(1024):
        pass
    server.closed += 1


async def _endless(
    server: ModelServer, _: dict[str, Any], __: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async def words() -> AsyncIterator[bytes]:
        n = 0
        while True:
            n += 1
            yield event(f"word{n} ")
            await asyncio.sleep(0)

    await server.stream(writer, words())


async def _reset(_: ModelServer, __: dict[str, Any], ___: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _reset_connection(writer)


def _reset_connection(writer: asyncio.StreamWriter) -> None:
    """Close without a goodbye: the other side sees a reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


HALF = [event("A prompt can be changed within minutes. [1] "), event("And th")]
_ANSWERS: dict[str, Answered] = {
    "401": _status(401),
    "404": _status(404),
    "429": _status(429),
    "429-wait": _status(429, "Retry-After: 1\r\n"),
    "429-long": _status(429, "Retry-After: 3600\r\n"),
    "500": _status(500),
    "502": _status(502),
    "503": _status(503),
    "once-503": _flaky(1, 503),
    "once-429": _flaky(1, 429, "Retry-After: 1\r\n"),
    "hang": _hang,
    "fine-then-end": _fine_then_end,
    "fine-then-hang": _fine_then_hang,
    "hang-mid": _streams(*HALF, then="hang"),
    "reset": _reset,
    "reset-mid": _streams(*HALF, then="reset"),
    "truncated": _streams(*HALF, b'data: {"id": "1", "object": "chat.comp'),
    "no-end": _streams(*HALF),
    "bad-json": _streams(*HALF, b"data: {no json}\n\n", DONE),
    "empty": _streams(event(finish="stop"), DONE),
    "not-utf8": _streams(b'data: {"choices": [{"delta": {"content": "\xff\xfe\xfa"}}]}\n\n', DONE),
    "10mb": _streams(event("x" * 10_000_000), event(finish="stop"), DONE),
    "endless": _endless,
}
