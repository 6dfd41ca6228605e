"""The security headers of every response."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.embed import EMBED

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
# What the frame on other pages says for itself; the older header knows no list of pages.
_OWN_IN_FRAME = ("Content-Security-Policy", "X-Frame-Options")


def headed(app: ASGIApp) -> ASGIApp:
    """Our headers on every response, also on those that no middleware inside the app sees."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        left_out = _OWN_IN_FRAME if scope.get("path") == EMBED else ()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({n: v for n, v in HEADERS.items() if n not in left_out})
            await send(message)

        await app(scope, receive, send_with_headers)

    return guard
