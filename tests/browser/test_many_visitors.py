"""Many visitors of the page at once, each with a canary in their brief: nobody is told what another one said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.page_client import PageClient

VISITORS = 50


def canary(number: int) -> str:
    return f"{4000 + 17 * number} labelled mails"


def test_of_fifty_at_once_nobody_sees_the_brief_of_another(address: str) -> None:
    with httpx.Client(base_url=address, timeout=240) as http, ThreadPoolExecutor(VISITORS) as pool:
        page = PageClient(http)
        asked = [
            pool.submit(page.ask, f"We have {canary(number)}. Should we fine-tune?") for number in range(VISITORS)
        ]
        heard = [answer.result() for answer in asked]
    assert [number for number, answer in enumerate(heard) if canary(number) not in answer.raw] == []
    assert all(len(answer.turns) == 3 for answer in heard)
    crossings = [
        (whose, by)
        for by, answer in enumerate(heard)
        for whose in range(VISITORS)
        if whose != by and canary(whose) in answer.raw
    ]
    assert crossings == []
