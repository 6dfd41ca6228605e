"""BM25 over chunks: finds the exact words that vectors blur (codes, names, numbers).

Parameters as measured in `benchmarks/chunking.py`; Robertson & Zaragoza, 2009, "The Probabilistic Relevance
Framework: BM25 and Beyond".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

K1 = 1.2
B = 0.75
# Written instead of an index when no text holds a word that could be searched; its content is the number of texts.
_WORDLESS = "wordless"


class LexicalIndex:
    """A BM25 index held in memory; `scores` gives one number for each text it was built from."""

    def __init__(self, retriever: Any, size: int) -> None:
        self._retriever = retriever
        self.size = size

    @classmethod
    def build(cls, texts: Sequence[str]) -> LexicalIndex:
        """Index the texts, in their order."""
        import bm25s

        tokens = _tokens(texts) if texts else []
        if not any(tokens):
            return cls(None, len(texts))
        retriever = bm25s.BM25(k1=K1, b=B)
        retriever.index(tokens, show_progress=False)
        return cls(retriever, len(texts))

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex:
        """Open what `save` wrote."""
        import bm25s

        if (folder / _WORDLESS).is_file():
            return cls(None, int((folder / _WORDLESS).read_text(encoding="utf-8")))
        retriever = bm25s.BM25.load(str(folder))
        return cls(retriever, int(retriever.scores["num_docs"]))

    def save(self, folder: Path) -> None:
        """Write the index as files below `folder`."""
        if self._retriever is None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _WORDLESS).write_text(str(self.size), encoding="utf-8")
        else:
            self._retriever.save(str(folder))

    def known_share(self, query: str) -> float:
        """The share of the query's words, stop words aside, that stand in any text; 1 when it has none."""
        words = _words(query)
        return sum(self._knows(w) for w in words) / len(words) if words else 1.0

    def scores(self, query: str) -> NDArray[np.float32]:
        """BM25 of every text for the query, shape (size,); zeros when no word of it is known."""
        known = [w for w in _words(query) if self._knows(w)]
        if not known:
            return np.zeros(self.size, dtype=np.float32)
        return np.asarray(self._retriever.get_scores(known), dtype=np.float32)

    def _knows(self, word: str) -> bool:
        return self._retriever is not None and word in self._retriever.vocab_dict


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    import bm25s

    tokenized = bm25s.tokenize(list(texts), stopwords="en", stemmer=_stemmer(), return_ids=False, show_progress=False)
    return [list(words) for words in tokenized]


def _words(query: str) -> list[str]:
    return _tokens([query])[0]


def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")
