"""A file that somebody hands in → its text, read in a process of its own.

A parser can be made to run for hours or to fill the memory by the file it is given. So a child process reads it, with
limits on both, and nothing is written to disk.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from knowledge.documents import Read, parse, reader_of
from knowledge.errors import UnreadableFile

SECONDS = 20  # of a processor
# A busy machine takes longer for them.
PATIENCE = 60.0
MEMORY = 1 << 30  # bytes
_TOO_MUCH = f"it takes more than {SECONDS} seconds or {MEMORY >> 30} GB of memory to read; copy the text out of it"


def read_text(name: str, data: bytes) -> str:
    """The text of a file, by the suffix of its name; raises UnreadableFile with the reason."""
    reader_of(Path(name))
    if not data:
        raise UnreadableFile("it is empty; add text or leave it out")
    command = [sys.executable, "-m", "knowledge.sandbox", Path(name).suffix, str(MEMORY)]
    try:
        child = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise UnreadableFile(_TOO_MUCH) from None
    if child.returncode:
        raise UnreadableFile(_TOO_MUCH)
    told = json.loads(child.stdout)
    if "reason" in told:
        raise UnreadableFile(told["reason"])
    return str(told["text"])


def _limit(memory: int) -> None:
    """Hold this process to SECONDS and so many bytes; Windows knows neither: there the clock of the parent holds."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def main() -> int:
    """Read a file from stdin and print what it holds, or why that cannot be told, as JSON; 1 when memory ran out."""
    _limit(int(sys.argv[2]))
    try:
        document = parse(Read(Path(f"file{sys.argv[1]}"), sys.stdin.buffer.read(), ""))
    except UnreadableFile as error:
        if isinstance(error.__cause__, MemoryError):
            return 1
        print(json.dumps({"reason": str(error)}))
        return 0
    print(json.dumps({"text": document.text[document.body_start :].strip()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
