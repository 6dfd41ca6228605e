"""What a call costs, by the prices in prices.yaml; a model that is not in it has no known cost."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

PRICES = Path(__file__).parent / "prices.yaml"


def cost(model: str, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """Dollars for a call, or None where the price or the tokens are not known."""
    table = _table()
    name = max((known for known in table if model.startswith(known)), key=len, default=None)
    if name is None or tokens_in is None or tokens_out is None:
        return None
    price_in, price_out = table[name]
    return (tokens_in * price_in + tokens_out * price_out) / 1_000_000


@cache
def _table() -> dict[str, tuple[float, float]]:
    rows = yaml.safe_load(PRICES.read_text(encoding="utf-8"))["models"]
    return {name: (float(row["in"]), float(row["out"])) for name, row in rows.items()}
