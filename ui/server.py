"""FastAPI with the API and the page, and the process that serves them."""

from __future__ import annotations

import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bot import assemble
from bot.consultant import Consultant
from bot.errors import ConsultantError
from bot.settings import Settings, read_settings
from ui import api, embed, health, openai_api, reading, replies
from ui.asking import Desk
from ui.guards import guarded
from ui.health import Readiness
from ui.library import LIBRARY
from ui.logs import set_up
from ui.metrics import Metrics
from ui.sites import Access, access_of

QUEUE_SIZE = 64
CONCURRENCY = 4
# How long a server that is stopped waits for answers that are being written.
GRACE_SECONDS = 20


def application(
    consultant: Consultant,
    library: Path | None = None,
    access: Access | None = None,
    settings: Settings | None = None,
) -> ASGIApp:
    """The API, the widget and, at `/`, the page; below `/library` the site of the corpus, where there is one.

    `access` tells who may do what; the `settings` are those of the environment unless told.
    """
    import gradio as gr

    from ui import chat

    settings = settings or read_settings()
    access, metrics, readiness = access or Access(), Metrics(), Readiness(consultant)

    @asynccontextmanager
    async def warmed(_: FastAPI) -> AsyncIterator[None]:
        # The page is up before the model is loaded; the first question waits for what is left of it.
        readiness.begin()
        yield

    app = FastAPI(title="Consultant", docs_url=None, redoc_url=None, openapi_url=None, lifespan=warmed)
    # No other origin may read answers; Gradio would otherwise echo any origin with credentials.
    app.add_middleware(CORSMiddleware, allow_origins=[], allow_credentials=False)
    desk = Desk(consultant, metrics, settings.concurrency, settings.queue)
    app.include_router(api.routes(desk, library))
    app.include_router(reading.routes())
    app.include_router(openai_api.routes(desk))
    app.include_router(embed.routes(access))
    app.include_router(health.routes(readiness, metrics))
    for known in (*replies.KNOWN_ERRORS, Exception):
        app.add_exception_handler(known, replies.on_error)
    app.add_exception_handler(replies.Refused, replies.on_refused)
    app.add_exception_handler(RequestValidationError, replies.on_bad_body)
    if library and library.is_dir():
        app.mount(f"/{LIBRARY}", StaticFiles(directory=library, html=True), name=LIBRARY)
    page = chat.build(consultant, library, settings, access).queue(
        max_size=QUEUE_SIZE, default_concurrency_limit=CONCURRENCY, api_open=False
    )
    served = gr.mount_gradio_app(
        app,
        page,
        path="/",
        root_path="",
        theme=chat.theme(),
        css=chat.CSS,
        head=chat.HEAD,
        footer_links=[],
        show_error=False,
        max_file_size="1kb",
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        favicon_path=chat.FAVICON,
    )
    return guarded(served, access, metrics)


def run(settings: Settings, *, browser: bool, insecure: bool = False) -> None:
    """Serve until interrupted; raises ConsultantError when the port is taken or who may embed makes no sense."""
    access = access_of(settings, insecure=insecure)
    set_up(settings.log_level, settings.log_format)
    listening = _listen(settings.host, settings.port)
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    consultant = assemble.consultant(settings)
    consultant.retriever.home.current()
    app = application(consultant, settings.home / LIBRARY, access, settings)
    # Who a visitor is, is told by our own guards; the logs are ours, too. Answers that stream may end.
    config = uvicorn.Config(
        app, log_config=None, access_log=False, proxy_headers=False, timeout_graceful_shutdown=GRACE_SECONDS
    )
    server = _Server(config, address, browser)
    # uvicorn shuts down in order, then raises the signal again; stopping a server is no failure.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Says its address once it answers."""

    def __init__(self, config: uvicorn.Config, address: str, browser: bool) -> None:
        super().__init__(config)
        self.address = address
        self.browser = browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"Consultant is at {self.address} (stop it with Ctrl+C)", file=sys.stderr, flush=True)
            if self.browser:
                threading.Thread(target=webbrowser.open, args=(self.address,), daemon=True).start()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        raise ConsultantError(
            f"Port {port} on {host} cannot be used ({error.strerror}). Choose another with --port."
        ) from error
    return listening
