"""`consultant serve --workers`: several processes, one address, one count."""

from __future__ import annotations

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.ui.test_guards import samples
from tests.ui.test_server import process

pytestmark = pytest.mark.slow
WORKERS, ALLOWED = 2, 6
SITES = f"""
[quotas]
visitor_per_minute = {ALLOWED}
"""


def ask(address: str) -> int:
    """On a connection of its own, which any of the workers may take."""
    return httpx.post(f"{address}/api/ask", json={"question": "thanks"}, timeout=240).status_code


def test_workers_share_an_address_quotas_and_counts_and_end_in_order(
    corpus_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sites.toml"
    file.write_text(SITES, encoding="utf-8")
    monkeypatch.setenv("CONSULTANT_SITES", str(file))
    with process(corpus_home, "--workers", str(WORKERS)) as started:
        assert started.stderr is not None
        address = re.findall(r"http://\S+", started.stderr.readline())[0]
        with ThreadPoolExecutor(4) as pool:
            told = sorted(pool.map(ask, [address] * (ALLOWED + 4)))
        assert told == [200] * ALLOWED + [429] * 4
        start = httpx.get(address, follow_redirects=True, timeout=60)
        assert (start.status_code, start.url.path) == (200, "/embed")
        with httpx.Client(base_url=address, timeout=60) as client:
            counted = {name: value for name, value in samples(client).items() if name[0].startswith("consultant_")}
        assert counted["consultant_requests_total", ("POST", "/api/ask", "200")] == ALLOWED
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text(encoding="utf-8").split()
        started.send_signal(signal.SIGTERM)
        _, said = started.communicate(timeout=120)
    assert started.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in said
    assert len(children) >= WORKERS
    assert not [pid for pid in children if _lives(pid)]


def _lives(pid: str) -> bool:
    end = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.1)
    return Path(f"/proc/{pid}").exists()
