"""`python -m tests.browser.slow_server HOME`: the page over a writer as slow as a language model."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from bot import assemble
from bot.settings import read_settings
from bot.types import Draft
from bot.writers.quoting import QuotingWriter
from ui import server


class SlowWriter(QuotingWriter):
    """Leaves time to interrupt it."""

    def write(self, *given: Any) -> Iterator[Draft]:
        """The same statements, half a second apart."""
        for draft in super().write(*given):
            time.sleep(0.5)
            yield draft


if __name__ == "__main__":
    assemble.QuotingWriter = SlowWriter  # type: ignore[misc]
    server.run(read_settings(home=sys.argv[1], port=0), browser=False)
