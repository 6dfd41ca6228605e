"""A question answered off the event loop: so many at once, so many in the queue, and given up when nobody reads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi.concurrency import run_in_threadpool

from bot.completion import given_up
from bot.consultant import AnswerStream, Consultant
from bot.types import Answer, Edit, Message, Statement
from ui.metrics import Metrics
from ui.replies import Refused

# Seconds without news after which a reader is told that the answer is still being written; below ten, so that who
# has gone away is noticed within ten.
HEARTBEAT = 8.0
RETRY_AFTER = 5
BUSY = f"Too many questions are waiting. Ask again in {RETRY_AFTER} seconds."


class Asked:
    """One question that is being answered. Iterate for its statements, then read `answer`; close it to give it up."""

    def __init__(self, stream: AnswerStream, done: Callable[[Answer | None], None]) -> None:
        self._stream = stream
        self._done = done
        self._stop = threading.Event()
        self._pulled: asyncio.Future[Any] | None = None
        self._closed = False
        self.answer: Answer | None = None

    async def statements(self) -> AsyncGenerator[Statement | None, None]:
        """The statements as they come; None when there has been none for HEARTBEAT seconds."""
        given_up.set(self._stop)
        pieces = iter(self._stream)
        try:
            while True:
                pulled = self._pulled = asyncio.ensure_future(run_in_threadpool(next, pieces, None))
                while not (await asyncio.wait({pulled}, timeout=HEARTBEAT))[0]:
                    yield None
                piece = pulled.result()
                if piece is None:
                    break
                yield piece[0]
            self.answer = self._stream.answer
        finally:
            self.close()

    def close(self) -> None:
        """Stop the answer, at once or, while a thread is busy with it, as soon as that can be stopped."""
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        if self._pulled is None or self._pulled.done():
            self._end(self._pulled)
        else:
            self._pulled.add_done_callback(self._end)

    def _end(self, pulled: asyncio.Future[Any] | None) -> None:
        if pulled and not pulled.cancelled():
            # Whoever would have been told of an error has gone.
            pulled.exception()
        with suppress(ValueError):
            self._stream.close()
        self._done(self.answer)


@dataclass
class Desk:
    """Takes questions to one consultant: `at_once` are answered at a time, `queue` may wait, more are refused."""

    consultant: Consultant
    metrics: Metrics = field(default_factory=Metrics)
    at_once: int = 16
    queue: int = 64
    _waiting: int = 0

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.at_once)

    async def ask(self, question: str, history: Sequence[Message], edits: Sequence[Edit] = ()) -> Asked:
        """Wait for a place and begin to answer; raises Refused when the queue is full, and what the consultant
        raises on a bad question. Whoever gets it reads its statements or closes it."""
        await self._place()
        try:
            stream = await run_in_threadpool(self.consultant.stream, question, history, edits)
        except BaseException:
            self._places.release()
            raise
        began = self.metrics.begin()

        def done(answer: Answer | None) -> None:
            self._places.release()
            began(answer)

        return Asked(stream, done)

    async def _place(self) -> None:
        if self._places.locked() and self._waiting >= self.queue:
            self.metrics.refused("queue")
            raise Refused(503, BUSY, retry_after=RETRY_AFTER)
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
