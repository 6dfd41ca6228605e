"""The one way to a language model: a call with a time limit, retries before the first text, and honest faults.

Calls run on an event loop of their own, so that one that hangs is cut off whatever it waits for, and one that nobody
reads any longer is cancelled, which frees its place on the server.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from bot.errors import ConsultantError

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

log = logging.getLogger(__name__)
Messages = Sequence[tuple[str, str]]
# An answer that is longer is none, in characters.
LONGEST = 8000
RETRIES = 2
FIRST_WAIT = 0.5
# So many calls in a row must fail before none is tried for so long, in seconds.
FAILURES, PAUSE = 5, 30.0
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
# Set by who reads an answer in one thread and may give it up from another: a generator that runs cannot be closed.
given_up: ContextVar[threading.Event | None] = ContextVar("given_up", default=None)
_LOOKS_UP = 1.0  # How often a call that waits for the model looks whether it was given up, in seconds.


class GivenUp(Exception):
    """Nobody reads the answer any longer."""


class ModelFault(Exception):
    """A call failed; `reason` completes the sentence "The model …", `again` says whether another try may help.

    `after` are the seconds that the provider asks to wait, if it says so.
    """

    def __init__(self, reason: str, *, again: bool = False, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.after = after


@dataclass
class Usage:
    """What a call took: tokens as the provider counts them (None where it does not say), seconds, and tries."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    first_text_seconds: float | None = None
    seconds: float = 0.0
    tries: int = 0


@dataclass
class Circuit:
    """Stops asking a model that keeps failing: after FAILURES in a row, nothing is tried for PAUSE seconds."""

    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    _opened: float = field(default=0.0, repr=False)

    def check(self) -> None:
        """Raise ModelFault while the circuit is open; then let one call through."""
        if self.failures >= FAILURES and (left := self._opened + PAUSE - self.clock()) > 0:
            raise ModelFault(
                f"failed {self.failures} times in a row, so I leave it alone for {left:.0f} seconds more"
            )

    def note(self, *, failed: bool) -> None:
        """Count how a call ended."""
        self.failures = self.failures + 1 if failed else 0
        self._opened = self.clock()


class Completion:
    """One answer of a model: iterate for its pieces as they come; raises ModelFault. Close it to cancel the call.

    `usage` is complete once the iteration has ended, however it ended.
    """

    def __init__(
        self, model: Runnable[Any, Any], messages: Messages, *, timeout: float, circuit: Circuit | None = None
    ) -> None:
        self.usage = Usage()
        self._model = model
        self._messages = list(messages)
        self._timeout = timeout
        self._circuit = circuit or Circuit()

    def __iter__(self) -> Generator[str, None, None]:
        self._circuit.check()
        started = time.monotonic()
        deadline = started + self._timeout
        failed = True
        try:
            yield from self._tried(deadline)
            failed = False
        except (GeneratorExit, GivenUp):
            # Whoever stopped reading had what they wanted; that says nothing against the model.
            failed = False
            raise
        finally:
            self.usage.seconds = time.monotonic() - started
            self._circuit.note(failed=failed)

    def _tried(self, deadline: float) -> Iterator[str]:
        wait = FIRST_WAIT
        while True:
            self.usage.tries += 1
            shown = False
            try:
                for piece in self._once(deadline):
                    shown = True
                    yield piece
                return
            except ModelFault as fault:
                pause = wait if fault.after is None else fault.after
                last = self.usage.tries > RETRIES or time.monotonic() + pause >= deadline
                if shown or not fault.again or last:
                    raise
            _sleep(pause)
            wait *= 2

    def _once(self, deadline: float) -> Iterator[str]:
        pieces: queue.SimpleQueue[str | ModelFault | None] = queue.SimpleQueue()
        stop = _on_loop(lambda: self._fill(pieces, deadline))
        length, started = 0, time.monotonic()
        try:
            while True:
                try:
                    piece = pieces.get(timeout=_LOOKS_UP)
                except queue.Empty:
                    _check_given_up()
                    if time.monotonic() > deadline + 1.0:
                        raise self._late() from None
                    continue
                if piece is None:
                    return
                if isinstance(piece, ModelFault):
                    raise piece
                # What comes faster than it is read would keep this busy for ever.
                if time.monotonic() > deadline:
                    raise self._late()
                if self.usage.first_text_seconds is None:
                    self.usage.first_text_seconds = time.monotonic() - started
                piece = piece[: LONGEST - length]
                length += len(piece)
                yield piece
                if length >= LONGEST:
                    raise ModelFault(f"wrote more than {LONGEST:,} characters and was stopped")
        finally:
            stop()

    async def _fill(self, pieces: queue.SimpleQueue[str | ModelFault | None], deadline: float) -> None:
        ended = empty = True
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                ended = False
                async for chunk in self._model.astream(self._messages):
                    self._count(chunk)
                    ended = ended or _says_it_ended(chunk)
                    if text := _text(chunk):
                        empty = False
                        pieces.put(text)
            if empty:
                raise ModelFault("gave an empty answer", again=True)
            if not ended:
                raise ModelFault("broke off in the middle of its answer")
            pieces.put(None)
        except TimeoutError:
            pieces.put(self._late())
        except ModelFault as fault:
            pieces.put(fault)
        # The boundary to whatever client it is; each raises its own, and the person gets a sentence.
        except Exception as error:
            log.info("a call of the model failed", exc_info=error)
            told = _fault(error)
            told.__cause__ = error
            pieces.put(told)
            _let_go(error)

    def _late(self) -> ModelFault:
        return ModelFault(f"was not ready within {self._timeout:.0f} seconds")

    def _count(self, chunk: Any) -> None:
        usage = getattr(chunk, "usage_metadata", None)
        if usage:
            self.usage.tokens_in = (self.usage.tokens_in or 0) + usage.get("input_tokens", 0)
            self.usage.tokens_out = (self.usage.tokens_out or 0) + usage.get("output_tokens", 0)


def _check_given_up() -> None:
    stopped = given_up.get()
    if stopped and stopped.is_set():
        raise GivenUp


def _sleep(seconds: float) -> None:
    """Sleep, unless the answer is given up meanwhile."""
    stopped = given_up.get()
    if stopped is None:
        time.sleep(seconds)
    elif stopped.wait(seconds):
        raise GivenUp


def _text(chunk: Any) -> str:
    """The text of a chunk, whose content is a string or a list of blocks."""
    content = chunk.content
    if isinstance(content, str):
        return content
    return "".join(b if isinstance(b, str) else str(b.get("text", "")) for b in content)


def _says_it_ended(chunk: Any) -> bool:
    """Whether the provider said why it stopped; a stream that ends without has been cut."""
    told = chunk.response_metadata
    return any(told.get(key) for key in ("finish_reason", "stop_reason", "done_reason"))


def _fault(error: BaseException) -> ModelFault:
    """What went wrong, in words for the person, from whatever a client raised."""
    if isinstance(error, ConsultantError):
        return ModelFault(f"cannot be used: {error}")
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _status(status, error)
    names = {type(e).__name__ for e in _chain(error)}
    words = " ".join(str(e) for e in _chain(error))
    if "Timeout" in " ".join(names):
        return ModelFault("did not answer in time")
    if {"gaierror"} & names or "Name or service not known" in words or "name resolution" in words:
        return ModelFault("has an address whose host cannot be found; check CONSULTANT_MODEL and the network")
    if {"ConnectionRefusedError"} & names or "All connection attempts failed" in words or "ConnectError" in names:
        return ModelFault("cannot be reached: nothing answers at its address; start its server", again=True)
    if {"ReadError", "RemoteProtocolError", "ConnectionResetError", "WriteError", "APIConnectionError"} & names:
        return ModelFault("lost the connection", again=True)
    return ModelFault(f"sent something that cannot be read ({type(error).__name__})")


def _status(status: int, error: BaseException) -> ModelFault:
    again = status in _RETRIED
    if status in (401, 403):
        return ModelFault(f"refused the key ({status}); check the key of its provider")
    if status == 404:
        return ModelFault("is not known to its provider (404); check the name in CONSULTANT_MODEL")
    if status == 429:
        return ModelFault("takes no more questions for now (429)", again=True, after=_retry_after(error))
    if status >= 500:
        return ModelFault(f"had a fault of its own ({status})", again=again, after=_retry_after(error))
    return ModelFault(f"refused the question ({status})", again=again)


def _retry_after(error: BaseException) -> float | None:
    """The seconds of a Retry-After header; a date, or none, is None."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


def _let_go(error: BaseException) -> None:
    """Drop what the frames of a client's exception hold, its half-read streams, while their own loop runs.

    Kept with the exception they wait for garbage collection; in another thread that can meet one amid its closing.
    """
    for each in _chain(error):
        traceback.clear_frames(each.__traceback__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _on_loop(start: Callable[[], Any]) -> Callable[[], None]:
    """Run a coroutine on the loop, in the caller's context so that LangChain traces it; returns what cancels it."""
    loop, context = _loop(), contextvars.copy_context()
    tasks: list[asyncio.Task[Any]] = []

    async def cancel() -> None:
        # A client that is cancelled between two pieces has been seen to overhear it once.
        while not tasks[0].done():
            tasks[0].cancel()
            await asyncio.wait(tasks, timeout=0.1)

    def stop() -> None:
        asyncio.run_coroutine_threadsafe(cancel(), loop)

    loop.call_soon_threadsafe(lambda: tasks.append(loop.create_task(start(), context=context)))
    return stop


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="model calls", daemon=True).start()
    return loop
