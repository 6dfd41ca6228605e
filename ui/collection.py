"""Documents of one's own, added on the page: files in the data directory, which the index follows.

POST /api/collection takes a file from an operator; the Knowledge tab shows what is there and brings the index in
line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from knowledge.documents import READERS
from knowledge.errors import KnowledgeError
from knowledge.ingest import Report, ingest
from knowledge.retriever import Retriever
from ui.bodies import COLLECTION, MAX_BODY
from ui.operators import FOR_OPERATORS, Operators, token_box
from ui.parts import QUIETLY, hidden, markup
from ui.reading import ReadingRoom, check_kind
from ui.render import one_line
from ui.replies import Refused
from ui.templating import template
from ui.words import say

FOLDER = "collection"
MAX_NAME = 120
# Seconds between two steps of the bar.
STEP = 0.5
REMOVE = "remove "


@dataclass(frozen=True)
class Held:
    """A file of the collection."""

    name: str
    kilobytes: int
    added: date


class _Progress:
    """How many texts are embedded of how many; ingest's bars in one."""

    def __init__(self) -> None:
        self.done = self.of = 0

    def __call__(self, total: int, _: str) -> _Progress:
        self.of += total
        return self

    def update(self, count: int) -> None:
        self.done += count

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Collection:
    """The folder of the files, and the index that follows it."""

    def __init__(self, retriever: Retriever) -> None:
        self._home, self._embedder = retriever.home, retriever.embedder
        self.folder = self._home.path / FOLDER

    @property
    def files(self) -> list[Held]:
        """What is there, by name."""
        paths = sorted(self.folder.glob("*")) if self.folder.is_dir() else []
        return [_held(path) for path in paths if path.is_file() and not path.name.startswith(".")]

    def keep(self, name: str, data: bytes) -> None:
        """Put a file into the folder, in place of one of that name; raises Refused with a sentence."""
        path = self.folder / own_name(name)
        beside = path.with_name(f".{path.name}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(data)
            beside.replace(path)
        except OSError as error:
            raise Refused(
                507, f"{path.name} cannot be kept ({error.strerror}). Make room for it, then add it again."
            ) from error

    def remove(self, name: str) -> None:
        """Take a file out of the folder; raises OSError."""
        (self.folder / own_name(name)).unlink(missing_ok=True)

    def follow(self) -> Iterator[_Progress | Report]:
        """Bring the index in line with the folder: how far that is, and at the end the report; raises as `ingest`.

        It goes on when nobody watches any more.
        """
        progress = _Progress()
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(ingest, [self.folder], self._home, self._embedder, progress=progress)
            while not wait([run], STEP).done:
                yield progress
            yield run.result()


def own_name(name: str) -> str:
    """The name that a file is kept by; raises Refused when it is none.

    >>> own_name("C:\\\\texts\\\\Prices 2026.pdf")
    'Prices 2026.pdf'
    """
    name = re.split(r"[/\\]", name)[-1].strip()
    if not name.isprintable() or name.startswith(".") or not 0 < len(name.encode()) <= MAX_NAME:
        raise Refused(
            422, f"A file's name has 1 to {MAX_NAME} characters and begins with no dot. Rename it, then add it."
        )
    return name


def _held(path: Path) -> Held:
    stat = path.stat()
    return Held(path.name, max(1, round(stat.st_size / 1000)), date.fromtimestamp(stat.st_mtime))


def routes(collection: Collection, operators: Operators) -> APIRouter:
    """The route, which the page alone uses."""
    router, room = APIRouter(include_in_schema=False), ReadingRoom()

    @router.post(COLLECTION)
    async def add(name: str, request: Request) -> JSONResponse:
        """Keep the file in the body when an operator sends it and it can be read."""
        check_kind(request)
        token = re.sub(r"(?i)^bearer\s+", "", request.headers.get("authorization", ""))
        if not operators.let(token, request.headers):
            raise Refused(401, FOR_OPERATORS)
        data = await request.body()
        name = own_name(name)
        text = await room.read(name, data)
        await run_in_threadpool(collection.keep, name, data)
        return JSONResponse({"name": name, "characters": len(text)}, 201)

    return router


def build_part(collection: Collection, operators: Operators, tab: gr.Tab) -> Any:
    """The part of the Knowledge tab, in the block that is open; returns the event in which the index follows."""
    with gr.Accordion(say("own"), open=False, elem_id="collection"):
        gr.Markdown(
            say("own_about"),
            elem_classes="tab-intro",
        )
        token = token_box(operators, "collection-token")
        body = template("collection").render(part="add", kinds=sorted(READERS), bytes=MAX_BODY[COLLECTION])
        markup(one_line(body))
        files = markup(elem_id="collection-files")
        channel = hidden("collection-do")

    def shown(told: str = "", report: Report | None = None, progress: _Progress | None = None) -> str:
        body = template("collection").render(
            part="files", files=collection.files, told=told, report=report, progress=progress
        )
        return one_line(body)

    def listed(token: str, request: gr.Request) -> str:
        return shown() if operators.let(token, request.headers) else ""

    def followed(told: str, token: str, request: gr.Request) -> Iterator[str]:
        if not operators.let(token, request.headers):
            yield one_line(template("collection").render(part="refused", told=FOR_OPERATORS))
            return
        try:
            if told.startswith(REMOVE):
                collection.remove(told.removeprefix(REMOVE))
            for news in collection.follow():
                yield shown(report=news) if isinstance(news, Report) else shown(progress=news)
        except (KnowledgeError, Refused) as error:
            yield shown(told=str(error))
        except OSError as error:
            yield shown(told=f"The index cannot be written ({error.strerror}). It stays as it was.")

    tab.select(listed, token, files, **QUIETLY)
    token.submit(listed, token, files, **QUIETLY)
    # One at a time: the index has one writer.
    return channel.submit(followed, [channel, token], files, concurrency_limit=1, **QUIETLY)
