"""Shared by the tests of the command line and of the server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from bot import assemble
from knowledge.embeddings import SentenceEmbedder
from ui import server


@contextmanager
def serving(make: Callable[[], ASGIApp]) -> Iterator[httpx.Client]:
    """A client of a real server; its socket listens first, so the first request waits until it is up."""

    async def made() -> ASGIApp:
        # Outside a running event loop Gradio makes one for each of its locks and leaves it open.
        return make()

    listening = socket.create_server(("127.0.0.1", 0))
    serving = uvicorn.Server(server.configuration(asyncio.run(made()), log_level="critical"))
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]})
    thread.start()
    # Uvicorn closes a connection after a fault without saying so: take a new one for each request.
    address, close = f"http://127.0.0.1:{listening.getsockname()[1]}", {"Connection": "close"}
    with httpx.Client(base_url=address, headers=close, timeout=240) as client:
        yield client
    serving.should_exit = True
    thread.join()


@pytest.fixture
def loaded_model(monkeypatch: pytest.MonkeyPatch, embedder: SentenceEmbedder) -> None:
    """Commands that run in this process share the session's embedding model instead of loading one each."""
    monkeypatch.setattr(assemble, "embedder", lambda _: embedder)
