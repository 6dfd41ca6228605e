"""Many people at once: 200 widget sessions that ask 2,000 questions, beside the bare embedding rate of the machine.

Then a soak: a few sessions that ask on and on, while the server's memory and descriptors are watched. `SOAK=20000`
makes it long.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bot import assemble
from bot.evaluation.case_files import read_cases
from bot.settings import read_settings

SUITES = Path(__file__).parent.parent / "tests" / "data" / "suites"
SESSIONS, TURNS = 200, 10
SOAK = int(os.environ.get("SOAK", "2000"))
SOAKING = 8
SAMPLES = 20
# The first questions load what is loaded once and fill the caches.
WARM = 0.25
BAR_MEGABYTES = 1.0
EMBEDDED = 200


def run() -> dict[str, Any]:
    """Print errors, seconds and throughput of the sessions, then the slope of memory and the descriptors."""
    cases = read_cases([SUITES / f"{name}.yaml" for name in ("blind", "paraphrases", "unanswerable", "verdicts")])
    questions = [case.ask for case in cases]
    bare = _embedding_rate(questions)
    with _server() as (process, address):
        load = asyncio.run(_sessions(address, questions, sessions=SESSIONS, turns=TURNS))
        soak = asyncio.run(_soak(process, address, questions))
    seconds = np.array(load["seconds"])
    rate = len(seconds) / load["wall"]
    p50, p95 = (float(np.percentile(seconds, p)) for p in (50, 95))
    print(f"{SESSIONS} sessions, {len(seconds):,} answers, {load['errors']} errors: {rate:.1f} answers/s, ", end="")
    print(f"p50 {p50:.2f} s, p95 {p95:.2f} s with all sessions asking at once")
    print(f"bare embedding of the same messages, one by one: {bare:.1f}/s; answers come at {rate / bare:.2f} x that")
    print(f"soak of {SOAK:,}: {soak['errors']} errors, memory {soak['slope']:+.2f} MB per 1,000 questions ", end="")
    print(f"(bar {BAR_MEGABYTES}), {soak['megabytes'][-1]:.0f} MB at the end, descriptors {soak['descriptors']}")
    return {
        "sessions": SESSIONS,
        "questions": len(seconds) + load["errors"],
        "errors": load["errors"],
        "p50_s": round(p50, 3),
        "p95_s": round(p95, 3),
        "answers_per_s": round(rate, 2),
        "embeddings_per_s": round(bare, 2),
        "soak": {"questions": SOAK, **soak},
        "bars": {
            "no errors in the sessions": not load["errors"],
            "no errors in the soak": not soak["errors"],
            f"memory grows at most {BAR_MEGABYTES} MB per 1,000 questions": soak["slope"] <= BAR_MEGABYTES,
            "descriptors stay": max(soak["descriptors"]) - min(soak["descriptors"]) <= SOAKING,
        },
    }


def _embedding_rate(questions: list[str]) -> float:
    """Messages embedded in a second, with nothing else."""
    embedder = assemble.embedder(read_settings())
    embedder.embed(questions[:5])
    began = time.perf_counter()
    for question in questions[:EMBEDDED]:
        embedder.embed([question])
    return min(EMBEDDED, len(questions)) / (time.perf_counter() - began)


@contextmanager
def _server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`consultant serve` with room in the queue for all sessions, once it is ready."""
    environment = {**os.environ, "CONSULTANT_QUEUE": str(SESSIONS)}
    command = [sys.executable, "-m", "ui.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            address = re.findall(r"http://\S+", process.stderr.readline())[0]
            while httpx.get(f"{address}/readyz", timeout=240).status_code != 200:
                time.sleep(0.5)
            yield process, address
        finally:
            process.kill()


async def _sessions(address: str, questions: list[str], *, sessions: int, turns: int) -> dict[str, Any]:
    """So many sessions at once; each asks its turns one after the other, as the widget does."""
    seconds: list[float] = []
    errors = 0

    async def session(number: int, client: httpx.AsyncClient) -> None:
        nonlocal errors
        drawn = random.Random(number)
        history: list[dict[str, str]] = []
        for _ in range(turns):
            question = drawn.choice(questions)
            began = time.perf_counter()
            answer = await _ask(client, question, history)
            if answer is None:
                errors += 1
                continue
            seconds.append(time.perf_counter() - began)
            history = [*history, {"role": "user", "content": question}, {"role": "assistant", "content": answer}][-8:]

    limits = httpx.Limits(max_connections=sessions)
    began = time.perf_counter()
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits) as client:
        await asyncio.gather(*(session(number, client) for number in range(sessions)))
    return {"seconds": seconds, "errors": errors, "wall": time.perf_counter() - began}


async def _ask(client: httpx.AsyncClient, question: str, history: list[dict[str, str]]) -> str | None:
    """The answer of a stream; None when there is none."""
    body = {"question": question, "history": history, "stream": True, "html": True}
    try:
        response = await client.post("/api/ask", json=body)
    except httpx.HTTPError:
        return None
    found = re.search(r"^event: answer\ndata: (.+)$", response.text, re.M)
    return str(json.loads(found[1])["answer"]) if found else None


async def _soak(process: subprocess.Popen[str], address: str, questions: list[str]) -> dict[str, Any]:
    """Memory and descriptors after each of SAMPLES parts, while nothing is being answered."""
    errors, megabytes, descriptors = 0, [], []
    part = SOAK // SAMPLES
    for _ in range(SAMPLES):
        told = await _sessions(address, questions, sessions=SOAKING, turns=part // SOAKING)
        errors += told["errors"]
        # Connections that were closed are closed on the other side a moment later.
        await asyncio.sleep(1)
        megabytes.append(_resident(process.pid))
        descriptors.append(len(list(Path(f"/proc/{process.pid}/fd").iterdir())))
    kept = slice(round(SAMPLES * WARM), None)
    asked = np.arange(1, SAMPLES + 1) * part / 1000
    slope = float(np.polyfit(asked[kept], megabytes[kept], 1)[0])
    return {
        "errors": errors,
        "slope": round(slope, 3),
        "megabytes": [round(value, 1) for value in megabytes],
        "descriptors": descriptors[kept],
    }


def _resident(pid: int) -> float:
    """Megabytes of memory that the process has for itself."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
