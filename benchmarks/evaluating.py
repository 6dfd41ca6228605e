"""Seconds that an evaluation run of 300 cases takes, offline and after warm-up, two cases at a time.

What is timed is what `consultant eval` does for each case: ask, score and measure, with nothing kept from before.
"""

from __future__ import annotations

import os
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from bot import assemble
from bot.evaluation.case_files import read_cases
from bot.evaluation.run import run as ask_all
from bot.settings import read_settings

SUITES = Path(__file__).parent.parent / "tests" / "data" / "suites"
CASES, JOBS, BAR = 300, 2, 60.0


def run() -> dict[str, Any]:
    """Print the seconds; the bar is for two cores that nobody else uses."""
    consultant = assemble.consultant(read_settings())
    cases = read_cases([SUITES / "blind.yaml", SUITES / "paraphrases.yaml", SUITES / "unanswerable.yaml"])
    asked = list(islice(cycle(cases), CASES))
    list(ask_all(asked[:3], consultant))
    started, worked = time.perf_counter(), time.process_time()
    errors = sum(bool(result.error) for result in ask_all(asked, consultant, jobs=JOBS))
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    cores = os.cpu_count()
    print(f"{CASES} cases offline in {seconds:.1f} s on {cores} cores after warm-up ({processor:.1f} s of processor)")
    return {
        "cases": CASES,
        "errors": errors,
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "cores": cores,
        "bars": {f"{CASES} cases within {BAR:.0f} s": seconds <= BAR, "no errors": not errors},
    }
