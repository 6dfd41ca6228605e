"""The writer without a language model: it chooses sentences of passages and puts them in an advisor's order.

Every claim it makes is a sentence of a document, word for word. Its own words only join them, and quote the
person back. It leans on how the corpus is written (design section 7): the first sentence of a section answers
the section's heading, and the playbooks hold first steps. Documents written otherwise are quoted by the likeness of
single sentences alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.queries import is_question
from bot.types import Draft, PromptVersion, Queries, Question, Verdict, VerdictReason
from bot.verdict import NAMES
from bot.writers.candidates import Candidate, fit, likeness, listed, quotable, quoted, repeats
from bot.writers.comparing import both_sides, compared, named, table
from bot.writers.unknown import cannot_tell
from knowledge.retriever import Retrieval
from knowledge.sentences import plain
from knowledge.store import Vector
from knowledge.types import Passage

GREETING = "Hello. Tell me about your project: the task, the data you have, your time and your budget."
WELCOME = "You are welcome. Tell me more about your project whenever you like."
REFUSAL = (
    "My sources do not answer that; I can help you choose between prompt engineering, retrieval, fine-tuning, "
    "a hybrid or a simpler tool for your own project."
)
MISREAD = "I read and answer in English; your message looks {language}, so I may have misread it."
WRITE_ENGLISH = (
    "I read and answer in English only, and your message looks {language}. Please write it to me in English."
)
CONTRADICTED = "Two things you wrote cannot both hold, and my advice depends on which of them does."
PROMPT = PromptVersion(
    "quoting",
    hashlib.sha256(
        "\n".join([GREETING, WELCOME, REFUSAL, MISREAD, WRITE_ENGLISH, CONTRADICTED]).encode()
    ).hexdigest()[:8],
)

ADVICE = {
    "prompt-engineering": "Start with prompt engineering.",
    "retrieval": "Build retrieval (RAG): let the model answer from passages of your documents.",
    "fine-tuning": "Fine-tune a model on your examples.",
    "simpler-tool": "Use a simpler tool: no language model has to decide here.",
    "ask-first": "One more fact is needed before I can advise you well.",
}
# The document that holds the first steps of an approach, or of the two parts of a hybrid.
PLAYBOOKS = {
    frozenset({"prompt-engineering"}): "playbook-prompt-engineering",
    frozenset({"retrieval"}): "playbook-retrieval",
    frozenset({"fine-tuning"}): "playbook-fine-tuning",
    frozenset({"simpler-tool"}): "playbook-simpler-tool",
    frozenset({"prompt-engineering", "retrieval"}): "playbook-prompt-and-retrieval",
    frozenset({"prompt-engineering", "fine-tuning"}): "playbook-small-classifier-and-prompt",
    frozenset({"retrieval", "fine-tuning"}): "playbook-retrieval-and-fine-tuning",
    frozenset({"simpler-tool", "prompt-engineering"}): "playbook-tool-and-model",
    frozenset({"simpler-tool", "retrieval"}): "playbook-tool-and-model",
    frozenset({"simpler-tool", "fine-tuning"}): "playbook-tool-and-model",
}
# How probable two outcomes must be to be named while the verdict waits for a fact.
LIKELY = 0.2
MAX_REASONS = 3
MAX_AGAINST = 1
MAX_STEPS = 3
# Whether passages answer is told by the nearest one's cosine, with what the share of known words, the best BM25 score
# and the distance from the subject add to it. These are a logistic regression's weights, as shares of the cosine's,
# over questions on the subject and off it (tests/data/questions.yaml and off-subject.yaml).
KNOWN_WORDS, BM25, OFF_SUBJECT = 0.1, 0.1, -0.08
# What that must come to for a question; for a project, told in words of its own trade, it is the cosine alone.
ANSWERS = 1.2
PROJECT_ANSWERS = 0.28
# How alike (cosine) a message and what explains its question must be.
EXPLAINS = 0.42
# How alike (cosine) two texts must be to stand together; chosen on the questions of tests/bot/test_quoting.py.
SUPPORT = 0.42
# A section chosen for a reason by hand answers with its first sentence, unless another says the reason better.
FIRST = 0.2
# What fits the task at hand outweighs what holds for any task.
TASK = 0.05

# Numbers and signs alone ask nothing, however near they lie to a figure.
_HAS_A_WORD = re.compile(r"[^\W\d_]{3,}")
_FIRST_WEEK = re.compile(r"^what do i do in the first week\b", re.I)
_ASKS_WHAT_FITS = re.compile(
    r"^which approach\b|^when (does|is|are|do) (?!.*\bnot\b)|^should i\b"
    r"|^is .*\b(enough|worth|right|for)\b|^\w+ or \w+|^can i\b",
    re.I,
)
_ASKS_WHAT = re.compile(r"\W*(?:(?:and|so|but) )?(?:what(?:'s|’s| is| are| does| do)|define|explain)\b", re.I)
_ASKS_FOR_STEPS = re.compile(
    r"^\W*(how (do|can|should|would) (i|we|you)|how to|what (do i|should i|should we) do first)\b", re.I
)
APPROACH_WORDS = {
    "prompt-engineering": re.compile(r"\bprompt", re.I),
    "retrieval": re.compile(r"\bretriev|\bRAG\b|\bsearch|look\w* up", re.I),
    "fine-tuning": re.compile(r"tun(e|ed|ing)\b|\btrain", re.I),
    "simpler-tool": re.compile(
        r"\b(rules?|parser|database|tool|forecasting|quer(y|ies)|template|classical|classifier)\b", re.I
    ),
}


@dataclass(frozen=True)
class _Told:
    """The vectors of a project's message: the whole, its statements and its questions, a row each."""

    message: Vector
    stated: Vector
    asked: Vector


class QuotingWriter:
    """Composes advice about a project, or the answer to a question, from sentences of the passages."""

    name = "quoting"
    prompt = PROMPT

    def write(
        self, queries: Queries, retrieval: Retrieval, verdict: Verdict | None, question: Question | None
    ) -> Iterator[Draft]:
        """The statements of the answer in reading order; a refusal when the passages do not answer."""
        if queries.kind == "small-talk":
            yield Draft(WELCOME if re.search(r"thank|thx|cheers|bye", queries.message, re.I) else GREETING, "plain")
            return
        foreign = queries.language != "English"
        about = queries.kind == "question" and _nearest(retrieval) >= EXPLAINS
        why = cannot_tell(queries.message, retrieval) if about else ""
        if why or not answers(queries, retrieval):
            yield Draft(WRITE_ENGLISH.format(language=queries.language) if foreign else why or REFUSAL, "plain")
            return
        if foreign:
            yield Draft(MISREAD.format(language=queries.language), "plain")
        if verdict:
            yield from _advise(queries, retrieval, verdict)
            if question:
                yield Draft(question.text, "question")
        else:
            yield from _explain(queries, retrieval)


def answers(queries: Queries, retrieval: Retrieval) -> bool:
    """Whether the passages are near enough to be quoted as an answer.

    What tells of a life without a system to build must ask something. A project is told in words of its own trade, so
    its passages may lie farther off.
    """
    if not _HAS_A_WORD.search(queries.message):
        return False
    if queries.kind == "project":
        return _nearest(retrieval) >= PROJECT_ANSWERS
    known = retrieval.generation.lexical.known_share(queries.message)
    lexical = max((p.lexical for p in retrieval.passages), default=0.0)
    told = _nearest(retrieval) + KNOWN_WORDS * known + BM25 * lexical + OFF_SUBJECT * queries.off_subject
    asks = queries.kind == "question" or any(is_question(clause.text) for clause in queries.clauses)
    return asks and told >= ANSWERS


def _nearest(retrieval: Retrieval) -> float:
    """How near the nearest passage lies, a cosine."""
    return max((p.dense for p in retrieval.passages), default=0.0)


def _explain(queries: Queries, retrieval: Retrieval) -> Iterator[Draft]:
    """A direct answer, then what supports it: two to five sentences, or steps when steps were asked for."""
    candidates = quotable(retrieval, retrieval.passages)
    # A follow-up is looked up together with the message before it, the second query.
    message = retrieval.vectors[1 if queries.context else 0]
    cells = list(table(retrieval, compared(queries.message)))
    told = {cell.text for cell in cells}
    # A definition answers nobody who asks how, when or whether.
    defines = _ASKS_WHAT.match(queries.message) is not None
    lead = max(
        (c for c in candidates if plain(c.sentence.text) not in told and (defines or not c.defines)),
        key=lambda c: fit(c, message),
        default=None,
    )
    if lead is None:
        yield Draft(REFUSAL, "plain")
        return
    used = [lead]
    steps = listed(candidates, lead.chunk) if _ASKS_FOR_STEPS.match(queries.message) and not cells else []
    # One of the steps does not stand before the others.
    if all(step is not lead for step in steps):
        yield quoted(lead, "lead")
    if cells:
        yield from cells
        return
    if steps:
        yield from (quoted(step, "step") for step in steps)
        return
    beside = [c for c in candidates if c.chunk == lead.chunk and c is not lead]
    beyond = [c for c in candidates if c.chunk != lead.chunk]
    for group, most in ((beside, 2), (beyond, 2)):
        ranked = sorted(group, key=lambda c: -fit(c, message))
        chosen: list[Candidate] = []
        for candidate in ranked:
            near = likeness(candidate, message) >= SUPPORT
            if len(chosen) < most and near and not repeats(candidate, [*used, *chosen]):
                chosen.append(candidate)
        # What stands together in a section is read in its order.
        chosen.sort(key=lambda c: candidates.index(c))
        used += chosen
        yield from (quoted(c, "support") for c in chosen)


def _advise(queries: Queries, retrieval: Retrieval, verdict: Verdict) -> Iterator[Draft]:
    """The verdict, what bears it out, why and why not in the person's words, what would change it, first steps."""
    yield Draft(_advice(verdict), "lead")
    if verdict.approach == "ask-first":
        asked_about = named(queries.message)
        if len(asked_about) == 1:
            sides = both_sides(retrieval, asked_about[0][1])
            yield from (Draft(plain(side.sentence.text), "support", side) for side in sides)
            return
        # What lies as far off as a project may lie answers nothing that was asked.
        near = max((p.dense for p in retrieval.by_query[0]), default=0.0) >= EXPLAINS
        for draft in _explain(queries, retrieval) if near else ():
            if draft.quote:
                yield draft if draft.block == "cell" else replace(draft, block="support")
        return
    used: list[Candidate] = []
    lead = _lead(quotable(retrieval, _all_passages(retrieval)), _told(queries, retrieval), verdict)
    if lead:
        used.append(lead)
        yield quoted(lead, "support")
    taken_up: set[str] = set()
    for reasons, block, most in (
        (verdict.reasons_for, "reason", MAX_REASONS),
        (verdict.reasons_against, "against", MAX_AGAINST),
    ):
        # The same words for and against would read as if the adviser could not decide.
        fresh = [reason for reason in reasons if reason.you_said not in taken_up]
        for reason, candidate in _supported(fresh, retrieval, used)[:most]:
            used.append(candidate)
            taken_up.add(reason.you_said)
            yield quoted(candidate, block, said=reason.you_said)  # type: ignore[arg-type]
    for change in verdict.would_change[:1]:
        yield Draft(change.text, "change")
    steps = _first_steps(retrieval, verdict)
    yield from (quoted(step, "step") for step in steps[:MAX_STEPS])


def _advice(verdict: Verdict) -> str:
    if verdict.contradiction:
        return CONTRADICTED
    if verdict.approach == "hybrid":
        first, second = (NAMES[part] for part in verdict.parts)
        return f"Combine {first} with {second}, as two parts that you test separately."
    likely = [NAMES[name] for name, share in verdict.shares.items() if name in NAMES and share >= LIKELY]
    if verdict.approach == "ask-first" and len(likely) == 2:
        return f"{ADVICE['ask-first']} So far it lies between {' and '.join(likely)}."
    return ADVICE[verdict.approach]


def _supported(
    reasons: Sequence[VerdictReason], retrieval: Retrieval, used: Sequence[Candidate]
) -> list[tuple[VerdictReason, Candidate]]:
    """Each reason with the sentence of its section that says it best, none repeated; the strongest first."""
    generation = retrieval.generation
    sections = [
        Passage(generation.chunks[generation.place[r.section]], 1.0, 1.0, 0.0)
        for r in reasons
        if r.section in generation.place
    ]
    candidates = quotable(retrieval, sections)
    found: list[tuple[VerdictReason, Candidate]] = []
    for reason in reasons:
        own = [
            c
            for c in candidates
            if c.chunk.id == reason.section and not repeats(c, [*used, *(known for _, known in found)])
        ]
        meaning = generation.reasons.get(reason.signal)
        told = any(reason.you_said == known.you_said for known, _ in found)
        if own and meaning is not None and reason.you_said and not told:
            found.append((reason, max(own, key=lambda c: float(c.vector @ meaning) + FIRST * c.first)))
    return found


def _first_steps(retrieval: Retrieval, verdict: Verdict) -> list[Candidate]:
    """What the playbook says to do in the first week."""
    doc = PLAYBOOKS[frozenset(verdict.parts)]
    chunks = [c for c in retrieval.generation.chunks if c.doc == doc and _FIRST_WEEK.match(c.heading)]
    candidates = quotable(retrieval, [Passage(c, 1.0, 1.0, 0.0) for c in chunks])
    return [step for chunk in chunks for step in listed(candidates, chunk)]


def _told(queries: Queries, retrieval: Retrieval) -> _Told:
    offset = len(retrieval.queries) - len(queries.looked_up)
    rows: dict[bool, list[int]] = {True: [], False: []}
    for i, clause in enumerate(queries.looked_up):
        rows[is_question(clause.text)].append(offset + i)
    return _Told(retrieval.vectors[0], retrieval.vectors[rows[False]], retrieval.vectors[rows[True]])


def _suits(candidate: Candidate, told: _Told) -> float:
    """How well a sentence suits the project: the whole message, what was asked, and the one statement it is nearest
    to; a project is told in many statements, and the task is only one of them."""
    nearest = float((told.stated @ candidate.vector).max(initial=0))
    heading = candidate.vector if candidate.heading is None else candidate.heading
    asked = float((told.asked @ heading).max(initial=0))
    return fit(candidate, told.message) + 0.3 * nearest + 0.5 * asked + TASK * candidate.about_task


def _lead(pool: Sequence[Candidate], told: _Told, verdict: Verdict) -> Candidate | None:
    """The sentence that bears the verdict out: it opens a section that is asked what fits, names the approach, and
    stands in a document that the reasons stand in too."""
    names = [APPROACH_WORDS[part] for part in verdict.parts]
    documents = {reason.section.split("#")[0] for reason in verdict.reasons_for}
    leads = [
        c
        for c in pool
        if c.first
        and c.chunk.doc in documents
        and _ASKS_WHAT_FITS.search(c.chunk.heading)
        and all(words.search(c.sentence.text) for words in names)
    ]
    return max(leads, key=lambda c: _suits(c, told), default=None) if names else None


def _all_passages(retrieval: Retrieval) -> list[Passage]:
    found = {p.chunk.id: p for group in retrieval.by_query for p in group}
    return list((found | {p.chunk.id: p for p in retrieval.passages}).values())
