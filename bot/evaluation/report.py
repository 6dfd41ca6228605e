"""A report of results: a table, JUnit XML, CSV, Markdown, or a page that stands alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from bot.evaluation.figures import (
    Saved,
    by_tag,
    changes,
    failures,
    flipped,
    means,
    rates,
    reliability,
)
from bot.evaluation.run import Result
from bot.evaluation.saved import as_json, text_of
from bot.evaluation.scores import Score

FILES = {
    "json": "results.json",
    "junit": "junit.xml",
    "html": "report.html",
    "csv": "results.csv",
    "md": "summary.md",
}
FORMATS = tuple(FILES)


def as_text(results: Sequence[Result], baseline: Sequence[Saved] | None = None) -> str:
    """The report for a terminal."""
    lines = list(failures(results))
    lines += ["", *map(str, rates(results))]
    lines += [str(found) for found in means(results)]
    if table := reliability(results):
        lines += ["", f"{'confidence':<14} {'cases':>5} {'mean':>6} {'right':>6}"]
        lines += [f"{name:<14} {n:>5} {mean:6.2f} {right:6.2f}" for name, n, mean, right in table]
    if skipped := sorted({check for r in results for check in r.case.skipped}):
        lines += ["", f"Skipped, as nothing here can check them: {', '.join(skipped)}."]
    if baseline is not None:
        lines += ["", "Since the baseline:", *(str(change) for change in changes(results, baseline))]
        lines += [f"{r.case.id}: {'passes now' if r.passed else 'fails now'}" for r, _ in flipped(results, baseline)]
    passed = sum(r.passed for r in results)
    lines += ["", f"{passed} of {len(results)} cases passed."]
    return "\n".join(lines).lstrip("\n")


def as_junit(results: Sequence[Result]) -> str:
    """A test suite as JUnit writes it: a failure names each check that did not pass, an error what stopped it."""
    failed = sum(not r.passed and not r.error for r in results)
    errors = sum(bool(r.error) for r in results)
    took = sum(r.reply.seconds for r in results if r.reply)
    suite = ElementTree.Element(
        "testsuite", name="consultant eval", tests=str(len(results)), failures=str(failed), errors=str(errors),
        time=f"{took:.3f}",
    )  # fmt: skip
    for result in results:
        seconds = result.reply.seconds if result.reply else 0.0
        case = ElementTree.SubElement(
            suite, "testcase", classname="consultant", name=_printable(result.case.id), time=f"{seconds:.3f}"
        )
        wrong = [f"{s.check} should be {s.expected}, was {s.found}" for s in result.scores if not s.passed]
        if result.error:
            ElementTree.SubElement(case, "error", message=_printable(result.error))
        elif not result.passed:
            ElementTree.SubElement(case, "failure", message=_printable("; ".join(wrong))).text = _printable(
                f"{result.case.ask}\n\n{text_of(result.reply)}"
            )
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _printable(text: str) -> str:
    """XML has no way to write most control characters."""
    return "".join(c for c in text if c in "\t\n" or ord(c) >= 32)


def as_csv(results: Sequence[Result]) -> str:
    """A row a case, a column a measure."""
    names = list(dict.fromkeys(name for r in results for name in r.measures))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["id", "passed", "error", "approach", "status", "failed checks", "seconds", *names, "ask", "answer"]
    )
    for r in results:
        wrong = "; ".join(s.check for s in r.scores if not s.passed)
        reply = r.reply
        row = [r.case.id, r.passed, r.error, reply.approach if reply else "", reply.status if reply else "", wrong]
        row += [f"{reply.seconds:.3f}" if reply else "", *(r.measures.get(name, "") for name in names)]
        # A spreadsheet would take what begins so for a formula.
        row += [f"'{text}" if text[:1] in "=+-@" else text for text in (r.case.ask, text_of(reply))]
        writer.writerow(row)
    return out.getvalue()


def as_markdown(results: Sequence[Result], baseline: Sequence[Saved] | None = None) -> str:
    """A comment for a pull request."""
    passed = sum(r.passed for r in results)
    lines = [f"**{passed} of {len(results)} cases passed.**", "", "| | | 95 % |", "|---|---|---|"]
    for rate in rates(results):
        low, high = rate.interval
        lines.append(f"| {rate.name} | {rate.passed} of {rate.of} | {low:.0%} to {high:.0%} |")
    if baseline is not None:
        lines += ["", "| Since the baseline | before | now | |", "|---|---|---|---|"]
        for change in changes(results, baseline):
            lines.append(f"| {change.name} | {change.before:.3f} | {change.after:.3f} | {change.words} |")
        lines += [
            f"- {_cell(r.case.id)}: {'passes now' if r.passed else 'fails now'}"
            for r, _ in flipped(results, baseline)
        ]
    if wrong := list(failures(results)):
        lines += [
            "",
            "<details><summary>What failed</summary>",
            "",
            *(f"- {_cell(line)}" for line in wrong),
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text that is shown as it is in Markdown."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|#" else c for c in flat)


def as_html(
    results: Sequence[Result], config: Mapping[str, Any] | None = None, baseline: Sequence[Saved] | None = None
) -> str:
    """A page that stands alone, for who did not run it: headline, figures, by tag, failures with what was found, how
    long it took, and what changed."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"number": _number, "in_words": _in_words}
    times = sorted(r.reply.seconds for r in results if r.reply)
    return environment.get_template("report.html.j2").render(
        results=results,
        config=dict(config or {}),
        passed=sum(r.passed for r in results),
        rates=rates(results),
        means=means(results),
        tags=by_tag(results),
        reliability=reliability(results),
        failed=[r for r in results if not r.passed],
        skipped=sorted({check for r in results for check in r.case.skipped}),
        histogram=_histogram(times),
        times=times,
        changes=changes(results, baseline) if baseline is not None else None,
        flipped=flipped(results, baseline) if baseline is not None else [],
    )


def _in_words(score: Score) -> str:
    """What a check that did not pass means, for who does not know its name."""
    known = {
        ("refuses", "True"): "should say that the sources do not answer, and answered",
        ("refuses", "False"): "should answer, and said that the sources do not",
        ("asks", "True"): "should ask back, and did not",
        ("asks", "False"): "should not ask back, and did",
    }
    check = score.check.removeprefix("not_").replace("_", " ")
    if score.check.startswith("not_"):
        return f"“{check}: {score.expected}” should not hold, and does ({score.found})"
    return known.get((score.check, score.expected), f"{check} should be {score.expected}, was {score.found}")


def _number(value: float) -> str:
    """Shares with three places, larger measures with one.

    >>> _number(0.7654), _number(108.466)
    ('0.765', '108.5')
    """
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _histogram(times: Sequence[float], *, bins: int = 12) -> list[tuple[str, int, float]]:
    """(seconds, cases, share of the highest bar) of each bin; the last holds the slowest twentieth, or one answer
    that waited would leave a single bar."""
    if not times:
        return []
    usual = times[int(len(times) * 0.95) - 1] if len(times) >= 20 else times[-1]
    width = max(usual / (bins - 1), 1e-9)
    counts = [0] * bins
    for seconds in times:
        counts[min(bins - 1, int(seconds / width))] += 1
    names = [f"up to {width * n:.2f} s" for n in range(1, bins)]
    return [
        (name, count, count / max(counts))
        for name, count in zip([*names, f"more than {usual:.2f} s"], counts, strict=True)
    ]


def write(
    folder: Path,
    formats: Sequence[str],
    results: Sequence[Result],
    config: Mapping[str, Any],
    baseline: Sequence[Saved] | None = None,
) -> list[Path]:
    """Write the formats into a folder, each whole or not at all; the files' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name in formats:
        text = {
            "json": lambda: json.dumps(as_json(results, config, baseline), ensure_ascii=False, indent=1) + "\n",
            "junit": lambda: as_junit(results),
            "html": lambda: as_html(results, config, baseline),
            "csv": lambda: as_csv(results),
            "md": lambda: as_markdown(results, baseline),
        }[name]()
        path = folder / FILES[name]
        draft = path.with_suffix(".part")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
        made.append(path)
    return made
