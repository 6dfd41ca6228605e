"""From command to page, second start, beside importing the three big libraries, measured in turn."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from bot import assemble
from bot.settings import read_settings
from knowledge.index import Home
from knowledge.ingest import ingest

BAR = 1.25
HELP_BAR_S = 0.5
ROUNDS = 5
_IMPORTS = "import gradio, chromadb, sentence_transformers"


def run() -> dict[str, Any]:
    """Print both times and their ratio, and the time of `consultant --help`."""
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(home=Path(folder))
        ingest([], Home(settings.home), assemble.embedder(settings))
        pages, imports, helps = [], [], []
        for _ in range(ROUNDS):
            imports.append(_seconds([sys.executable, "-c", _IMPORTS]))
            pages.append(_until_page(settings.home))
            helps.append(_seconds([sys.executable, "-m", "ui.cli", "--help"]))
    ratio = float(np.median(np.array(pages) / np.array(imports)))
    print(f"page up {np.median(pages):.2f} s, imports {np.median(imports):.2f} s: {ratio:.2f} x (bar {BAR} x)")
    print(f"consultant --help {np.median(helps):.2f} s (bar {HELP_BAR_S} s)")
    return {
        "page_s": round(float(np.median(pages)), 2),
        "imports_s": round(float(np.median(imports)), 2),
        "ratio": round(ratio, 3),
        "help_s": round(float(np.median(helps)), 3),
        "bars": {
            f"page up within {BAR} x of the imports": ratio <= BAR,
            f"--help within {HELP_BAR_S} s": float(np.median(helps)) <= HELP_BAR_S,
        },
    }


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _until_page(home: Path) -> float:
    command = [sys.executable, "-m", "ui.cli", "chat", "--no-browser", "--port", "0", "--home", str(home)]
    started = time.perf_counter()
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env={**os.environ}
    ) as server:
        assert server.stderr is not None
        address = next(m[0] for line in server.stderr if (m := re.search(r"http://[\d.]+:\d+", line)))
        with urllib.request.urlopen(address, timeout=30) as page:
            page.read()
        ended = time.perf_counter()
        server.kill()
    return ended - started
