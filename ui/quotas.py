"""Who asks how much: quotas of visitors and of sites, by moving windows."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from ui.sites import Access, Quotas


@dataclass(frozen=True)
class Asker:
    """Who asks: an address or a token, and the site it asks through, if any."""

    visitor: str
    site: str = ""


@dataclass(frozen=True)
class Reached:
    """A quota that is used up: its name, what is told, and the seconds until there is room again."""

    quota: str
    sentence: str
    seconds: int


class Counts(Protocol):
    """Counts questions, here or in another process."""

    def count(self, asker: Asker) -> Reached | None:
        """Count one question; or tell which quota is used up, and count nothing."""


class Counting:
    """The questions that were asked, in the memory of this process; of several threads, one counts at a time."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._lock = threading.Lock()

    def count(self, asker: Asker) -> Reached | None:
        """Count one question; or tell which quota is used up, and count nothing."""
        found = list(_limits(self._quotas(asker), asker))
        with self._lock:
            for name, limit, key in found:
                if not self._windows.test(limit, *key):
                    return self._reached(name, limit, key)
            for _, limit, key in found:
                self._windows.hit(limit, *key)
        return None

    def _quotas(self, asker: Asker) -> Quotas:
        site = self._access.named(asker.site)
        return (site and site.quotas) or self._access.quotas

    def _reached(self, name: str, limit: RateLimitItem, key: tuple[str, ...]) -> Reached:
        window = self._windows.get_window_stats(limit, *key)
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        whose = "This site has" if name == "site_per_day" else "You have"
        during = "a minute" if name == "visitor_per_minute" else "a day"
        sentence = f"{whose} asked {limit.amount:,} questions within {during}, which is the limit here. "
        return Reached(name, f"{sentence}Ask again in {_spoken(seconds)}.", seconds)


def visitor(address: str) -> str:
    """Whom an address stands for: of IPv6 the network of one connection, which has addresses without number.

    >>> visitor("2001:db8::1"), visitor("192.0.2.1")
    ('2001:db8::/64', '192.0.2.1')
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def _limits(quotas: Quotas, asker: Asker) -> Iterator[tuple[str, RateLimitItem, tuple[str, ...]]]:
    own = ("visitor", asker.site, asker.visitor)
    if quotas.visitor_per_minute:
        yield "visitor_per_minute", RateLimitItemPerMinute(quotas.visitor_per_minute), own
    if quotas.visitor_per_day:
        yield "visitor_per_day", RateLimitItemPerDay(quotas.visitor_per_day), own
    if quotas.site_per_day:
        yield "site_per_day", RateLimitItemPerDay(quotas.site_per_day), ("site", asker.site)


def _spoken(seconds: int) -> str:
    """
    >>> _spoken(1), _spoken(59), _spoken(7000)
    ('1 second', '59 seconds', '2 hours')
    """
    for size, name in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds > size or size == 1:
            count = math.ceil(seconds / size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    raise AssertionError("a second is the smallest")
