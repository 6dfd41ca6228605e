"""Re-indexes while people ask: no error, no answer of two indexes, and what is new is found soon."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from knowledge.index import Home
from knowledge.retriever import Retriever
from tests.faults.hashed import EMBEDDER, ingest_hashed, write

# `make test-faults` asks for more.
REINDEXES = int(os.environ.get("TEST_REINDEXES", "3"))
QUESTIONS = int(os.environ.get("TEST_QUESTIONS", "200"))
READERS = 8
SECONDS_UNTIL_SEEN = 2.0
ROOT = Path(__file__).parent.parent.parent
# Another process writes and ingests the words word0, word1 … into argv[2], and tells when each is published.
WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from knowledge import index
from knowledge.verify import verify
from tests.faults.hashed import ingest_hashed, write
index.verify_in_child = verify
files, home = Path(sys.argv[1]), Path(sys.argv[2])
for n in range(1, int(sys.argv[3]) + 1):
    write(files, f"word{n}")
    ingest_hashed(files, home)
    print(n, time.time(), flush=True)
"""


class Reader:
    """Asks until told to stop and at least its share of the questions; remembers when it first saw each word."""

    def __init__(self, retriever: Retriever, stop: threading.Event) -> None:
        self.retriever = retriever
        self.stop = stop
        self.asked = 0
        self.mixed: list[set[str]] = []
        self.first_seen: dict[str, float] = {}

    def run(self) -> None:
        while not self.stop.is_set() or self.asked < QUESTIONS / READERS:
            found = self.retriever.retrieve([f"Part {self.asked % 20} of bananas"])
            words = {passage.chunk.text.rsplit(" ", 1)[1].strip(".\n") for passage in found.passages}
            # What an answer is composed of later comes from the same generation, whatever was published meanwhile.
            stored = found.generation.store.sentences_of([passage.chunk.id for passage in found.passages])
            words |= {said.text.rsplit(" ", 1)[1].strip(".") for ((said, *_), *_) in stored.values()}
            self.asked += 1
            if len(words) != 1:
                self.mixed.append(words)
            self.first_seen.setdefault(min(words), time.time())


def test_people_may_ask_while_the_index_is_made_anew(tmp_path: Path) -> None:
    files, home = tmp_path / "files", tmp_path / "home"
    write(files, "word0")
    ingest_hashed(files, home)
    retriever, stop = Retriever(Home(home), EMBEDDER), threading.Event()
    readers = [Reader(retriever, stop) for _ in range(READERS)]
    with ThreadPoolExecutor(READERS) as pool:
        running = [pool.submit(reader.run) for reader in readers]
        try:
            done = subprocess.run(
                [sys.executable, "-c", WRITER, str(files), str(home), str(REINDEXES), str(ROOT)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            time.sleep(SECONDS_UNTIL_SEEN)
        finally:
            stop.set()
        for future in running:
            future.result()
    retriever.generation().close()
    published = {f"word{n}": float(at) for n, at in (line.split() for line in done.stdout.splitlines())}
    assert len(published) == REINDEXES
    assert sum(reader.asked for reader in readers) >= QUESTIONS
    assert [reader.mixed for reader in readers] == [[]] * READERS
    last = f"word{REINDEXES}"
    # On a machine with so many readers a generation may be replaced before each of them asked again.
    seen = [min(r.first_seen[word] for r in readers if word in r.first_seen) - at for word, at in published.items()]
    assert max(seen) < SECONDS_UNTIL_SEEN
    assert max(reader.first_seen[last] - published[last] for reader in readers) < SECONDS_UNTIL_SEEN
