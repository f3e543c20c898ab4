"""Rate-limit buckets of the fake Discord, one for each limited route and channel, by the server's clock.

A response names its bucket and what is left of it; a request beyond that is refused with 429 and `retry_after` (Discord's page
"Rate Limits"). Thread creation has a limit that is not documented: 50 in 300 s a channel, with `retry_after` of 219 s and more,
as reported in discord-api-docs issue 7816 (scope `shared`) and in NousResearch/hermes-agent pull request 96101 (280 s).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

THREADS = "POST threads"
_ROUTES = ((THREADS, "POST", re.compile(r"/channels/(\d+)/(?:messages/\d+/)?threads")),)


@dataclass(kw_only=True, slots=True)
class Bucket:
    """The requests of a window that began at the first of them; `window` is in seconds."""

    limit: int
    window: float
    began: float = 0.0
    used: int = 0


@dataclass(slots=True)
class Buckets:
    """The buckets of one server; `refused` are the paths of refused requests."""

    clock: Callable[[], float]
    limits: dict[str, tuple[int, float]] = field(default_factory=lambda: {THREADS: (50, 300.0)})
    refused: list[str] = field(default_factory=list)
    _known: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def use_up(self, route: str, channel: int, left: float) -> None:
        """Leave nothing of a bucket for the next `left` seconds."""
        limit, window = self.limits[route]
        began = self.clock() - window + left
        self._known[route, str(channel)] = Bucket(limit=limit, window=window, began=began, used=limit)

    def take(self, method: str, path: str) -> tuple[dict[str, str], float]:
        """Count a request: the headers of its response, and `retry_after` if it is refused (else 0)."""
        for route, verb, pattern in _ROUTES:
            found = pattern.fullmatch(path)
            if found and verb == method:
                return self._count(route, found[1], path)
        return {}, 0.0

    def _count(self, route: str, channel: str, path: str) -> tuple[dict[str, str], float]:
        limit, window = self.limits[route]
        now = self.clock()
        bucket = self._known.setdefault((route, channel), Bucket(limit=limit, window=window, began=now))
        if now >= bucket.began + bucket.window:
            bucket.began, bucket.used = now, 0
        left = bucket.began + bucket.window - now
        if bucket.used >= bucket.limit:
            self.refused.append(path)
            return {"Via": "1.1 google", "Retry-After": f"{left:g}", "X-RateLimit-Scope": "shared"}, left
        bucket.used += 1
        headers = {"X-RateLimit-Bucket": route.replace(" ", "-"), "X-RateLimit-Limit": str(limit)}
        headers |= {"X-RateLimit-Remaining": str(limit - bucket.used), "X-RateLimit-Reset-After": f"{left:g}"}
        return headers | {"X-RateLimit-Reset": f"{now + left:.3f}"}, 0.0
