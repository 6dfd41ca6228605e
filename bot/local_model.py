"""A local model file behind a server of its own: a child process on the loopback interface that ends with us.

A damaged model or a bug of its runtime can take down the process that runs it, so it is not ours. The child speaks
OpenAI's protocol (llama.cpp's server, by xllamacpp); only who knows its key, made anew at each start, is answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from bot.errors import ModelUnavailable
from bot.model_files import check

CONTEXT_TOKENS = 8192
# Conversations answered at the same time; each has CONTEXT_TOKENS of its own.
SLOTS = 2
STARTS_WITHIN = 120.0


class LocalModel:
    """Starts the child at the first request, and again when it has died."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._child: subprocess.Popen[str] | None = None
        self._address = self._key = ""
        self._lock = threading.Lock()
        self._checked = False
        self._end: Callable[[], object] = lambda: None

    def require(self) -> None:
        """Raise ModelUnavailable when the runtime or the file is not there."""
        try:
            import xllamacpp  # noqa: F401
        except ImportError as error:
            raise ModelUnavailable(
                "A local model needs the package xllamacpp. Install it with: pip install -e '.[local]'"
            ) from error
        if not self.path.is_file():
            check(self.path)

    def address(self) -> tuple[str, str]:
        """The address and the key of the running child; raises ModelUnavailable when it does not start."""
        with self._lock:
            if self._child is None or self._child.poll() is not None:
                self._end()
                self._start()
            return self._address, self._key

    def client(self) -> httpx.AsyncClient:
        """An HTTP client that finds the child wherever it listens."""
        return httpx.AsyncClient(transport=_ToChild(self))

    def close(self) -> None:
        """End the child; it also ends when nobody holds this object any longer."""
        with self._lock:
            self._end()

    def _start(self) -> None:
        if not self._checked:
            check(self.path)
            self._checked = True
        self._key = secrets.token_hex(16)
        child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "bot.local_model", str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "CONSULTANT_LOCAL_KEY": self._key},
        )
        self._end = weakref.finalize(self, _ended, child)
        assert child.stdout is not None, "a pipe was asked for"
        late = threading.Timer(STARTS_WITHIN, child.kill)
        late.start()
        said = child.stdout.readline()
        late.cancel()
        if not said:
            self._end()
            raise ModelUnavailable(
                f"The model {self.path.name} could not be loaded. Fetch the file again, or another."
            )
        self._child, self._address = child, json.loads(said)["address"]


def _ended(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()


class _ToChild(httpx.AsyncBaseTransport):
    """Sends each request to where the child listens now, with its key."""

    def __init__(self, server: LocalModel) -> None:
        self._server = server
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        address, key = await asyncio.to_thread(self._server.address)
        here = httpx.URL(address)
        request.url = request.url.copy_with(scheme=here.scheme, host=here.host, port=here.port)
        request.headers["host"] = f"{here.host}:{here.port}"
        request.headers["authorization"] = f"Bearer {key}"
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


def main() -> int:
    """Serve the model file named on the command line until standard input ends, which is when our parent does."""
    import xllamacpp

    settings: Any = xllamacpp.CommonParams()
    settings.model.path = sys.argv[1]
    settings.n_ctx = CONTEXT_TOKENS * SLOTS
    settings.n_parallel = SLOTS
    settings.cpuparams.n_threads = os.cpu_count() or 2
    settings.api_keys = [os.environ.pop("CONSULTANT_LOCAL_KEY")]
    settings.endpoint_slots = False
    server = xllamacpp.Server(settings)
    print(json.dumps({"address": server.listening_address}), flush=True)
    sys.stdin.read()
    # The runtime's own shutdown waits for what it is writing.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
