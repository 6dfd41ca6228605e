"""A connection on which no whole request comes is closed; uvicorn itself would wait for ever.

Who opens connections and sends a header's letters one by one ("slow loris") would otherwise use up the descriptors.
Bodies have a time of their own (`bodies.py`), and connections between two requests one of uvicorn's.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# How long a request's head may take.
HEAD_SECONDS = 15.0
_Protocol: Any = AutoHTTPProtocol


class PatientProtocol(_Protocol):  # type: ignore[misc]  # either of uvicorn's two, by what is installed
    """uvicorn's protocol, patient for HEAD_SECONDS with a request whose head does not end."""

    _answered: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to watch."""
        super().connection_made(transport)
        self._watch()

    def _watch(self) -> None:
        """Look again in a while, as long as there is a connection."""
        self._watching = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._look)

    def _look(self) -> None:
        """Close when all requests were answered the last time already: what came since is no request."""
        waiting = self.cycle is None or self.cycle.response_complete
        if waiting and self.cycle is self._answered:
            self.transport.close()
            return
        self._answered = self.cycle
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._watching.cancel()
        super().connection_lost(exc)
