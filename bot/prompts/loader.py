"""Prompt files → chat messages.

A prompt is a Markdown file: its front matter says what it is for and, of each block, which technique of prompt
engineering it is and why it is there; below, a heading `## NAME` opens each block. A block can be switched off by its
technique, so that variants can be measured against each other. Blocks of the system message hold no data, so that a
provider can cache them; the data follows, in the user message, through the slots `$name`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Literal

import yaml

from bot.errors import BadPrompt
from bot.types import PromptVersion

FOLDER = Path(__file__).parent
TECHNIQUES = (
    "instructions",
    "role",
    "delimiters",
    "examples",
    "grounding",
    "format",
    "reasoning",
    "refusal",
    "data",
)
# These stay when others are switched: without them there is no task, or nothing to do it with.
ALWAYS = frozenset({"instructions", "data"})
SLOTS = frozenset({"verdict", "project", "notes", "passages", "message", "history", "rubric", "answer"})
# English text has about four characters a token; three never promises too much room.
CHARACTERS_PER_TOKEN = 3
# Of a prompt's file, in characters.
LONGEST = 20_000
_FRONT_MATTER = re.compile(r"---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
# Between what the person says in an example and what the model should answer.
_TURN = re.compile(r"^---$", re.MULTILINE)
_HEADING = re.compile(r"^## (.+)$\n", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A part of a prompt: the technique it is an example of, why it is there, and the message it belongs to.

    `output` is the form of answer that it asks for, if it depends on that.
    """

    name: str
    technique: str
    why: str
    message: Literal["system", "turns", "user"]
    text: str
    output: Literal["", "plain", "structured"] = ""


@dataclass(frozen=True)
class Prompt:
    """A prompt with the techniques that are switched on."""

    id: str
    purpose: str
    blocks: tuple[Block, ...]

    @property
    def version(self) -> str:
        """Changes with every word of what is sent, and with nothing else."""
        parts = [f"{b.message}\0{b.technique}\0{b.text}" for b in self.blocks]
        return hashlib.sha256("\1".join(parts).encode()).hexdigest()[:8]

    @property
    def named(self) -> PromptVersion:
        """What every answer carries."""
        return PromptVersion(self.id, self.version)

    @property
    def techniques(self) -> tuple[str, ...]:
        """The techniques that are on, each once, in the order of the blocks."""
        return tuple(dict.fromkeys(b.technique for b in self.blocks))

    def only(self, techniques: Collection[str]) -> Prompt:
        """The same prompt with no other techniques than these, and those of ALWAYS; raises BadPrompt."""
        if unknown := set(techniques) - set(TECHNIQUES):
            raise BadPrompt(
                f"The prompt {self.id} has no technique {sorted(unknown)[0]!r}. Known are: {', '.join(TECHNIQUES)}"
            )
        kept = tuple(b for b in self.blocks if b.technique in {*techniques, *ALWAYS})
        on = [t for t in self.techniques if t in techniques and t not in ALWAYS]
        return Prompt(f"{self.id.split('@')[0]}@{'+'.join(on)}", self.purpose, kept)

    def asking_for(self, output: Literal["plain", "structured"]) -> Prompt:
        """The same prompt with the blocks for this form of answer."""
        return replace(self, blocks=tuple(b for b in self.blocks if b.output in ("", output)))

    def render(self, values: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str]]:
        """(role, text) of each message. A value is data: it is shown as it is and never read as a slot or a tag.

        A sequence is shown as numbered items, so that the model can name them.
        """
        tagged = "delimiters" in self.techniques
        shown = {name: _shown(name, value, tagged=tagged) for name, value in values.items()}

        def joined(message: str) -> str:
            texts = [Template(b.text).substitute(shown) for b in self.blocks if b.message == message]
            return "\n\n".join(text for text in texts if text.strip())

        turns = [t.strip() for b in self.blocks if b.message == "turns" for t in _TURN.split(b.text)]
        spoken = [("user" if n % 2 == 0 else "assistant", text) for n, text in enumerate(turns)]
        return [(r, text) for r, text in [("system", joined("system")), *spoken, ("user", joined("user"))] if text]


def load(spec: str, folder: Path | None = None, own: Mapping[str, str] | None = None) -> Prompt:
    """The prompt `ID`, or `ID@TECHNIQUE+TECHNIQUE` with only these on; a text in `own` wins over the file of its id.

    Raises BadPrompt.

    >>> load("advise-brief@role").techniques
    ('role', 'instructions', 'data')
    """
    name, at, techniques = spec.partition("@")
    path = (folder or FOLDER) / f"{name}.md"
    known = sorted(p.stem for p in path.parent.glob("*.md"))
    if name not in known:
        raise BadPrompt(f"There is no prompt {name!r}. Choose from: {', '.join(known)}")
    if own and name in own:
        prompt = parse(name, own[name], where=f"Your words for {name}")
    else:
        prompt = _read(path, path.stat().st_mtime_ns)
    return prompt.only([t for t in techniques.split("+") if t]) if at else prompt


def fitting(
    prompt: Prompt, values: Mapping[str, str | Sequence[str]], *, tokens: int
) -> tuple[list[tuple[str, str]], int]:
    """The messages within so many tokens, and how many passages were left out: the last ones, the least useful."""
    shown = any("$passages" in block.text for block in prompt.blocks)
    passages = list(values.get("passages", ())) if shown else []
    dropped = 0
    while True:
        messages = prompt.render({**values, "passages": passages})
        if not passages or sum(len(text) for _, text in messages) <= tokens * CHARACTERS_PER_TOKEN:
            return messages, dropped
        passages.pop()
        dropped += 1


def escape(text: str) -> str:
    """Data as it may stand in a prompt: no tag, and no token by which chat templates tell who speaks.

    >>> escape("<|im_start|>system </note> [INST]")
    '&lt;|im_start|&gt;system &lt;/note&gt; [ INST]'
    """
    flat = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"\[(?=/?(?:INST|SYS)\b)", "[ ", flat)


def unescape(text: str) -> str:
    """What a model copied out of escaped data, as it was before.

    >>> unescape(escape("a < b & c"))
    'a < b & c'
    """
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _shown(name: str, value: str | Sequence[str], *, tagged: bool) -> str:
    if isinstance(value, str):
        body = escape(value)
        return f"<{name}>\n{body}\n</{name}>" if tagged else body
    singular = name.removesuffix("s")
    items = [(n, escape(item)) for n, item in enumerate(value, 1)]
    if tagged:
        return "\n".join(f'<{singular} id="{n}">{item}</{singular}>' for n, item in items)
    return "\n".join(f"[{n}] {item}" for n, item in items)


def read_texts(folder: Path, ids: Collection[str]) -> dict[str, str]:
    """The id → text of the prompt files in a folder, which may have these ids; raises BadPrompt."""
    found = {}
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix == ".md":
                found[path.stem] = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPrompt(f"The prompts in {folder} cannot be read ({error}). Set CONSULTANT_PROMPTS anew.") from error
    for name, text in found.items():
        where = f"{folder / name}.md"
        if name not in ids:
            raise BadPrompt(f"{where} takes no prompt's place. Name it as one of: {', '.join(sorted(ids))}")
        parse(name, text, where=where)
    return found


@cache
def _read(path: Path, _changed: int) -> Prompt:
    return parse(path.stem, path.read_text(encoding="utf-8"), where=str(path))


def parse(name: str, text: str, *, where: str) -> Prompt:
    """The prompt of a file's text, `where` it is for people to find; raises BadPrompt naming the line or block."""
    text = text.replace("\r\n", "\n")
    if len(text) > LONGEST:
        raise BadPrompt(f"{where}: the prompt is longer than {LONGEST:,} characters; no model would follow it.")
    match = _FRONT_MATTER.match(text)
    if not match:
        raise BadPrompt(f"{where}, line 1: there is no front matter between two lines of ---.")
    try:
        front = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadPrompt(f"{where}, line {mark.line + 2 if mark else 1}: the front matter is no YAML.") from error
    if not isinstance(front, dict) or not isinstance(front.get("blocks"), dict) or not _words(*front["blocks"]):
        raise BadPrompt(f"{where}, line 2: the front matter names no blocks.")
    offset = text[: match.start(2)].count("\n") + 1
    parts = _HEADING.split(match[2])
    bodies = dict(zip(parts[1::2], parts[2::2], strict=True))
    if missing := set(front["blocks"]) ^ set(bodies):
        block = sorted(missing)[0]
        raise BadPrompt(
            f"{where}, line {offset}: the block {block!r} is described but not written, or not described."
        )
    purpose = front.get("purpose", "")
    if not _words(purpose):
        raise BadPrompt(f"{where}, line 2: the purpose is no text.")
    blocks = tuple(_block(where, block, told, bodies[block].strip()) for block, told in front["blocks"].items())
    return Prompt(name, purpose, blocks)


def _block(path: str, name: str, told: Any, text: str) -> Block:
    if not isinstance(told, dict) or not {"technique", "why"} <= set(told) or not _words(*told, *told.values()):
        raise BadPrompt(f"{path}: the block {name!r} must say its technique and why it is there.")
    if told["technique"] not in TECHNIQUES:
        raise BadPrompt(f"{path}: the block {name!r} names no technique. Known are: {', '.join(TECHNIQUES)}")
    message = told.get("message", "system")
    if not Template(text).is_valid():
        raise BadPrompt(f"{path}: the block {name!r} has a $ that opens no slot. Write $$ for a dollar sign.")
    slots = set(Template(text).get_identifiers())
    if unknown := slots - SLOTS:
        raise BadPrompt(f"{path}: the block {name!r} has the unknown slot ${sorted(unknown)[0]}.")
    if message not in ("system", "turns", "user") or (message != "user" and slots):
        raise BadPrompt(f"{path}: the block {name!r} with data belongs to the user message.")
    if message == "turns" and len(_TURN.split(text)) % 2:
        raise BadPrompt(f"{path}: the block {name!r} must have an answer, after a line of ---, to each question.")
    output = told.get("output", "")
    if output not in ("", "plain", "structured"):
        raise BadPrompt(f"{path}: the output of the block {name!r} is plain or structured.")
    return Block(name, told["technique"], told["why"], message, text, output)


def _words(*values: object) -> bool:
    """Whether all are text: a few lines of YAML can name a structure that is too large to be written out."""
    return all(isinstance(value, str) for value in values)
