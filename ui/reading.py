"""POST /api/read: a file → its text, for the question box of the page. Nothing of it is kept once it is read."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from knowledge.documents import reader_of
from knowledge.errors import UnreadableFile
from knowledge.reading_child import read_apart
from ui.asking import BUSY, RETRY_AFTER
from ui.bodies import READ
from ui.replies import Refused

# Each is a process that may take a processor for so many seconds.
AT_ONCE, SECONDS = 2, 20
QUEUE = 8
# More than anybody would shorten in a box by hand.
MAX_CHARACTERS = 200_000
MAX_NAME = 80
# A page of another origin cannot send this kind without asking first.
KIND = "application/octet-stream"


class ReadingRoom:
    """Reads files, AT_ONCE at a time; QUEUE may wait, more are told to come again."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def read(self, name: str, data: bytes) -> str:
        """The text of a file; raises Refused with a sentence that names the file, the reason and the next step."""
        if self._waiting >= QUEUE:
            raise Refused(503, BUSY, retry_after=RETRY_AFTER)
        self._waiting += 1
        try:
            async with self._places:
                text = await run_in_threadpool(text_of, name, data)
        except UnreadableFile as error:
            raise Refused(422, f"{_short(name)} was not read: {error}.") from error
        finally:
            self._waiting -= 1
        return text


def text_of(name: str, data: bytes) -> str:
    """The text of a file, by the suffix of its name, read in a child process; raises UnreadableFile."""
    reader_of(Path(name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{Path(name).suffix}"
        path.write_bytes(data)
        document = read_apart(path, seconds=SECONDS)
    return document.text[document.body_start :].strip()


def _short(name: str) -> str:
    """
    >>> _short("brief.pdf"), len(_short("a" * 300))
    ('brief.pdf', 80)
    """
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def check_kind(request: Request) -> None:
    """Raise Refused when a request does not say that it brings a file."""
    if request.headers.get("content-type") != KIND:
        here = request.url.path
        raise Refused(415, f"A file is sent as {KIND}, with its name in the address: {here}?name=brief.pdf")


def routes() -> APIRouter:
    """The route, which the page alone uses."""
    router, room = APIRouter(include_in_schema=False), ReadingRoom()

    @router.post(READ)
    async def read(name: str, request: Request) -> JSONResponse:
        """The text of the file in the body; the name tells its kind."""
        check_kind(request)
        text = await room.read(name, await request.body())
        if len(text) > MAX_CHARACTERS:
            told = f"it has {len(text):,} characters, more than {MAX_CHARACTERS:,}; paste the part on your project"
            raise Refused(422, f"{_short(name)} was not read: {told}.")
        return JSONResponse({"text": text})

    return router
