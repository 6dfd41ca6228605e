"""FastAPI with the API and the page, and the process that serves them."""

from __future__ import annotations

import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bot import assemble
from bot.consultant import Consultant
from bot.errors import ConsultantError
from bot.settings import Settings, read_settings
from ui import api, card, collection, embed, health, mcp_tool, openai_api, reading, replies
from ui.asking import Desk
from ui.card import carded
from ui.collection import Collection
from ui.connections import PatientProtocol
from ui.embed import EMBED
from ui.guards import MCP, guarded
from ui.health import Readiness
from ui.library import LIBRARY
from ui.logs import set_up
from ui.metrics import Metrics
from ui.operators import Operators
from ui.quotas import Counts
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
    counting: Counts | None = None,
    *,
    page: bool = True,
) -> ASGIApp:
    """The API, the widget and, at `/`, the page; below `/library` the site of the corpus, where there is one.

    `access` tells who may do what; the `settings` are those of the environment unless told; quotas are counted by
    `counting`, unless told in the memory of this process. Without the page, the widget's chat is at `/`.
    """
    settings = settings or read_settings()
    access, metrics, readiness = access or Access(), Metrics(), Readiness(consultant)
    desk = Desk(consultant, metrics, settings.concurrency, settings.queue)
    tool = mcp_tool.server(desk) if settings.mcp else None
    tool_app = mcp_tool.Mounted(tool, access) if tool else None

    @asynccontextmanager
    async def warmed(_: FastAPI) -> AsyncIterator[None]:
        # The page is up before the model is loaded; the first question waits for what is left of it.
        readiness.begin()
        async with tool.session_manager.run() if tool else nullcontext():
            yield

    app = FastAPI(title="Consultant", docs_url=None, redoc_url=None, openapi_url=None, lifespan=warmed)
    # No other origin may read answers; Gradio would otherwise echo any origin with credentials.
    app.add_middleware(CORSMiddleware, allow_origins=[], allow_credentials=False)
    app.include_router(api.routes(desk, library))
    app.include_router(reading.routes())
    app.include_router(collection.routes(Collection(consultant.retriever), Operators(access)))
    app.include_router(openai_api.routes(desk))
    app.include_router(embed.routes(access))
    app.include_router(card.routes())
    app.include_router(health.routes(readiness, metrics))
    for known in (*replies.KNOWN_ERRORS, Exception):
        app.add_exception_handler(known, replies.on_error)
    app.add_exception_handler(replies.Refused, replies.on_refused)
    app.add_exception_handler(RequestValidationError, replies.on_bad_body)
    app.add_exception_handler(HTTPException, replies.on_http)
    if tool_app:
        app.router.routes.append(Route(MCP, tool_app))
    if library and library.is_dir():
        app.mount(f"/{LIBRARY}", StaticFiles(directory=library, html=True), name=LIBRARY)
    served = _with_page(app, consultant, library, settings, access) if page else _without_page(app)
    return guarded(served, access, metrics, counting)


def _with_page(
    app: FastAPI, consultant: Consultant, library: Path | None, settings: Settings, access: Access | None
) -> ASGIApp:
    """The app with Gradio's page at /."""
    import gradio as gr

    from ui import chat
    from ui.theme import theme
    from ui.words import languages

    app.add_middleware(carded, title=chat.TITLE, description=chat.TAGLINE)
    page = chat.build(consultant, library, settings, access).queue(
        max_size=QUEUE_SIZE, default_concurrency_limit=CONCURRENCY, api_open=False
    )
    mounted: ASGIApp = gr.mount_gradio_app(
        app,
        page,
        path="/",
        root_path="",
        theme=theme(),
        css=chat.CSS,
        head=chat.HEAD,
        footer_links=[],
        show_error=False,
        max_file_size="1kb",
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        favicon_path=chat.FAVICON,
        i18n=languages(),
    )
    return mounted


def _without_page(app: FastAPI) -> ASGIApp:
    """The app with the widget's chat as its start page."""

    @app.get("/", include_in_schema=False)
    def start() -> RedirectResponse:
        return RedirectResponse(EMBED.removeprefix("/"))

    return app


def run(settings: Settings, *, browser: bool, insecure: bool = False) -> None:
    """Serve until interrupted; raises ConsultantError when the port is taken or who may embed makes no sense."""
    access = access_of(settings, insecure=insecure)
    set_up(settings.log_level, settings.log_format)
    listening = listen(settings.host, settings.port)
    consultant = assemble.consultant(settings)
    consultant.retriever.home.current()
    app = application(consultant, settings.home / LIBRARY, access, settings)
    server = _Server(configuration(app), address_of(listening), browser)
    # uvicorn shuts down in order, then raises the signal again; stopping a server is no failure.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def configuration(app: Any, **more: Any) -> uvicorn.Config:
    """How uvicorn serves an app: who a visitor is, is told by our own guards, and the logs are ours, too; answers
    that stream may end."""
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        **more,
    )


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


def address_of(listening: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address; raises ConsultantError when it is taken."""
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
