"""Results → a report: rates and means with their 95 % intervals, pairs, reliability of the confidence, what changed
since a baseline, and each failure. As a table, JSON, JUnit XML, CSV, Markdown, or a page that stands alone."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from bot.errors import ConsultantError
from bot.evaluation.cases import Case
from bot.evaluation.reply import Reply, from_json, to_json
from bot.evaluation.run import Result
from bot.evaluation.statistics import Change, Mean, Rate, mean, mean_change, passed_change

SCHEMA = 1
FORMATS = ("json", "junit", "html", "csv", "md")
FILES = {
    "json": "results.json",
    "junit": "junit.xml",
    "html": "report.html",
    "csv": "results.csv",
    "md": "summary.md",
}
# Edges of the bins of the reliability table.
_BINS = (0.0, 0.5, 0.7, 0.85, 1.0001)
# These are for people to look at; more of them is neither better nor worse.
_LOOKED_AT = frozenset({"words", "reading ease"})


class BadResults(ConsultantError):
    """Raised when saved results cannot be read."""


@dataclass(frozen=True)
class Saved:
    """One case of a run that was saved: enough to compare with, and to score again."""

    id: str
    passed: bool
    error: str
    measures: Mapping[str, float]
    reply: Reply | None


def rates(results: Sequence[Result]) -> list[Rate]:
    """How often each check passed, then the pairs, then quotes and supported sentences."""
    checks: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        for score in result.scores:
            checks[_kind(score.check, score.expected)].append(score.passed)
    found = [Rate("cases passed", sum(r.passed for r in results), len(results))]
    found += [Rate(name, sum(passed), len(passed)) for name, passed in checks.items()]
    found += [rate for rate in _pairs(results) if rate.of]
    found += [rate for rate in _repeats(results) if rate.of]
    replies = [r.reply for r in results if r.reply]
    quotes = [quote.verbatim for reply in replies for quote in reply.quotes]
    found.append(Rate("quotes verbatim", sum(quotes), len(quotes)))
    found.append(Rate("sentences supported", sum(r.supported for r in replies), sum(r.sentences for r in replies)))
    return found


def refusal(results: Sequence[Result]) -> list[Rate]:
    """Of the refusals, how many were right (precision), and of what should be refused, how much was (recall)."""
    told = [(r.reply.refuses, r.case.expect["refuses"]) for r in results if r.reply and "refuses" in r.case.expect]
    if not any(expected for _, expected in told):
        return []
    refused = [expected for did, expected in told if did]
    needed = [did for did, expected in told if expected]
    return [Rate("refusal precision", sum(refused), len(refused)), Rate("refusal recall", sum(needed), len(needed))]


def means(results: Sequence[Result]) -> list[Mean]:
    """The mean of each measure over the cases that have it."""
    values: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for name, value in result.measures.items():
            values[name].append(value)
    return [
        mean(name, found) for name, found in values.items() if name not in ("quotes verbatim", "sentences supported")
    ]


def _kind(check: str, expected: str) -> str:
    """Asking when it should and not asking when it should not are two abilities."""
    return {("asks", "True"): "asks when needed", ("asks", "False"): "asks only when needed"}.get(
        (check, expected), check
    )


def _pairs(results: Sequence[Result]) -> Iterator[Rate]:
    """A flip pair passes when both its verdicts are right, a stability pair when its two verdicts are the same."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.case.pair and result.reply:
            groups[result.case.pair].append(result)
    flips = [g for g in groups.values() if "flip" in g[0].case.tags]
    stable = [g for g in groups.values() if "stability" in g[0].case.tags]
    yield Rate("flip pairs", sum(all(r.passed for r in g) for g in flips), len(flips))
    same = [len({r.reply.approach for r in g if r.reply}) == 1 for g in stable]
    yield Rate("stability pairs", sum(same), len(stable))


def _repeats(results: Sequence[Result]) -> Iterator[Rate]:
    """A case that was asked several times agrees when all its checks came out alike."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.case.again or result.case.id].append(result)
    repeated = [g for g in groups.values() if len(g) > 1]
    same = [len({tuple(s.passed for s in r.scores) for r in g}) == 1 for g in repeated]
    yield Rate("repetitions agree", sum(same), len(repeated))


def by_tag(results: Sequence[Result]) -> list[Rate]:
    """How many cases of each tag passed."""
    tags: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        for tag in result.case.tags:
            tags[tag].append(result.passed)
    return [Rate(tag, sum(passed), len(passed)) for tag, passed in sorted(tags.items())]


def reliability(results: Sequence[Result]) -> list[tuple[str, int, float, float]]:
    """(bin, cases, mean confidence, share right) over the cases that expect an approach and got one."""
    told = [
        (r.reply.confidence, s.passed)
        for r in results
        for s in r.scores
        if s.check == "approach" and r.reply and r.reply.confidence is not None and r.reply.parts
    ]
    rows = []
    for low, high in pairwise(_BINS):
        inside = [(c, ok) for c, ok in told if low <= c < high]
        if inside:
            n = len(inside)
            name = f"{low:.2f} to {min(high, 1.0):.2f}"
            rows.append((name, n, sum(c for c, _ in inside) / n, sum(ok for _, ok in inside) / n))
    return rows


def failures(results: Sequence[Result]) -> Iterator[str]:
    """A line for each case that failed, with what was expected and what came."""
    for result in results:
        if result.error:
            yield f"{result.case.id}: error: {result.error}"
        for score in result.scores:
            if not score.passed:
                yield f"{result.case.id}: {score.check} should be {score.expected}, was {score.found}"


def changes(results: Sequence[Result], baseline: Sequence[Saved]) -> list[Change]:
    """What changed since the baseline, over the cases that both have."""
    both = list(_both(results, baseline))
    if not both:
        return []
    found = [passed_change("cases passed", [b.passed for _, b in both], [r.passed for r, _ in both])]
    names = dict.fromkeys(name for r, b in both for name in r.measures if name in b.measures)
    for name in names:
        pairs = [(b.measures[name], r.measures[name]) for r, b in both if name in r.measures and name in b.measures]
        found.append(mean_change(name, [x for x, _ in pairs], [y for _, y in pairs]))
    return found


def flipped(results: Sequence[Result], baseline: Sequence[Saved]) -> list[tuple[Result, Saved]]:
    """The cases that passed before and fail now, or the other way round."""
    return [(r, b) for r, b in _both(results, baseline) if r.passed != b.passed]


def _both(results: Sequence[Result], baseline: Sequence[Saved]) -> Iterator[tuple[Result, Saved]]:
    known = {saved.id: saved for saved in baseline}
    return ((r, known[r.case.id]) for r in results if r.case.id in known)


def figures(results: Sequence[Result]) -> dict[str, float]:
    """Every figure that a gate may name."""
    found: list[Rate | Mean] = [*rates(results), *refusal(results), *means(results)]
    return {figure.name: figure.value for figure in found}


def as_text(results: Sequence[Result], baseline: Sequence[Saved] | None = None) -> str:
    """The report for a terminal."""
    lines = list(failures(results))
    lines += ["", *(str(rate) for rate in [*rates(results), *refusal(results)])]
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


def as_json(
    results: Sequence[Result], config: Mapping[str, Any] | None = None, baseline: Sequence[Saved] | None = None
) -> dict[str, Any]:
    """The report for a script. All but `timing` is the same when a run is repeated."""
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "config": dict(config or {}),
        "passed": sum(r.passed for r in results),
        "of": len(results),
        "rates": [
            {"name": r.name, "passed": r.passed, "of": r.of, "value": round(r.value, 4), "interval": r.interval}
            for r in [*rates(results), *refusal(results)]
        ],
        "means": [asdict(found) for found in means(results)],
        "tags": [{"name": r.name, "passed": r.passed, "of": r.of} for r in by_tag(results)],
        "reliability": [
            {"confidence": name, "cases": n, "mean": round(mean, 3), "right": round(right, 3)}
            for name, n, mean, right in reliability(results)
        ],
        "cases": [_case_json(r) for r in results],
        "timing": {"seconds": [round(r.reply.seconds, 4) if r.reply else None for r in results]},
    }
    if baseline is not None:
        found["changes"] = [{**asdict(c), "told": c.told} for c in changes(results, baseline)]
        found["flipped"] = [
            {"id": r.case.id, "passes": r.passed, "before": _text(b.reply), "now": _text(r.reply)}
            for r, b in flipped(results, baseline)
        ]
    return found


def _case_json(result: Result) -> dict[str, Any]:
    reply = result.reply
    return {
        "id": result.case.id,
        "ask": result.case.ask,
        "history": [asdict(turn) for turn in result.case.history],
        "expect": dict(result.case.expect),
        "tags": list(result.case.tags),
        "pair": result.case.pair,
        "passed": result.passed,
        "error": result.error,
        "scores": [asdict(s) for s in result.scores],
        "measures": result.measures,
        "approach": reply.approach if reply else None,
        "confidence": reply.confidence if reply else None,
        # What differs from run to run is under `timing`.
        "reply": {**to_json(reply), "seconds": 0.0} if reply else None,
    }


def _text(reply: Reply | None) -> str:
    return reply.text if reply else ""


def read_saved(path: Path) -> list[Saved]:
    """The cases of a run that was written with the format json; raises BadResults."""
    return [saved for saved, _ in _read(path)]


def read_replies(path: Path) -> list[tuple[Case, Saved]]:
    """The same with their cases, to be scored again."""
    from bot.evaluation.cases import case_of

    found = []
    for saved, row in _read(path):
        kept = {k: row[k] for k in ("id", "ask", "history", "expect", "tags", "pair")}
        found.append((case_of(kept, f"{path}, case {saved.id}"), saved))
    return found


def _read(path: Path) -> list[tuple[Saved, dict[str, Any]]]:
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        if saved.get("schema") != SCHEMA:
            raise BadResults(f"{path} has schema {saved.get('schema')}, this version reads {SCHEMA}. Run it again.")
        seconds = saved["timing"]["seconds"]
        found = []
        for row, took in zip(saved["cases"], seconds, strict=True):
            reply = from_json({**row["reply"], "seconds": took}) if row["reply"] else None
            found.append((Saved(row["id"], row["passed"], row["error"], row["measures"], reply), row))
        return found
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadResults(
            f"{path} holds no results ({type(error).__name__}). Write them with: consultant eval … --out DIR"
        ) from error


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
                f"{result.case.ask}\n\n{_text(result.reply)}"
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
        row += [f"'{text}" if text[:1] in "=+-@" else text for text in (r.case.ask, _text(reply))]
        writer.writerow(row)
    return out.getvalue()


def as_markdown(results: Sequence[Result], baseline: Sequence[Saved] | None = None) -> str:
    """A comment for a pull request."""
    passed = sum(r.passed for r in results)
    lines = [f"**{passed} of {len(results)} cases passed.**", "", "| | | 95 % |", "|---|---|---|"]
    for rate in [*rates(results), *refusal(results)]:
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
    times = sorted(r.reply.seconds for r in results if r.reply)
    return environment.get_template("report.html.j2").render(
        results=results,
        config=dict(config or {}),
        passed=sum(r.passed for r in results),
        rates=[*rates(results), *refusal(results)],
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


def _histogram(times: Sequence[float], *, bins: int = 12) -> list[tuple[str, int, float]]:
    """(seconds up to, cases, share of the highest bar) of each bin."""
    if not times:
        return []
    width = max(times[-1] / bins, 1e-9)
    counts = [0] * bins
    for seconds in times:
        counts[min(bins - 1, int(seconds / width))] += 1
    return [(f"{width * (n + 1):.2f}", count, count / max(counts)) for n, count in enumerate(counts)]


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
