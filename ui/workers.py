"""Several processes behind one address (`consultant serve --workers N`), by uvicorn's supervisor.

Each loads its own model and index and has its own places and queue. Quotas are counted in the parent, which all of
them ask, so that they hold however many there are; `/metrics` adds up what all of them counted. The chat page keeps
each visitor's state in a process, so one process alone can serve it: here the start page is the widget's chat, of
which the server keeps nothing.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import threading
from functools import partial
from multiprocessing.managers import BaseManager
from typing import Any

from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from bot import assemble
from bot.settings import Settings
from ui import server
from ui.library import LIBRARY
from ui.logs import set_up
from ui.metrics import SHARED_FOLDER
from ui.quotas import Counting
from ui.sites import Access, access_of

# A worker that loads a model on a busy machine answers the supervisor late, and is not dead for that.
HEALTHY_SECONDS = 120


class _Shared(BaseManager):
    """What the workers share: objects of the parent, reached over a local socket."""


def run(settings: Settings, count: int, *, insecure: bool = False) -> None:
    """Serve with so many workers until stopped; raises what `server.run` raises."""
    access = access_of(settings, insecure=insecure)
    set_up(settings.log_level, settings.log_format)
    listening = server.listen(settings.host, settings.port)
    # Who comes before a worker is up waits for it.
    listening.listen()
    assemble.retriever(settings).home.current()
    address, key = _share(Counting(access))
    with tempfile.TemporaryDirectory(prefix="consultant-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        config = server.configuration(
            partial(worker, settings, access, address, key),
            factory=True,
            workers=count,
            timeout_worker_healthcheck=HEALTHY_SECONDS,
        )
        supervisor = Multiprocess(config, sockets=[listening])
        print(f"Consultant is at {server.address_of(listening)} (stop it with Ctrl+C)", file=sys.stderr, flush=True)
        supervisor.run()


def _share(counting: Counting) -> tuple[Any, bytes]:
    """Let other processes count; where, and with which key."""
    key = secrets.token_bytes(32)
    _Shared.register("counting", callable=lambda: counting, exposed=("count",))
    shared = _Shared(authkey=key).get_server()
    threading.Thread(target=shared.serve_forever, daemon=True).start()
    return shared.address, key


def worker(settings: Settings, access: Access, address: Any, key: bytes) -> ASGIApp:
    """The app of one worker; uvicorn calls it in the worker's process."""
    set_up(settings.log_level, settings.log_format)
    _Shared.register("counting")
    shared = _Shared(address=address, authkey=key)
    shared.connect()
    counting = shared.counting()  # type: ignore[attr-defined]  # registered above
    return server.application(
        assemble.consultant(settings), settings.home / LIBRARY, access, settings, counting=counting, page=False
    )
