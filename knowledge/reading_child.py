"""Files are read in a process of its own, with little memory and time: a hostile one ends that and nothing else.

    reader → {"path": …}                          a line of JSON each way
    reader ← {"document": {…}} or {"reason": …}

`python -m knowledge.reading_child SECONDS BYTES` is the child. It answers in JSON, since what comes from a process
that read hostile bytes is not to be trusted with more.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from knowledge.documents import read_document
from knowledge.errors import UnreadableFile
from knowledge.types import Document, Source

# Processor time for one file, and memory: several times what a PDF at the limit of size takes.
SECONDS = 60
MEMORY = 2**30
# Seconds that it may wait besides: for ever on what is no file, and on a busy machine an honest reader waits too.
_WAIT = 240


class ApartReader:
    """Reads files one after the other in a child process, which is started when needed; a context manager."""

    def __init__(self, *, seconds: int = SECONDS, memory: int = MEMORY) -> None:
        self.seconds = seconds
        self.memory = memory
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> ApartReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: Path) -> Document:
        """As `documents.read_document`; also raises UnreadableFile when it takes too much time or memory."""
        child = self._child = self._child or self._start()
        assert child.stdin is not None, "pipes were asked for"
        assert child.stdout is not None, "pipes were asked for"
        late = threading.Timer(self.seconds + _WAIT, child.kill)
        late.start()
        try:
            child.stdin.write(json.dumps({"path": str(path)}) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            late.cancel()
        if not line.endswith("\n"):
            self.close()
            raise UnreadableFile(
                f"it takes more than {self.seconds} seconds or {self.memory / 2**20:.0f} MB to read; split it, "
                "or save it again in another format"
            )
        answer = json.loads(line)
        if "reason" in answer:
            raise UnreadableFile(answer["reason"])
        return _document(answer["document"])

    def close(self) -> None:
        """End the child."""
        if self._child:
            with self._child as child:
                child.kill()
            self._child = None

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "knowledge.reading_child", str(self.seconds), str(self.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )


def read_apart(path: Path, *, seconds: int = SECONDS, memory: int = MEMORY) -> Document:
    """Read one file in a child process that ends with it; raises UnreadableFile with the reason."""
    with ApartReader(seconds=seconds, memory=memory) as reader:
        return reader.read(path)


def _document(values: dict[str, Any]) -> Document:
    sources = tuple(Source(**source) for source in values.pop("sources"))
    asked = {section: tuple(questions) for section, questions in values.pop("asked").items()}
    return Document(**values, sources=sources, asked=asked)


def _answer(path: Path) -> dict[str, Any]:
    try:
        return {"document": asdict(read_document(path))}
    except UnreadableFile as error:
        return {"reason": str(error)}
    except MemoryError:
        return {"reason": "it takes too much memory to read; split it, or save it again in another format"}


def _limit(seconds: int, memory: int) -> None:
    """Let this process have so many more seconds of processor time, and so many bytes in all; then it is ended."""
    try:
        import resource
    except ImportError:
        # Where the system knows no such limits, the reader's patience is the only one.
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, hard))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def main() -> None:
    """Answer each line of standard input; ends with it, and so with its parent."""
    seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    for line in sys.stdin:
        _limit(seconds, memory)
        print(json.dumps(_answer(Path(json.loads(line)["path"]))), flush=True)


if __name__ == "__main__":
    main()
