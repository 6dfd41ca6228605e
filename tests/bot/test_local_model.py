"""The real SmolLM2 behind its own server: it answers, ends with us, and starts again when it has died."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bot import assemble
from bot.completion import Completion
from bot.consultant import Consultant
from bot.errors import ModelUnavailable
from bot.local_model import LocalModel
from bot.model_files import model_path
from bot.models import chat_model, parse
from bot.settings import read_settings
from bot.writers.model import BRIEF, ModelWriter

ASKED = [("user", "Say in one sentence what a library is.")]


def test_it_answers_from_its_own_process(smollm2: Path) -> None:
    completion = Completion(chat_model(parse("local", smollm2)), ASKED, timeout=120)
    assert len("".join(completion).split()) > 3
    assert (completion.usage.tokens_in or 0) > 10
    assert (completion.usage.tokens_out or 0) > 0


def test_only_who_knows_the_key_is_answered_and_a_dead_one_is_started_again(smollm2: Path) -> None:
    server = LocalModel(model_path(smollm2, "smollm2"))
    try:
        address, key = server.address()
        body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        url = f"{address}/v1/chat/completions"
        assert httpx.post(url, json=body, timeout=60).status_code == 401
        right = {"Authorization": f"Bearer {key}"}
        assert httpx.post(url, json=body, headers=right, timeout=60).status_code == 200
        assert server.address() == (address, key)
        assert server._child is not None
        server._child.kill()
        server._child.wait()
        assert server.address()[1] != key
    finally:
        server.close()


def test_it_ends_with_its_parent(smollm2: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bot.local_model import LocalModel\n"
        f"server = LocalModel(Path({str(model_path(smollm2, 'smollm2'))!r})); server.address()\n"
        "print(server._child.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    if parent.stdin:
        parent.stdin.close()
    end = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < end:
        if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{child}").exists()


def test_a_damaged_file_is_refused_before_it_is_loaded(smollm2: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    shutil.copy(model_path(smollm2, "smollm2"), path)
    with path.open("r+b") as file:
        file.truncate(50_000_000)
    with pytest.raises(ModelUnavailable, match="damaged or cut short"):
        LocalModel(path).address()


def test_without_a_file_the_command_that_fetches_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="Fetch it with: consultant model pull smollm2"):
        assemble.writer(read_settings(home=tmp_path, model="local"))


def test_its_answers_are_supported_and_keep_the_verdict(smollm2: Path, consultant: Consultant) -> None:
    writer = ModelWriter(chat_model(parse("local", smollm2)), "local", "smollm2", BRIEF, timeout=120)
    with_model = Consultant(consultant.retriever, writer, consultant.book)
    for question in (
        "We have 40,000 support mails labelled by topic and want to route new ones within a second.",
        "Our hospital has 12,000 protocols as PDF. Nurses need quick answers, and data may not leave our network.",
        "What is LoRA?",
    ):
        answer, quoted = with_model.ask(question), consultant.ask(question)
        assert answer.verdict == quoted.verdict
        assert answer.grounding.supported >= 1
        assert answer.writing is not None
        assert answer.writing.text
        removed = [s.text for s in answer.writing.checked if s.supported_by is None]
        assert not set(removed) & {s.text for s in answer.statements}
        if not answer.writing.kept:
            assert answer.statements[:-1] == quoted.statements
