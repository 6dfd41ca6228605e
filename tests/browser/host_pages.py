"""Other people's pages: a server of another origin, whose pages embed the widget in kind and in hostile ways."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEAD = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>A page</title>'
)
# Pages by their name; {tag} is the widget's script tag, {src} its address.
PAGES = {
    "plain": "<head>{head}</head><body><h1>A page</h1>{tag}</body>",
    "in-head": "<head>{head}{tag}</head><body><h1>A page</h1></body>",
    "unset": "<head>{head}<style>* {{ all: unset !important; }}</style></head><body><h1>A page</h1>{tag}</body>",
    "overridden": "<head>{head}<script>"
    "window.fetch = () => {{ throw new Error('no fetch'); }};"
    "for (const name of ['push', 'map', 'filter', 'forEach', 'slice', 'includes', 'indexOf'])"
    "  Array.prototype[name] = () => {{ throw new Error('no ' + name); }};"
    "Array.prototype[Symbol.iterator] = () => {{ throw new Error('no iteration'); }};"
    "JSON.parse = JSON.stringify = () => {{ throw new Error('no JSON'); }};"
    "Object.prototype.text = 'polluted';"
    "</script></head><body><h1>A page</h1>{tag}</body>",
    "twice": "<head>{head}</head><body><h1>A page</h1>{tag}{tag}<script src='{src}?again' async></script></body>",
    "transformed": "<head>{head}<style>body {{ transform: scale(0.9); filter: grayscale(1); overflow: hidden }}"
    "div {{ display: none !important }} iframe {{ display: none !important }}</style></head><body>"
    "<h1>A page</h1>{tag}</body>",
    "taken-out": "<head>{head}</head><body><h1>A page</h1>{tag}<script>addEventListener('load', () => {{"
    "const gone = document.getElementById('consultant-widget'); gone.remove();"
    "document.body.replaceChildren(document.createElement('main')); }});</script></body>",
    "framework": "<head>{head}</head><body><div id='app'></div><script>"
    "let n = 0; const render = () => {{ document.getElementById('app').innerHTML = "
    "'<h1>Render ' + (n++) + '</h1><div id=\"consultant\"></div>'; }}; render();"
    "const made = document.createElement('script'); made.src = '{src}'; made.dataset.mode = 'inline';"
    "document.head.append(made); made.onload = () => setTimeout(render, 50);</script></body>",
    "policy": "<head>{head}</head><body><h1>A page</h1><script nonce='n0' src='{src}' async></script></body>",
    "types": "<head>{head}</head><body><h1>A page</h1>{tag}</body>",
    "consent": "<head>{head}</head><body><h1>A page</h1>"
    "<script src='{src}' async data-consent='The chat is run by another server.'></script></body>",
    "looks": "<head>{head}</head><body><h1>A page</h1><script src='{src}' async data-title='Rat &amp; Tat' "
    "data-greeting='&lt;b&gt;Hallo&lt;/b&gt;' data-colour='#facc15' data-theme='dark' data-language='de' "
    "data-position='bottom-left'></script></body>",
    "full": "<head>{head}</head><body><h1>A page</h1><script src='{src}' async data-mode='full'></script></body>",
    "other-frame": "<head>{head}</head><body><h1>A page</h1>{tag}<iframe name='other' src='/empty'></iframe></body>",
    "empty": "<head>{head}</head><body></body>",
}
POLICIES = {
    "policy": "default-src 'none'; script-src 'nonce-n0'; style-src 'nonce-n0'; frame-src {server}; base-uri 'none'",
    "types": "require-trusted-types-for 'script'; trusted-types 'none'",
}


@contextmanager
def hosting(names: tuple[str, ...] = ("127.0.0.1",)) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The origins of the server under each name; put the consultant's address into what comes beside, as "server"."""
    told: dict[str, str] = {}

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/").partition("?")[0]
            if name not in PAGES:
                self.send_error(404)
                return
            source = f"{told['server']}/widget.js"
            page = PAGES[name].format(head=HEAD, src=source, tag=f"<script src='{source}' async></script>")
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if name in POLICIES:
                self.send_header("Content-Security-Policy", POLICIES[name].format(server=told["server"]))
            self.end_headers()
            self.wfile.write(f"<!doctype html><html lang='en'>{page}</html>".encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield [f"http://{name}:{server.server_port}" for name in names], told
        server.shutdown()
