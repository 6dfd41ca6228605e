"""How a message becomes advice: brief, queries, retrieval, writing, grounding."""
