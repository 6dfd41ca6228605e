"""Growth: what more chunks do to ingest, disk, memory, queries and recall; `GROWING=1000,10000,100000` names sizes.

The text is the corpus's own, over and over with other numbers in it; the vectors are synthetic, around 200 centres as
texts lie around subjects, so that what is timed is ours and not the embedding model's. What that would add to an
ingest is measured on some of the texts and reckoned for all of them: a person who adds a file pays for both.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.chunks import chunks
from knowledge.documents import read_document
from knowledge.embeddings import ModelIdentity, SentenceEmbedder
from knowledge.index import Generation, Home, read_manifest
from knowledge.ingest import CORPUS, ingest
from knowledge.retriever import Retriever

SIZES = [int(size) for size in os.environ.get("GROWING", "1000,10000").split(",")]
SECTIONS = 20
QUERIES = 200
LATENCY_BAR = 3.0
MEMORY_BAR = 1500
INCREMENTAL_BAR = 0.02
DIMENSION = 384
_CENTRES = np.random.default_rng(0).standard_normal((200, DIMENSION)).astype(np.float32)


class Synthetic:
    """A vector for each text, the same each time, near one of the centres (cosine about 0.8)."""

    identity = ModelIdentity("synthetic", "synthetic")
    dimension = DIMENSION

    def embed(self, texts: Sequence[str], **_: Any) -> np.ndarray[Any, Any]:
        """Shape (len(texts), DIMENSION), unit length."""
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        noise = np.array([np.random.default_rng(s).standard_normal(DIMENSION, dtype=np.float32) for s in seeds])
        vectors = _CENTRES[[s % len(_CENTRES) for s in seeds]] + 0.75 * noise.reshape(len(texts), DIMENSION)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


EMBEDDER: Any = Synthetic()
SAMPLE = 512


def seconds_a_text(folder: Path) -> float:
    """What the real model takes for a text of an index, measured on some of its windows and sentences."""
    with sqlite3.connect(folder / "store.sqlite") as store:
        query = "SELECT text FROM (SELECT text FROM windows UNION ALL SELECT text FROM sentences) ORDER BY random()"
        texts = [text for (text,) in store.execute(f"{query} LIMIT {SAMPLE}")]
    real = SentenceEmbedder()
    real.embed(texts[:8])
    return _seconds(lambda: real.embed(texts)) / len(texts)


def run() -> dict[str, Any]:
    """Print a row for each size, and the ratios of the largest to the smallest."""
    print(
        "chunks  ingest s  one file s  share  embedded  disk kB/chunk  memory kB/chunk  beyond  "
        "p50 ms  p95 ms  recall@10"
    )
    rows = [measure(size) for size in SIZES]
    small, large = rows[0], rows[-1]
    slower = large["p95_ms"] / small["p95_ms"]
    print(f"query p95 at {large['chunks']:,} chunks: {slower:.2f} x that at {small['chunks']:,} (bar {LATENCY_BAR})")
    print(f"memory beyond vectors and text: {large['beyond']:,} bytes a chunk (bar {MEMORY_BAR:,})")
    print(
        f"one changed file: {large['share']:.1%} of the full build without embedding, "
        f"{large['embedded_share']:.2%} with it (bar {INCREMENTAL_BAR:.0%})"
    )
    return {
        "rows": rows,
        "p95_ratio": round(slower, 2),
        "bars": {
            f"query p95 at most {LATENCY_BAR:.0f} x that of the smallest": slower <= LATENCY_BAR,
            f"memory at most {MEMORY_BAR} bytes a chunk beyond vectors and text": large["beyond"] <= MEMORY_BAR,
            f"one changed file at most {INCREMENTAL_BAR:.0%} of the build, embedding included": (
                large["embedded_share"] <= INCREMENTAL_BAR
            ),
        },
    }


def measure(size: int) -> dict[str, Any]:
    """All figures of an index of about so many chunks."""
    with tempfile.TemporaryDirectory() as folder:
        files, home = Path(folder) / "files", Home(Path(folder) / "home")
        write(files, size)
        full = _seconds(lambda: ingest([files], home, EMBEDDER, corpus=None))
        changed = files / "0.md"
        changed.write_text(changed.read_text(encoding="utf-8") + "\nOne more sentence.\n", encoding="utf-8")
        one = _seconds(lambda: ingest([files], home, EMBEDDER, corpus=None))
        generation = home.current()
        text = seconds_a_text(generation)
        texts = read_manifest(generation).windows + read_manifest(generation).sentences
        own = texts_of(generation, changed.stem)
        disk = sum(path.stat().st_size for path in generation.rglob("*") if path.is_file())
        found = json.loads(
            subprocess.run(
                [sys.executable, "-m", "benchmarks.growing", str(home.path)],
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            ).stdout
        )
    count = found["chunks"]
    row = {
        "chunks": count,
        "ingest_s": round(full, 2),
        "one_file_s": round(one, 2),
        "share": round(one / full, 4),
        "embedded_share": round((one + own * text) / (full + texts * text), 4),
        "disk": round(disk / count),
        "memory": round(found["memory"] / count),
        "beyond": round((found["memory"] - found["held"]) / count),
        **{name: round(found[name], 3) for name in ("p50_ms", "p95_ms", "recall")},
    }
    print(
        f"{count:>6} {full:>9.1f} {one:>11.1f} {one / full:>6.1%} {row['embedded_share']:>9.2%} "
        f"{row['disk'] / 1000:>14.1f} {row['memory'] / 1000:>16.1f} {row['beyond'] / 1000:>7.1f} "
        f"{row['p50_ms']:>7.2f} {row['p95_ms']:>7.2f} "
        f"{row['recall']:>10.3f}",
        flush=True,
    )
    return row


def texts_of(folder: Path, doc: str) -> int:
    """How many texts of one document were embedded."""
    with sqlite3.connect(folder / "store.sqlite") as store:
        query = (
            "SELECT count(*) FROM (SELECT chunk FROM windows UNION ALL SELECT chunk FROM sentences) AS held "
            "JOIN chunks ON chunks.id = held.chunk WHERE chunks.doc = ?"
        )
        return int(store.execute(query, (doc,)).fetchone()[0])


def write(folder: Path, size: int) -> None:
    """Files of twenty sections of the corpus's text each; a number makes each section another."""
    folder.mkdir()
    texts = [chunk for path in sorted(CORPUS.rglob("*.md")) for chunk in chunks(read_document(path))]
    endless = cycle(texts)
    for n in range(-(-size // SECTIONS)):
        parts = [f"# {c.heading} ({n}.{i})\n\n{c.text}\n" for i, c in enumerate(islice(endless, SECTIONS))]
        (folder / f"{n}.md").write_text("\n".join(parts), encoding="utf-8")


def opened(home: Path) -> dict[str, float]:
    """What an index costs the process that opens it and asks: bytes, milliseconds, recall@10 of its windows."""
    import bm25s  # noqa: F401 - so that their own memory is not counted as the index's
    import chromadb  # noqa: F401

    before = _resident()
    retriever = Retriever(Home(home), EMBEDDER)
    generation = retriever.generation()
    questions = [f"{c.heading}?" for c in generation.chunks[:: max(1, len(generation.chunks) // QUERIES)]][:QUERIES]
    vectors = EMBEDDER.embed(questions)
    for question, vector in zip(questions[:10], vectors[:10], strict=True):
        retriever.retrieve([question], vector[None])
    times = [
        _seconds(lambda q=question, v=vector: retriever.retrieve([q], v[None]))  # type: ignore[misc]
        for question, vector in zip(questions, vectors, strict=True)
    ]
    memory = _resident() - before
    windows, text = generation.manifest.windows, sum(len(chunk.text.encode()) for chunk in generation.chunks)
    held = (windows + len(generation.chunks)) * DIMENSION * 4 + text
    return {
        "chunks": len(generation.chunks),
        "memory": memory,
        "held": held,
        "p50_ms": float(np.percentile(times, 50)) * 1000,
        "p95_ms": float(np.percentile(times, 95)) * 1000,
        "recall": _recall(generation, vectors),
    }


def _recall(generation: Generation, queries: np.ndarray[Any, Any], k: int = 10) -> float:
    """The share of the exact nearest windows' chunks that the index finds, as many as it gives them."""
    names, parts = zip(*generation.store.windows(), strict=True)
    chunk_of = [name.rsplit("@", 1)[0] for some in names for name in some]
    cosines = queries @ np.concatenate(parts).T
    exact = [[chunk_of[i] for i in np.argsort(-row)[:k]] for row in cosines]
    found = generation.nearest_windows(queries, limit=k)
    return float(np.mean([len({c for c, _ in f} & set(e)) / len(set(e)) for f, e in zip(found, exact, strict=True)]))


def _resident() -> int:
    """Bytes of memory that this process has now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _seconds(action: Any) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(opened(Path(sys.argv[1]))))
