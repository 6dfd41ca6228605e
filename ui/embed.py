"""What other people's pages load: /widget.js, and /embed, the compact chat that it shows in a frame.

The frame is a light page of our own: three small files and no Gradio. Its chat gets HTML that `render.py` made safe,
so that this stays the one place where text becomes markup; the page copies only known elements out of it.
"""

from __future__ import annotations

import gzip
import hashlib
import html
from dataclasses import dataclass
from pathlib import Path
from string import Template

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from bot.settings import Settings
from ui.sites import Access, Branding

STATIC = Path(__file__).parent / "static"
EMBED = "/embed"
_PAGE = Template((STATIC / "embed.html").read_text(encoding="utf-8"))
_KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}


def policy(ancestors: str) -> str:
    """The frame's content security policy: its own files, and only these pages around it."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )


def routes(access: Access) -> APIRouter:
    """The routes for the sites that the operators named."""
    router = APIRouter(include_in_schema=False)

    @router.get(EMBED)
    def embed(origin: str = "") -> HTMLResponse:
        """The page for the site of an origin: no other site's page may frame it, which the browser sees to."""
        known = origin if access.allows(origin) else ""
        site = access.site_of(known)
        branding = site.branding if site else Branding()
        ancestors = known or " ".join(access.origins)
        said = {"origin": known, "site": site.name if site else "", **branding.model_dump()}
        page = _PAGE.substitute({name: html.escape(value) for name, value in said.items()})
        headers = {"Content-Security-Policy": policy(f"'self' {ancestors}".strip()), "Cache-Control": "no-cache"}
        return HTMLResponse(page, headers=headers)

    for name in ("widget.js", "embed.js", "embed.css"):
        router.add_api_route(f"/{name}", _file(STATIC / name), methods=["GET", "HEAD"])
    return router


@dataclass(frozen=True)
class Packed:
    """A file in memory, as it is and compressed."""

    plain: bytes
    zipped: bytes
    tag: str


def packed(path: Path) -> Packed:
    """The file, read once; the tag changes with it."""
    plain = path.read_bytes()
    return Packed(plain, gzip.compress(plain, mtime=0), f'"{hashlib.sha256(plain).hexdigest()[:16]}"')


def _file(path: Path):  # type: ignore[no-untyped-def]  # FastAPI reads the parameters of what comes back
    file = packed(path)
    # Pages with an embedder policy load only what says that it may be loaded.
    headers = {"ETag": file.tag, "Cache-Control": "public, max-age=300", "Vary": "Accept-Encoding"}
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"

    def get(request: Request) -> Response:
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            zipped = {**headers, "Content-Encoding": "gzip"}
            return Response(file.zipped, headers=zipped, media_type=_KINDS[path.suffix[1:]])
        return Response(file.plain, headers=headers, media_type=_KINDS[path.suffix[1:]])

    return get


def tag(settings: Settings, access: Access) -> str:
    """The script tag for the pages of the sites; where the server is reached is told by its first trusted host."""
    port = f":{settings.port}" if settings.port else ""
    address = f"https://{access.hosts[0]}" if access.hosts else f"http://{settings.host}{port}"
    named = ", ".join(access.origins) or "none yet; name them in CONSULTANT_ALLOWED_ORIGINS"
    return f'<!-- works on pages of: {named} -->\n<script src="{address}/widget.js" async></script>'
