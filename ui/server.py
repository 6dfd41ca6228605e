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
from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot import assemble
from bot.consultant import Consultant
from bot.errors import ConsultantError
from bot.settings import Settings
from knowledge.errors import KnowledgeError
from ui import api, openai_api, replies
from ui.asking import Desk
from ui.library import LIBRARY

# What Gradio's page needs: its own scripts and styles, some of them inline; nothing from elsewhere.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
QUEUE_SIZE = 64
CONCURRENCY = 4


# Anybody can send these; Gradio would write the host that they name into the page.
_FORWARDED = (b"forwarded", b"x-forwarded-")


def application(consultant: Consultant, library: Path | None = None) -> ASGIApp:
    """The API and, at `/`, the page; below `/library` the site of the corpus, where there is one."""
    import gradio as gr

    from ui import chat

    @asynccontextmanager
    async def warmed(_: FastAPI) -> AsyncIterator[None]:
        # The page is up before the model is loaded; the first question waits for what is left of it.
        threading.Thread(target=_warm, args=(consultant,), daemon=True).start()
        yield

    app = FastAPI(title="Consultant", docs_url=None, redoc_url=None, openapi_url=None, lifespan=warmed)
    # No other origin may read answers; Gradio would otherwise echo any origin with credentials.
    app.add_middleware(CORSMiddleware, allow_origins=[], allow_credentials=False)
    desk = Desk(consultant)
    app.include_router(api.routes(desk, library))
    app.include_router(openai_api.routes(desk))
    for known in (*replies.KNOWN_ERRORS, Exception):
        app.add_exception_handler(known, replies.on_error)
    app.add_exception_handler(replies.Refused, replies.on_refused)
    app.add_exception_handler(RequestValidationError, replies.on_bad_body)
    if library and library.is_dir():
        app.mount(f"/{LIBRARY}", StaticFiles(directory=library, html=True), name=LIBRARY)
    page = chat.build(consultant, library).queue(
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
        favicon_path=None,
    )
    return guarded(served)


def guarded(app: ASGIApp) -> ASGIApp:
    """The app with our headers on every response, also on those that no middleware inside it sees, and without the
    headers by which a visitor could tell it where it is."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] == "http":
            kept = [(name, value) for name, value in scope["headers"] if not name.startswith(_FORWARDED)]
            scope = {**scope, "headers": kept}
        await app(scope, receive, send_with_headers)

    return guard


def run(settings: Settings, *, browser: bool) -> None:
    """Serve until interrupted; raises ConsultantError when the port is taken."""
    listening = _listen(settings.host, settings.port)
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    consultant = assemble.consultant(settings)
    consultant.retriever.home.current()
    server = _Server(
        uvicorn.Config(
            application(consultant, settings.home / LIBRARY), log_level=settings.log_level, access_log=False
        ),
        address,
        browser,
    )
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


def _warm(consultant: Consultant) -> None:
    try:
        consultant.ask("What is prompt engineering?")
    except (ConsultantError, KnowledgeError) as error:
        print(f"consultant: {error}", file=sys.stderr, flush=True)
