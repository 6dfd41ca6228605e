"""What stands between the network and the app: each guard wraps an ASGI app and is one idea.

From the outside in: the address of the visitor, headers, log and count, names of the host, reachable routes, origins,
size of the body, quotas.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ui.bodies import QUEUE, READ, capped
from ui.headers import headed
from ui.metrics import Metrics
from ui.quotas import Asker, Counting, Counts, visitor
from ui.replies import OPENAI, refusal
from ui.sites import Access

requests = logging.getLogger("consultant.requests")

# Ours, then what Gradio's page loads and calls. Whatever else Gradio offers is not there.
REACHABLE = re.compile(
    r"/(?:healthz|readyz|metrics|widget\.js|card\.png|embed|embed\.(?:js|css)|api/ask|api/read|api/collection|api/openapi\.json"
    r"|v1/models(?:/[^/]+)?|v1/chat/completions|mcp|library/.*|library"
    r"|config|theme\.css|favicon\.ico|robots\.txt|manifest\.json|(?:assets|static)/.*"
    r"|gradio_api/(?:info|startup-events|app_id|cancel|reset|queue/join|queue/data|run/predict|heartbeat/[^/]+))?"
)
MCP = "/mcp"
# Each of these is a question, or costs as much as one.
ASKS = {"/api/ask", READ, "/v1/chat/completions", MCP, QUEUE}
_FORWARDED = (b"forwarded", b"x-forwarded-")
# Responses of more bytes are compressed for who can read that.
COMPRESSED = 2000
SITE_HEADER = "x-consultant-site"


def guarded(
    app: ASGIApp, access: Access | None = None, metrics: Metrics | None = None, counts: Counts | None = None
) -> ASGIApp:
    """The app behind all guards; without `counts`, quotas are counted in this process."""
    access = access or Access()
    metrics = metrics or Metrics()
    app = counting(app, access, metrics, counts or Counting(access))
    # Streams are left as they are.
    app = GZipMiddleware(app, minimum_size=COMPRESSED)
    app = capped(app, metrics)
    app = cross_origin(app, access)
    app = routed(app)
    app = named(app, access)
    app = watched(app, metrics)
    app = headed(app)
    return proxied(app, access)


def proxied(app: ASGIApp, access: Access) -> ASGIApp:
    """Take a visitor's address and scheme from X-Forwarded-For and -Proto if a listed proxy sends them; after that
    nobody else hears of them, for anybody can send them, and Gradio would write the host into its page."""
    inner = _without_forwarded(app)
    return ProxyHeadersMiddleware(inner, trusted_hosts=list(access.proxies)) if access.proxies else inner  # type: ignore[arg-type,return-value]


def _without_forwarded(app: ASGIApp) -> ASGIApp:
    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept = [(name, value) for name, value in scope["headers"] if not name.startswith(_FORWARDED)]
            scope = {**scope, "headers": kept}
        await app(scope, receive, send)

    return guard


def watched(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """Log and count each request, by its route and status; no words of a message are among it."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noted)
        finally:
            _note(scope, status, time.perf_counter() - started, metrics)

    return guard


def _note(scope: Scope, status: int, seconds: float, metrics: Metrics) -> None:
    path, method = scope["path"], scope["method"] if scope["method"] in _METHODS else "other"
    metrics.request(_route(path), method, status)
    fields = {
        "method": method,
        "path": path,
        "status": status,
        "ms": round(seconds * 1000),
        "client": _address(scope),
    }
    requests.info("%s %s %d", method, path, status, extra={"fields": fields})


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _route(path: str) -> str:
    """The first two parts of a reachable path: a counter for every address that somebody tries would be many.

    >>> _route("/assets/index-3f.js"), _route("/api/ask"), _route("/wp-login.php")
    ('/assets', '/api/ask', 'unknown')
    """
    if not REACHABLE.fullmatch(path):
        return "unknown"
    parts = path.split("/")
    return "/".join(parts[:3] if parts[1] in ("api", "v1", "gradio_api") else parts[:2])


def named(app: ASGIApp, access: Access) -> ASGIApp:
    """Answer only to the names that the operator gave the server, if any; by its loopback name it checks itself."""

    def refuses(scope: Scope) -> Any:
        name = re.sub(r":\d+$", "", Headers(scope=scope).get("host", "")).lower()
        if not access.hosts or name in access.hosts or (name in _OWN_NAMES and scope["path"] in _CHECKS):
            return None
        return refusal(scope["path"], 421, "This server has another name. Ask it by that, or tell its operator.")

    return _refusing(app, refuses)


_OWN_NAMES = {"127.0.0.1", "localhost", "[::1]"}
_CHECKS = {"/healthz", "/readyz", "/metrics"}


def routed(app: ASGIApp) -> ASGIApp:
    """Let through only what is reachable; there is no socket either."""

    def refuses(scope: Scope) -> Any:
        if REACHABLE.fullmatch(scope["path"]):
            return None
        return refusal(scope["path"], 404, "There is nothing at this address. The start page is at /.")

    return _refusing(app, refuses)


def cross_origin(app: ASGIApp, access: Access) -> ASGIApp:
    """Let pages of the listed origins read answers, without credentials; to other origins' pages nothing is said."""
    shared = CORSMiddleware(
        app,
        allow_origins=access.origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Content-Type", "Authorization"],
        expose_headers=["Retry-After"],
        allow_credentials=False,
    )

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        open_to_pages = scope["type"] == "http" and scope["path"].startswith(("/api/", OPENAI))
        await (shared if open_to_pages else app)(scope, receive, send)

    return guard


def counting(app: ASGIApp, access: Access, metrics: Metrics, counts: Counts) -> ASGIApp:
    """Hold questions to the quotas: 401 for an unknown token, 429 when a quota is used up."""

    def refuses(scope: Scope) -> Any:
        path = scope["path"]
        if path not in ASKS or scope["method"] != "POST":
            return None
        asker = _asker(scope, access)
        if asker is None:
            metrics.refused("token")
            return refusal(path, 401, "This needs a token of a site. Send it as Authorization: Bearer TOKEN.")
        reached = counts.count(asker)
        if reached is None:
            return None
        metrics.refused(reached.quota)
        return refusal(path, 429, reached.sentence, retry_after=reached.seconds)

    return _refusing(app, refuses)


def _asker(scope: Scope, access: Access) -> Asker | None:
    """Who asks; None when a token is needed, or told, that is none."""
    headers = Headers(scope=scope)
    token = re.sub(r"(?i)^bearer\s+", "", headers.get("authorization", ""))
    if access.has_tokens and (token or scope["path"].startswith(OPENAI)):
        holder = access.holder(token)
        return Asker(f"token {hashlib.sha256(token.encode()).hexdigest()}", holder.name) if holder else None
    site = access.site_of(headers.get("origin", "")) or access.named(headers.get(SITE_HEADER, ""))
    return Asker(visitor(_address(scope)), site.name if site else "")


def _address(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


def _refusing(app: ASGIApp, refuses: Callable[[Scope], Any]) -> ASGIApp:
    """The app, but for the requests to which `refuses` has a response; sockets are closed, for nothing uses one."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        refused = refuses(scope) if scope["type"] == "http" else None
        await (refused or app)(scope, receive, send)

    return guard
