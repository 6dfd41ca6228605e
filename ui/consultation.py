"""A consultation as the page shows it: turns and corrections in, what changes on the page out.

Nothing is kept here between two events: the page sends the conversation and the corrections along each time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bot.consultant import Consultant
from bot.errors import BadEdit, BadQuestion, ConsultantError
from bot.evaluation.recorded import BadScores, scores_of
from bot.types import Considered, Edit, Message, ProjectBrief, PromptVersion, Statement, so_far
from knowledge.errors import KnowledgeError
from ui import export, panels, render, turns
from ui.feedback import Feedback
from ui.replies import logged
from ui.turns import KeptTurn, Turn

log = logging.getLogger(__name__)
# What changes on the page, by the names of its parts.
Shown = dict[str, Any]
# What may be said of an answer; the page shows the first two as thumbs, the others as reasons.
LIKE, DISLIKE = "Like", "Dislike"
REASONS = ("Wrong advice", "Not about my project", "Hard to understand", "The source does not say so")
MAX_TURNS = 1500
MAX_TITLE = 60


class _Correction(BaseModel):
    model_config = ConfigDict(extra="forbid")
    slot: str
    value: str


class Saved(BaseModel):
    """A conversation as the browser keeps it."""

    title: str = ""
    turns: list[KeptTurn] = Field(default_factory=list, max_length=MAX_TURNS)
    edits: list[_Correction] = Field(default_factory=list)


_CORRECTIONS = TypeAdapter(list[_Correction])


class Consultation:
    """Answers, corrects and supposes for the page; `library` is the folder of the corpus's site."""

    def __init__(self, consultant: Consultant, library: Path | None = None) -> None:
        self.consultant = consultant
        self.library = library
        self.book = consultant.book

    def answered(self, given: Sequence[Turn], corrections: str = "") -> Iterator[Shown]:
        """The page as the answer to the last message grows, then with what stands below and beside it."""
        question, history = turns.read(given)
        if not question:
            yield {"chatbot": list(given)}
            return
        try:
            edits = read_corrections(corrections)
            understood = self.consultant.consider(question, history, edits)
            yield {"chatbot": list(given), "supposed": "", **self._understood(understood, new=not history)}
            yield from self._written(given, question, history, edits, understood)
        except (ConsultantError, KnowledgeError) as error:
            yield {"chatbot": [*given, turns.says(render.escape_markdown(str(error)))]}
        # The page is a boundary: the person gets a sentence, the log the traceback under the same id.
        except Exception as error:  # noqa: BLE001
            wrong = f"Something went wrong here. Tell the operator the error id {logged(error)}."
            yield {"chatbot": [*given, turns.says(wrong)]}

    def _understood(self, understood: Considered, *, new: bool) -> Shown:
        """The panels before anything is written; a question in between leaves the verdict as it is."""
        shown: Shown = {"project": panels.project(understood, self.book)}
        if understood.verdict or new:
            shown["verdict"] = panels.verdict(understood, None)
        return shown

    def _written(
        self,
        given: Sequence[Turn],
        question: str,
        history: Sequence[Message],
        edits: Sequence[Edit],
        understood: Considered,
    ) -> Iterator[Shown]:
        stream = self.consultant.stream(question, history, edits)
        statements: list[Statement] = []
        for statement, _ in stream:
            statements = so_far(statements, statement)
            yield {"chatbot": [*given, turns.says(render.markdown(statements, links=True))]}
        answer = stream.answer
        below = render.status_html(answer) + render.sources_html(answer, self.library)
        said = [turns.says(render.markdown(answer.statements, links=True))]
        shown: Shown = {
            "chatbot": [*given, *said, *([turns.panel(below, answer.question)] if below else [])],
            "sources": panels.sources(answer, self.library),
            "made": panels.made(answer, self.book, self._measured(answer.prompt)),
        }
        if answer.verdict:
            shown["verdict"] = panels.verdict(understood, answer)
        yield shown

    def _measured(self, prompt: PromptVersion) -> str:
        try:
            return panels.measured(scores_of(self.consultant.retriever.home.path, prompt.id, prompt.version))
        except BadScores as error:
            log.warning("%s", error)
            return ""

    def _concluded(self, given: Sequence[Turn], edits: Sequence[Edit]) -> Considered:
        """What is known by the last message, with the last verdict: a question in between has none of its own."""
        said = turns.messages(given)
        asked = _asked(said)
        if not asked:
            raise BadQuestion("Nothing was said yet. Tell me about your project first.")
        latest = self.consultant.consider(said[asked[-1]].content, said[: asked[-1]], edits)
        understood = latest
        for n in reversed(asked[:-1]):
            if understood.verdict:
                break
            understood = self.consultant.consider(said[n].content, said[:n], edits)
        return replace(latest, verdict=understood.verdict, question=understood.question)

    def briefs(self, given: Sequence[Turn], corrections: str) -> tuple[ProjectBrief, ProjectBrief]:
        """What is known of the project, and what was known before the last message."""
        edits = read_corrections(corrections)
        before = turns.until_asked(given)[:-1]
        return self._brief(given, edits), self._brief(before, edits)

    def _brief(self, given: Sequence[Turn], edits: Sequence[Edit]) -> ProjectBrief:
        try:
            return self._concluded(given, edits).brief
        except (ConsultantError, KnowledgeError):
            return ProjectBrief()

    def judged(self, until: Sequence[Turn], corrections: str, liked: bool | str) -> Feedback:
        """What somebody thinks of the last answer, with what it answered; `liked` may be a reason."""
        said = turns.messages(until)
        asked = max(_asked(said), default=0)
        try:
            verdict = self._concluded(until, read_corrections(corrections)).verdict
        except (ConsultantError, KnowledgeError):
            verdict = None
        return Feedback(
            verdict="up" if liked is True or liked == LIKE else "down",
            reason=liked if isinstance(liked, str) and liked not in (LIKE, DISLIKE) else "",
            question=said[asked].content if said else "",
            answer="\n\n".join(message.content for message in said[asked + 1 :]),
            approach=verdict.approach if verdict else "",
            model=self.consultant.writer.name,
        )

    def corrected(self, given: Sequence[Turn], corrections: str, slot: str, value: str) -> Shown:
        """A fact set by hand, or taken out with an empty value: the brief and the verdict at once."""
        before = read_corrections(corrections)
        edits = _with(before, slot, value)
        try:
            understood = self._concluded(given, edits)
        except BadEdit as error:
            understood = self._concluded(given, before)
            return {"project": panels.project(understood, self.book, str(error))}
        except BadQuestion:
            # Nothing was said yet that the correction could belong to.
            return {}
        shown: Shown = {
            "corrections": written_corrections(edits),
            "project": panels.project(understood, self.book),
            "supposed": "",
        }
        if understood.verdict:
            shown["verdict"] = panels.verdict(understood, None, stale=True)
        return shown

    def supposed(self, given: Sequence[Turn], corrections: str, slot: str, answer: str) -> Shown:
        """The verdict if the answer for a slot were another one; nothing is kept of it."""
        if not slot:
            return {"supposed": ""}
        edits = _with(read_corrections(corrections), slot, answer)
        try:
            understood = self._concluded(given, edits)
        except ConsultantError as error:
            return {"supposed": panels.verdict(None, None, note=str(error))}
        supposed = panels.Supposed(self.book.slots[slot], answer)
        return {"supposed": panels.verdict(understood, None, supposed=supposed)}

    def opened(self, record: str) -> Shown:
        """A conversation that the browser kept, as it was, with its brief and its verdict."""
        try:
            saved = Saved.model_validate_json(record)
        except ValidationError:
            return {"chatbot": [turns.says("This conversation cannot be read. It stays in the list until deleted.")]}
        given = [turn.model_dump() for turn in saved.turns]
        edits = [Edit(edit.slot, edit.value) for edit in saved.edits]
        shown: Shown = {**self.empty(), "chatbot": given, "corrections": written_corrections(edits)}
        try:
            understood = self._concluded(given, edits)
        except (ConsultantError, KnowledgeError):
            return shown
        return {**shown, **self._understood(understood, new=True)}

    def exported(self, given: Sequence[Turn], corrections: str) -> str:
        """Links that download the consultation."""
        try:
            understood = self._concluded(given, read_corrections(corrections))
        except (ConsultantError, KnowledgeError):
            understood = None
        return export.links(given, understood, date.today())

    def empty(self) -> Shown:
        """The page of a new conversation, which is also what a reader sees first."""
        return {
            "chatbot": [],
            "corrections": "[]",
            "project": panels.project(None, self.book),
            "verdict": panels.verdict(None, None),
            "supposed": "",
            "sources": panels.sources(None),
            "made": panels.made(None, self.book),
        }


def _asked(said: Sequence[Message]) -> list[int]:
    """Where in a conversation the person speaks."""
    return [n for n, message in enumerate(said) if message.role == "user"]


def _with(edits: Sequence[Edit], slot: str, value: str) -> list[Edit]:
    """The corrections with one more; the last of a slot is the one that counts.

    >>> _with([Edit("time", "a week")], "time", "a year")
    [Edit(slot='time', value='a year')]
    """
    return [*(edit for edit in edits if edit.slot != slot), Edit(slot, value)]


def record(given: Sequence[Turn], corrections: str) -> str:
    """The conversation for the browser to keep, as an element that its script reads; "" when nothing was said."""
    if not given:
        return ""
    asked = next((m.content for m in turns.messages(given) if m.role == "user"), "")
    title = asked if len(asked) <= MAX_TITLE else asked[: MAX_TITLE - 1].rsplit(" ", 1)[0] + "…"
    said = [turns.kept(turn) for turn in given]
    edits = [asdict(edit) for edit in read_corrections(corrections)]
    return render.kept(json.dumps({"title": " ".join(title.split()), "turns": said, "edits": edits}))


def read_corrections(raw: str) -> list[Edit]:
    """The facts set by hand, as the page keeps them; what cannot be read counts as none."""
    try:
        return [Edit(c.slot, c.value) for c in _CORRECTIONS.validate_json(raw or "[]")]
    except ValidationError:
        return []


def written_corrections(edits: Sequence[Edit]) -> str:
    """What `read_corrections` reads."""
    return json.dumps([asdict(edit) for edit in edits])
