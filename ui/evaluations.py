"""The Evaluation tab: run a suite, watch it, read the report, and what changed since the last run of it.

A run keeps a processor busy for a minute or more, so it is for whoever runs the page; its report is there for all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from bot.consultant import Consultant
from bot.errors import ConsultantError
from bot.evaluation import report, saved
from bot.evaluation.case_files import read_cases
from bot.evaluation.figures import Saved
from bot.evaluation.run import Cache, Result, run
from bot.settings import Settings
from knowledge.errors import KnowledgeError
from ui import evaluating
from ui.operators import FOR_OPERATORS, Operators, token_box
from ui.parts import QUIETLY, markup
from ui.render import one_line
from ui.templating import template
from ui.words import say

FOLDER = "evaluations"
NO_SUITES = (
    "The suites lie in the repository, not in the installed package. Run cases of your own with: consultant eval FILE"
)
FIRST = "unanswerable"
# Seconds between two steps of the bar.
STEP = 0.5


class Evaluations:
    """Runs suites with one consultant, and keeps the last report of each in the data directory."""

    def __init__(self, consultant: Consultant, settings: Settings) -> None:
        self.consultant = consultant
        self.settings = settings

    @property
    def suites(self) -> dict[str, Path]:
        """The suites that are there, by name."""
        return {path.stem: path for path in sorted(evaluating.SUITES.glob("*.yaml"))}

    def last(self, suite: str) -> str:
        """The report of the last run of a suite, as HTML."""
        try:
            page = (self._folder(suite) / report.FILES["html"]).read_text(encoding="utf-8")
        except OSError:
            return note("This suite was not run here yet.")
        return _shown("report", suite=suite, page=page).replace("\n", "&#10;")

    def run(self, suite: str) -> Iterator[str]:
        """How far the run is, as HTML, and at its end the report, compared with the last one; raises BadCases."""
        cases, config = read_cases([self.suites[suite]]), evaluating.described(self.settings, [suite])
        cache = Cache(self.settings.home / evaluating.CACHE, evaluating.digest(self.consultant, self.settings))
        results: list[Result] = []
        began = told = time.monotonic()
        yield self._progress(results, len(cases), began)
        for result in run(cases, self.consultant, cache=cache):
            results.append(result)
            if time.monotonic() - told > STEP:
                told = time.monotonic()
                yield self._progress(results, len(cases), began)
        report.write(self._folder(suite), ("json", "html"), results, config, self._before(suite))
        yield self.last(suite)

    def _folder(self, suite: str) -> Path:
        return self.settings.home / FOLDER / suite

    def _before(self, suite: str) -> list[Saved] | None:
        """The cases of the last run; None when there is none that can be read."""
        try:
            return saved.read_saved(self._folder(suite) / report.FILES["json"])
        except saved.BadResults:
            return None

    def _progress(self, results: Sequence[Result], of: int, began: float) -> str:
        done = len(results)
        left = (time.monotonic() - began) / done * (of - done) if done else None
        passed = sum(result.passed for result in results)
        return one_line(_shown("progress", done=done, of=of, passed=passed, left=left))


def note(text: str) -> str:
    """A sentence in place of a report."""
    return one_line(_shown("note", text=text))


def _shown(kind: str, **values: Any) -> str:
    return template("evaluation").render(kind=kind, **values)


def build_tab(evaluations: Evaluations, operators: Operators) -> None:
    """The contents of the tab, in the block that is open."""
    gr.Markdown(
        say("evaluation_about"),
        elem_classes="tab-intro",
    )
    suites = list(evaluations.suites)
    if not suites:
        markup(note(NO_SUITES))
        return
    chosen = FIRST if FIRST in suites else suites[0]
    suite = gr.Dropdown(suites, value=chosen, label=say("suite"), filterable=False, elem_id="suite")
    token = token_box(operators, "evaluation-token")
    with gr.Row(elem_classes="tools"):
        start = gr.Button(say("run"), size="sm", variant="primary", elem_id="evaluation-run")
        stop = gr.Button(say("stop_run"), size="sm", elem_id="evaluation-stop")
        last = gr.Button(say("last_report"), size="sm", elem_id="evaluation-last")
    shown = markup(elem_id="evaluation-report")

    def ran(suite: str, token: str, request: gr.Request) -> Iterator[str]:
        if not operators.let(token, request.headers):
            yield note(f"{FOR_OPERATORS} Or run at the command line: consultant eval --suite {suite}")
            return
        try:
            yield from evaluations.run(suite)
        except (ConsultantError, KnowledgeError) as error:
            yield note(str(error))
        except OSError as error:
            yield note(f"The report cannot be kept ({error.strerror}). Make the data directory writable.")

    # One run at a time: each fills a processor.
    running = start.click(ran, [suite, token], shown, concurrency_limit=1, **QUIETLY)
    stop.click(lambda: note("Stopped. The last report is as it was."), None, shown, cancels=[running], **QUIETLY)
    last.click(evaluations.last, suite, shown, **QUIETLY)
