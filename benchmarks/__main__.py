"""`python -m benchmarks [NAME…]`: run the named benchmarks, or all; print tables, keep results.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import (
    abstaining,
    chunking,
    conversing,
    coverage,
    evaluating,
    finding,
    grounding,
    growing,
    ingesting,
    latency,
    prompting,
    recognising,
    serving,
    startup,
    streaming,
    widget,
)

BENCHMARKS = {
    "abstaining": abstaining.run,
    "chunking": chunking.run,
    "conversing": conversing.run,
    "coverage": coverage.run,
    "evaluating": evaluating.run,
    "finding": finding.run,
    "grounding": grounding.run,
    "growing": growing.run,
    "ingesting": ingesting.run,
    "latency": latency.run,
    "prompting": prompting.run,
    "recognising": recognising.run,
    "serving": serving.run,
    "startup": startup.run,
    "streaming": streaming.run,
    "widget": widget.run,
}


def main() -> int:
    """Exit 1 when a figure misses its bar, 2 when a name is unknown."""
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"There is no benchmark {unknown[0]!r}. Choose from: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    path = Path(__file__).parent / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missed = []
    for name in names:
        print(f"\n## {name}", flush=True)
        figures = BENCHMARKS[name]()
        results[name] = figures
        missed += [f"{name}: {bar}" for bar, met in figures.get("bars", {}).items() if not met]
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for bar in missed:
        print(f"MISSED {bar}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
