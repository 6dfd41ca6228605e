"""The doctor: is the embedding model there, is the index whole, does it fit the model?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from knowledge import index
from knowledge.embeddings import ModelIdentity, SentenceEmbedder
from knowledge.errors import KnowledgeError
from knowledge.index import Home


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; when it is not ok, the message ends in the command that mends it."""

    subject: str
    ok: bool
    message: str


def examine(home: Path, model: str) -> list[Finding]:
    """Look at the model and the current generation: are its files what was written, and is all found in it? The
    latter in a child process, since a damaged one can end the process that opens it."""
    embedder = SentenceEmbedder(model)
    findings = []
    try:
        embedder.embed(["ready"])
        findings.append(Finding("model", True, f"{embedder.identity.name}, SHA-256 {embedder.identity.digest[:12]}…"))
    except KnowledgeError as error:
        return [Finding("model", False, str(error))]
    return [*findings, *examine_index(Home(home), embedder.identity)]


def examine_index(home: Home, identity: ModelIdentity) -> list[Finding]:
    """What there is to say of the current generation, one finding with all that is damaged."""
    try:
        folder = home.current()
        manifest = index.read_manifest(folder)
        index.check_files(folder)
        manifest.check(identity)
        index.verify_in_child(folder)
    except KnowledgeError as error:
        return [Finding("index", False, str(error))]
    counts = f"{manifest.documents} documents, {manifest.chunks} chunks, {manifest.windows} windows"
    return [Finding("index", True, f"{folder.name}: {counts}, all found")]
