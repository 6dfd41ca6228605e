"""Which documents use which fact of ../shared/knowledge/facts.md, and which facts are used by none."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from knowledge.documents import front_matter
from knowledge.ingest import CORPUS
from knowledge.lint import read_pages

FACTS = Path(__file__).parent.parent.parent / "shared" / "knowledge" / "facts.md"


def run() -> dict[str, Any]:
    """Print a line for each fact; the mapping itself is the `facts` list in each document's front matter."""
    if not FACTS.is_file():
        print("skipped: the facts are not at ../shared/knowledge/facts.md")
        return {}
    facts = re.findall(r"^- (F\d+\.\d+) ", FACTS.read_text(encoding="utf-8"), re.MULTILINE)
    users: dict[str, list[str]] = defaultdict(list)
    for page in read_pages(CORPUS)[0]:
        for fact in front_matter(page.document.text)[0].get("facts", []):
            users[fact].append(page.document.id)
    for fact in facts:
        print(f"{fact:<8}{', '.join(users[fact]) or 'UNUSED'}")
    unused = [fact for fact in facts if not users[fact]]
    unknown = sorted(set(users) - set(facts))
    print(f"{len(facts) - len(unused)} of {len(facts)} facts are used.\nUnused: {unused}\nUnknown: {unknown}")
    return {
        "facts": len(facts),
        "unused": unused,
        "bars": {"every fact is used": not unused, "no fact is unknown": not unknown},
    }
