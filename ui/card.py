"""The card that other sites show for a link to the page: Gradio's page carries one of its own, which says nothing of
ours."""

from __future__ import annotations

import html
import re
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CARD = "/card.png"
PICTURE = Path(__file__).parent / "static" / "card.png"
SIZE = (1200, 630)
_TAG = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^"]*"\s+content="[^"]*"\s*/?>\s*')
_HOST = re.compile(r"[\w.-]+(?::\d+)?|\[[0-9a-f:.]+\](?::\d+)?", re.I)


def carded(app: ASGIApp, title: str, description: str) -> ASGIApp:
    """The app, whose start page carries our card in place of Gradio's."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        start: Message = {}
        body: list[bytes] = []

        async def collected(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.append(message.get("body", b""))
            if not message.get("more_body"):
                page = _with_card(b"".join(body), _address(scope), title, description)
                MutableHeaders(scope=start)["content-length"] = str(len(page))
                await send(start)
                await send({"type": "http.response.body", "body": page})

        await app(scope, receive, collected)

    return guard


def _with_card(page: bytes, address: str, title: str, description: str) -> bytes:
    tags = {"og:type": "website", "og:title": title, "og:description": description, "og:url": address}
    tags |= {"og:image": f"{address}{CARD}", "og:image:width": str(SIZE[0]), "og:image:height": str(SIZE[1])}
    ours = [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in tags.items()]
    # What this one lacks is taken from the others.
    ours.append('<meta name="twitter:card" content="summary_large_image">')
    ours.append(f'<meta name="description" content="{html.escape(description)}">')
    return _TAG.sub(b"", page).replace(b"</head>", "".join(ours).encode() + b"</head>", 1)


def _address(scope: Scope) -> str:
    """Where the visitor found the page; a card's picture needs its whole address."""
    host = Headers(scope=scope).get("host", "")
    return f"{scope['scheme']}://{host}" if _HOST.fullmatch(host) else ""


def routes() -> APIRouter:
    """The picture."""
    router = APIRouter(include_in_schema=False)

    @router.get(CARD)
    def card() -> FileResponse:
        """The picture of the card."""
        return FileResponse(PICTURE, headers={"Cache-Control": "public, max-age=86400"})

    return router
