"""Errors of the knowledge base.

    KnowledgeError
    ├── UnreadableFile      a file cannot become a document; the message says why
    ├── BrokenCorpus        a document of the corpus would make the index false
    ├── NoIndex             nothing has been ingested at this place yet
    ├── IndexMismatch       the index was made by another model, chunker or format
    ├── BrokenGeneration    a generation failed its check or is damaged on disk
    ├── NotWritten          the disk is full, or may not be written
    ├── NoBackup            a backup cannot be written, is damaged, or is something else
    ├── ModelMissing        the embedding model is neither a folder nor a known name
    └── WriterBusy          another process is ingesting

Every message is a sentence for the person and ends in the next step.
"""


class KnowledgeError(Exception):
    """Something about the documents or the index that the person can mend."""


class UnreadableFile(KnowledgeError):
    """Raised by the readers; ingest reports it by file and goes on with the others."""


class BrokenCorpus(KnowledgeError):
    """Raised before anything is built; the message names the file and the line."""


class NoIndex(KnowledgeError):
    """Raised when a reader opens a data directory in which no generation is current."""


class IndexMismatch(KnowledgeError):
    """Raised when what the index says of its making differs from what would read it now."""


class BrokenGeneration(KnowledgeError):
    """Raised when a new generation fails verification, or a current one cannot be opened."""


class NotWritten(KnowledgeError):
    """Raised when the system refuses to write a new generation; the one before is served as it was."""


class NoBackup(KnowledgeError):
    """Raised by backup and restore; nothing was replaced."""


class ModelMissing(KnowledgeError):
    """Raised when the embedding model cannot be found or loaded."""


class WriterBusy(KnowledgeError):
    """Raised at once, without waiting, when another process holds the writer's lock."""
