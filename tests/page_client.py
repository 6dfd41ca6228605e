"""The page without a browser: sends a message as its scripts do, and reads the events that come back."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

Turn = dict[str, Any]
QUESTION, CHAT, CORRECTIONS = "question", "chat", "corrections"


@dataclass(frozen=True)
class Heard:
    """The conversation with its answer, the seconds until its first words, and all that was sent to the visitor."""

    turns: list[Turn]
    first_text: float
    raw: str


class PageClient:
    """Asks a page that is served; each question is that of another session."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        config = http.get("/config").json()
        self._ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        self._submit = next(
            event for event in config["dependencies"] if [self._ids[QUESTION], "submit"] in event["targets"]
        )
        self._chat = self._submit["outputs"].index(self._ids[CHAT])

    def ask(self, question: str, given: Sequence[Turn] = ()) -> Heard:
        """Ask after the turns that were `given`."""
        session = secrets.token_hex(6)
        values = {QUESTION: question, CHAT: list(given), CORRECTIONS: "[]"}
        data = [values[name] for number in self._submit["inputs"] for name in values if self._ids[name] == number]
        body = {"data": data, "fn_index": self._submit["id"], "session_hash": session, "event_data": None}
        started, first_text = time.perf_counter(), 0.0
        self._http.post("/gradio_api/queue/join", json=body).raise_for_status()
        told: list[Turn] = []
        lines: list[str] = []
        for number, event in enumerate(self._events(session, lines)):
            changed = event["output"].get("data") or []
            if number and not first_text and changed and changed[self._chat]:
                first_text = time.perf_counter() - started
            if event["msg"] == "process_completed":
                assert event["success"], event["output"]
                told = changed[self._chat]
        return Heard(told, first_text, "".join(lines))

    def _events(self, session: str, lines: list[str]) -> Iterator[dict[str, Any]]:
        """The events of an answer that carry something; what changed comes as differences, the last one whole."""
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                lines.append(line)
                event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if event.get("msg") in ("process_generating", "process_completed"):
                    yield event
                if event.get("msg") in ("process_completed", "close_stream"):
                    return
