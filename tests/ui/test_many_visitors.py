"""Many visitors at once, each with a canary in their brief: nobody is told what another one said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bot.consultant import Consultant
from tests.page_client import PageClient
from tests.ui.conftest import serving
from ui import server

VISITORS = 50


def canary(number: int) -> str:
    return f"{4000 + 17 * number} labelled mails"


def test_of_fifty_at_once_nobody_sees_the_brief_of_another(consultant: Consultant) -> None:
    with serving(lambda: server.application(consultant)) as http:
        page = PageClient(http)

        def ask(number: int) -> str:
            heard = page.ask(f"We have {canary(number)}. Should we fine-tune?")
            assert len(heard.turns) >= 3
            return heard.raw

        with ThreadPoolExecutor(VISITORS) as pool:
            heard = list(pool.map(ask, range(VISITORS)))
    assert [number for number, raw in enumerate(heard) if canary(number) not in raw] == []
    crossings = [
        (whose, by)
        for by, raw in enumerate(heard)
        for whose in range(VISITORS)
        if whose != by and canary(whose) in raw
    ]
    assert crossings == []
