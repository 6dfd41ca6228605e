"""Message and history → what to look up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from bot.errors import BadQuestion
from bot.language import language_of
from bot.orders import is_pasted_order
from bot.types import Kind, Message, Queries
from knowledge.clauses import Clause, clauses
from knowledge.sentences import sentences

# Six pages of a description; two cores understand them in seven seconds, at 20 ms a clause.
MAX_CHARACTERS = 16_000
# More than so many pages of prose hold: what a message says at its end counts as much as its beginning.
MAX_CLAUSES = 500
# A follow-up leans on the turn before it: it is short and no whole question, or points back with a word.
_FOLLOW_UP_WORDS = 9
_POINTS_BACK = re.compile(
    r"\b(it|its|that|this|these|those|they|them|the same|instead|one|ones|then|else|why|and what|what about)\b",
    re.I,
)
# A question with its verb ("Is a vector database overkill for 40 entries?") is understood alone, however short.
_WHOLE = re.compile(
    r"\W*(?:(?:what|who|how|when|why|where|which)\b.*?\s)?"
    r"(?:is|are|was|do|does|did|can|could|should|shall|would|will|has|have)\s+\w",
    re.I,
)
_SMALL_TALK = re.compile(
    r"\W*+(?:(?:hi|hello|hey|there|good (?:morning|afternoon|evening|day)|thanks?|thank you|"
    r"thx|cheers|"
    r"okay|ok|great|perfect|goodbye|bye|nice|cool|got it|yes|no|sure|please|never mind|a lot|so much|very much|all|"
    r"for (?:the|your) (?:help|answer|advice)|(?:that|this|it) (?:is|was)|that's|(?:is|was)|"
    r"helpful|very|clear|useful|excellent|brilliant|understood|makes sense)\b\W*+){1,8}",
    re.I,
)
_SMALL_TALK_CHARACTERS = 60
_GREETING = (
    r"(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening|day))\b(?: (?!we\b|i\b|our\b)[a-z']+){0,2}"
)
_THANKS = (
    r"(?:many |again )?thank(?:s|\s?you)\b(?! to\b)(?: (?!we\b|i\b|our\b)[a-z']+){0,9}"
    r"(?:,? (?:it|this|that)(?:'s| is| was| would be) (?:\w+ ){0,2}(?:appreciated|great|kind|nice|helpful))?"
)
_REGARDS = r"(?:(?:with|kind|best|warm|warmest|many) ){1,3}(?:regards|wishes|greetings)\b(?:,?\s+\w+){0,3}"
# A sentence that is said for politeness alone.
_COURTESY = re.compile(rf"\W*(?:{_GREETING}(?:,? (?:and )?{_THANKS})?|{_THANKS}|{_REGARDS})\W*", re.I)
_ASKS = re.compile(
    r"(?:so |and |but |or )?"
    r"(?:(?:what|how|who|where)s?|should|shall|do|does|did|is|are|can|could|which|when|why|would|will|may)\b",
    re.I,
)
_FIRST_PERSON = re.compile(
    r"\b(we|we're|we've|we'd|our|us|my|i have|i've|i'm|i am|i need|i want|i run|i work)\b", re.I
)
# Characters that show nothing: they must not make an empty message look full.
_INVISIBLE = {"Cf", "Cc", "Co", "Cs", "Cn"}


def read_queries(question: str, history: Sequence[Message] = ()) -> Queries:
    """Tell what kind of message it is and what to look up for it; raises BadQuestion.

    >>> read_queries("thanks a lot!").kind
    'small-talk'
    >>> [c.text for c in read_queries("We have no labels, and two weeks. Should we fine-tune?").clauses]
    ['We have no labels', 'two weeks', 'Should we fine-tune?']
    """
    message = without_asides(clean(question))
    if not re.search(r"\w", message):
        raise BadQuestion("Your message holds no words. Tell me about your project, or ask a question.")
    if too_long := longer_than_read(message):
        raise BadQuestion(too_long)
    if _is_small_talk(message):
        return Queries("small-talk", message)
    said = tuple(clauses(message))[:MAX_CLAUSES]
    return Queries(_kind(message, said), message, _context(message, history), said, language_of(message))


def longer_than_read(message: str) -> str:
    """What to say of a message that is too long to be read whole; "" for all others."""
    if len(message) <= MAX_CHARACTERS:
        return ""
    return (
        f"Your message has {len(message):,} characters and I read at most {MAX_CHARACTERS:,}. "
        "Send me the part that describes your project and your question."
    )


# The earlier messages of a conversation come with each turn.
@lru_cache(maxsize=512)
def readable(text: str) -> Queries | None:
    """An earlier message, or None when it says nothing of a project or could not be read."""
    try:
        return read_queries(text)
    except BadQuestion:
        return None


def clean(text: str) -> str:
    """The text without characters that show nothing, line ends and composed letters made uniform."""
    text = re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", text)
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE)
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def without_asides(message: str) -> str:
    """A message without the sentences that say nothing of a project: courtesies, and orders of the kind that is
    planted in texts. They would colour what stands beside them. A message of nothing else stays as it is.

    >>> without_asides("Good morning, and thank you so much! We have 300 labels. Kind regards, Eleni")
    'We have 300 labels.'
    """
    kept, at = [], 0
    for sentence in sentences(message):
        tells = _FIRST_PERSON.search(sentence.text) is not None
        if _COURTESY.fullmatch(sentence.text) or (is_pasted_order(sentence.text) and not tells):
            kept.append(message[at : sentence.start])
            at = sentence.end
    said = re.sub(r"(?<=\S)[ \t]{2,}", " ", "".join(kept) + message[at:]).strip() if kept else message
    return said if re.search(r"\w", said) else message


def is_question(clause: str) -> bool:
    """Whether a clause asks; many people leave the mark out.

    >>> is_question("should we fine-tune"), is_question("our prices change daily")
    (True, False)
    """
    return clause.endswith("?") or _ASKS.match(clause) is not None


def _is_small_talk(message: str) -> bool:
    return len(message) <= _SMALL_TALK_CHARACTERS and _SMALL_TALK.fullmatch(message) is not None


def _kind(message: str, said: Sequence[Clause]) -> Kind:
    """A project is stated: in several clauses, or in the first person beside a question."""
    states = [c for c in said if not is_question(c.text)]
    told = _FIRST_PERSON.search(message) is not None
    return "project" if len(states) >= 2 or (told and (states or len(message.split()) > 12)) else "question"


def _context(message: str, history: Sequence[Message]) -> str:
    """The person's previous message, when this one cannot be understood without it."""
    before = [clean(m.content) for m in history if m.role == "user"]
    before = [b for b in before if b and not _is_small_talk(b)]
    short = len(message.split()) <= _FOLLOW_UP_WORDS and not _WHOLE.match(message)
    return before[-1][:MAX_CHARACTERS] if before and (short or _POINTS_BACK.search(message)) else ""
