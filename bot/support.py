"""Whether a passage supports a sentence: its wording, and then what wording alone is blind to.

The share of a sentence's words that stand in the passage is a strong measure of support (it is the baseline of
`python -m benchmarks grounding`), but a swapped number, an added "not" or two exchanged names hardly move it. These
are looked for one by one, beside the words around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import Stemmer

# At least this much of the wording must be in the passage.
SUPPORTED = 0.7
# Function words say little of whether a thing was said.
_FUNCTION_WEIGHT = 0.2
# How far, in words, a word's company reaches.
_NEAR = 4
# How far the words reach that tell what a number counts.
_CLOSE = 3
_PAIRS = (
    "more less, most least, higher lower, highest lowest, high low, higher fewer, increase decrease, rise "
    "fall, better worse, best worst, before after, always never, cheaper dearer, cheap expensive, faster "
    "slower, fast slow, larger smaller, large small, above below, with without, gain lose, help hurt, "
    "first last, up down, many few, long short, longer shorter, early late, easy hard, easier harder, "
    "strong weak, stronger weaker, reduce raise, improve worsen, include exclude, minimum maximum, over "
    "under, all none, start end, allow forbid, rarely often, open closed"
)
_DENYING = "no not never nor none nobody nothing neither without cannot hardly rarely seldom few"
_TO_TWENTY = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred"
_FUNCTION_WORDS = (
    "a an the of in on at to for by from as and or but if then than that this these those it its they them "
    "their he she his her we our you your i my me is are was were be been being am do does did have has had "
    "will would can could may might shall should must with into about over under so such there here also "
    "just very too which who whom whose what when where why how s t"
)
_NEGATORS = frozenset(_DENYING.split())
# One and zero are left out: they mostly count nothing.
_NUMBERS = {word: str(n) for n, word in enumerate(_TO_TWENTY.split(), 2)}
_NUMBERS |= {word: str(n) for n, word in zip(range(30, 101, 10), _TENS.split(), strict=True)}
_FUNCTION = frozenset(_FUNCTION_WORDS.split())
# Techniques of this field, longest first; what is said of one must not be said of another.
_NAMES = re.compile(
    r"full fine-tuning|continued pre-?training|instruction tuning|preference tuning|prompt engineering|prompt tuning|"
    r"retrieval-augmented generation|fine-tuning|fine-tuned|finetuning|few-shot|zero-shot|chain-of-thought|"
    r"long context|knowledge graph|hybrid search|vector search|keyword search|structured output|function calling|"
    r"retrieval|prompting|prompts?|distillation|reranking|qlora|lora|raft|rag|dpo|ppo|kto|orpo|rlhf|bm25|gpt-[\w.]+|"
    r"bert|adapters?|caching|rules|models?",
    re.I,
)
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d[\d.,]*\d|\d", re.I)
_stem = Stemmer.Stemmer("english").stemWord


@dataclass(frozen=True)
class Support:
    """How much of a sentence's wording the passage holds, in [0, 1], and what contradicts it, in words."""

    share: float
    faults: tuple[str, ...]

    @property
    def score(self) -> float:
        """The share, halved by each fault."""
        return self.share * 0.5 ** len(self.faults)

    @property
    def holds(self) -> bool:
        """Whether the passage supports the sentence."""
        return self.share >= SUPPORTED and not self.faults


def support(sentence: str, passage: str) -> Support:
    """What the passage says of the sentence.

    >>> support("LoRA needs 3 GB.", "In 2023, LoRA needs 3 GB of memory.").holds
    True
    >>> support("LoRA needs 8 GB.", "In 2023, LoRA needs 3 GB of memory.").faults
    ('8 is not in the passage',)
    """
    said, there = _tokens(sentence), _tokens(passage)
    nearest = _nearest(said, passage)
    faults = [*_numbers(sentence, passage), *_negations(said, nearest, there), *_directions(said, nearest, there)]
    return Support(share_of_words(sentence, passage), (*faults, *_exchanged(sentence, passage)))


def share_of_words(sentence: str, passage: str) -> float:
    """The share of the sentence's words that stand in the passage, function words counting little."""
    there = set(_tokens(passage))
    weights = [(token, _FUNCTION_WEIGHT if token in _FUNCTION else 1.0) for token in _tokens(sentence)]
    total = sum(weight for _, weight in weights)
    return sum(weight for token, weight in weights if token in there) / total if total else 0.0


@lru_cache(maxsize=4096)
def _tokens(text: str) -> tuple[str, ...]:
    text = re.sub(r"n['’ ]+t\b", " not", text.lower().replace("’", "'"))
    found = []
    for token in _TOKEN.findall(text):
        token = re.sub(r"'s$", "", token)
        if token[0].isdigit():
            found.append(_number(token))
        elif token in _FUNCTION or token in _NEGATORS:
            found.append(token)
        else:
            found.append(_NUMBERS.get(token) or _stem(token))
    return tuple(found)


def _number(digits: str) -> str:
    """ "1,200" is 1200, "3.50" is 3.5."""
    plain = digits.rstrip(".,")
    plain = plain.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", plain) else plain
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _nearest(said: Sequence[str], passage: str) -> tuple[str, ...]:
    """The tokens of the sentence of the passage that shares most with what is said."""
    content = {t for t in said if t not in _FUNCTION}
    pieces = [_tokens(piece) for piece in re.split(r"(?<=[.!?])\s+|\n+", passage)]
    return max(pieces, key=lambda piece: (len(content & set(piece)), -len(piece)), default=())


def _numbers(sentence: str, passage: str) -> Iterator[str]:
    """A number that the passage has not, or has only in other company."""
    said, there = _tokens(sentence), _tokens(passage)
    for i, token in enumerate(said):
        if not token[0].isdigit():
            continue
        places = [k for k, other in enumerate(there) if other == token]
        if not places:
            yield f"{token} is not in the passage"
            return
        company = _beside(said, i)
        if company and not any(company & _beside(there, k) for k in places):
            yield f"{token} stands for something else in the passage"
            return


def _beside(tokens: Sequence[str], i: int) -> set[str]:
    """The words near a place that say something."""
    return {t for t in (*tokens[max(0, i - _CLOSE) : i], *tokens[i + 1 : i + 1 + _CLOSE]) if t not in _FUNCTION}


def _negations(said: Sequence[str], nearest: Sequence[str], there: Sequence[str]) -> Iterator[str]:
    """A denial that the passage does not make, or one of its denials left out."""
    ours, theirs = _denials(said), _denials(nearest)
    same_words = len(set(said) & set(there)) > len(set(said)) / 2
    for word in ours:
        more = len(ours) > len(theirs) and (word in there or same_words)
        if more or (word not in _FUNCTION and word in nearest and not _denied(word, nearest)):
            yield f"{word} is denied, but not in the passage"
            return
    if len(ours) >= len(theirs):
        return
    for i, token in enumerate(nearest):
        around = [t for t in (*nearest[max(0, i - 2) : i], *nearest[i + 1 : i + 3]) if t not in _FUNCTION]
        if token in _NEGATORS and around and all(t in said for t in around):
            yield f"{around[-1]} is denied in the passage"
            return


def _denied(word: str, tokens: Sequence[str]) -> bool:
    """Whether a negator stands up to four words before the word, anywhere."""
    return any(
        token == word and not _NEGATORS.isdisjoint(tokens[max(0, i - 4) : i]) for i, token in enumerate(tokens)
    )


def _denials(tokens: Sequence[str]) -> list[str]:
    """For each negator the word that follows it."""
    return [tokens[i + 1] if i + 1 < len(tokens) else token for i, token in enumerate(tokens) if token in _NEGATORS]


@lru_cache(maxsize=1)
def _opposites() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pair in _PAIRS.split(", "):
        a, b = (word if word in _FUNCTION or word in _NEGATORS else _stem(word) for word in pair.split())
        found.setdefault(a, set()).add(b)
        found.setdefault(b, set()).add(a)
    return found


def _directions(said: Sequence[str], nearest: Sequence[str], there: Sequence[str]) -> Iterator[str]:
    for word in dict.fromkeys(said):
        for other in _opposites().get(word, ()):
            if word not in there and other in nearest and other not in said:
                yield f"{word} stands for {other}"
                return


def _exchanged(sentence: str, passage: str) -> Iterator[str]:
    """A technique that has here the company that another one has in the passage, and has not its own."""
    here, theirs = _company(sentence), _company(passage)
    for name, company in here.items():
        if name not in theirs:
            rivals = [other for other in theirs if other not in here and len(company & theirs[other]) >= 2]
            if rivals:
                yield f"{name} stands for {rivals[0]}"
                return
            continue
        own = len(company & theirs[name])
        for other in here:
            if other != name and other in theirs:
                swapped = len(company & theirs[other]) + len(here[other] & theirs[name])
                kept = own + len(here[other] & theirs[other])
                if swapped > kept:
                    yield f"{name} and {other} are exchanged"
                    return


@lru_cache(maxsize=1024)
def _company(text: str) -> dict[str, frozenset[tuple[str, int]]]:
    """Each technique with the words around it, and on which side of it they stand."""
    found: dict[str, set[tuple[str, int]]] = {}
    for match in _NAMES.finditer(text):
        if text[match.start() - 1 : match.start()].isalnum() or text[match.end() : match.end() + 1].isalnum():
            continue
        before = _tokens(re.split(r"[.!?]\s", text[: match.start()])[-1])[-_NEAR:]
        after = _tokens(re.split(r"[.!?](?:\s|$)", text[match.end() :])[0])[:_NEAR]
        words = {(w, -1) for w in before if w not in _FUNCTION} | {(w, 1) for w in after if w not in _FUNCTION}
        # The very next words count whatever they are, and apart.
        words |= {(w, -2) for w in before[-1:]} | {(w, 2) for w in after[:1]}
        found.setdefault(match.group().lower().rstrip("s"), set()).update(words)
    return {name: frozenset(words) for name, words in found.items()}
