"""The page without a browser: sends a message as its scripts do, and reads the events that come back."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from gradio_client.utils import apply_diff

from ui import turns
from ui.turns import Turn

QUESTION, CHAT, FOLDED, CORRECTIONS = "question", "chat", "folded", "corrections"


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
        self._chat, self._folded = (self._submit["outputs"].index(self._ids[name]) for name in (CHAT, FOLDED))

    def ask(self, question: str, given: Sequence[Turn] = ()) -> Heard:
        """Ask after the turns that were `given`."""
        session = secrets.token_hex(6)
        fold = turns.fold(given)
        values = {QUESTION: question, CHAT: list(given[fold.turns :]), FOLDED: fold.packed, CORRECTIONS: "[]"}
        data = [values[name] for number in self._submit["inputs"] for name in values if self._ids[name] == number]
        body = {"data": data, "fn_index": self._submit["id"], "session_hash": session, "event_data": None}
        started = time.perf_counter()
        self._http.post("/gradio_api/queue/join", json=body).raise_for_status()
        raw: list[str] = []
        came = [(time.perf_counter() - started, news) for news in self._news(session, raw)]
        # The first event has the whole, each later one what changed in it: first the answer's first words.
        shown = came[0][1]
        sight, folded = shown[self._chat], shown[self._folded]
        for _, news in came[1:]:
            shown = [apply_diff(value, change) for value, change in zip(shown, news, strict=True)]
            if isinstance(shown[self._chat], list):
                sight, folded = shown[self._chat], shown[self._folded]
        first = next(after for after, news in came[1:] if news[self._chat])
        return Heard(turns.whole(folded, sight), first, "".join(raw))

    def _news(self, session: str, raw: list[str]) -> Iterator[list[Any]]:
        """What each event brings; all that comes is added to `raw`."""
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                raw.append(line)
                event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if event.get("msg") == "process_generating":
                    yield event["output"]["data"]
                elif event.get("msg") == "process_completed":
                    assert event["success"], event["output"]
                    return
