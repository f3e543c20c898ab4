"""The tables of docs/models.md, worked out from the catalogue by our own arithmetic, as of a day.

`python -m tests.docs.model_tables` writes them into the page; a test holds the page against them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from orchestrator_bridge.model.catalogue import Route, lifecycle_badge, resolve
from orchestrator_bridge.model.catalogue.pricing import Price, cost, format_rates, format_size, format_tier_bound
from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.model.parameters import PARAMETERS, accepted_parameters
from tests.docs.page import ROOT

PAGE = ROOT / "docs" / "models.md"
DAY = date(2026, 11, 30)
LONG_AGO = date(2025, 1, 1)
"""Before any of these models was retired: what each was."""

CALLS = 7
CALL = Usage(input=6_000, cached=2_000, output=800)
"""Three agents with one answer each: seven calls, as docs/runs.md counts them, each of them of this size."""

GROK_HOSTS = ("xai/grok-4.1-fast", "azure_ai/grok-4.1-fast", "vertex_ai/grok-4.1-fast", "openrouter/grok-4.1-fast")
GROK_OLD = (
    "grok-4.1-fast",
    "grok-4.1-fast-non-reasoning",
    "grok-4-fast",
    "grok-4-fast-non-reasoning",
    "grok-4",
    "grok-code-fast-1",
    "grok-3",
    "grok-3-mini",
)
FAST = (
    "azure_ai/grok-4.1-fast",
    "vertex_ai/grok-4.1-fast",
    "xai/grok-4.1-fast",
    "grok-4.3",
    "gpt-5.4-mini",
    "gpt-5-mini",
    "gpt-5.4-nano",
    "gpt-5-nano",
    "gpt-6-luna",
    "gemini-3.8-flash",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "claude-haiku-4-5",
    "claude-haiku-5-5",
    "deepseek-v4-flash",
)


def tables() -> dict[str, str]:
    """The tables by the names of their places in the page."""
    return {"hosts": hosts(), "migration": migration(), "comparison": comparison()}


def hosts() -> str:
    """Hosts of Grok 4.1 Fast: by which settings, and what it costs and holds there now."""
    rows = []
    for name in GROK_HOSTS:
        route = resolve(name, today=DAY)
        needs = ", ".join(f"`{need}`" for need in route.needs)
        state = lifecycle_badge(route.lifecycle, DAY) or "served"
        rows.append((route.provider, f"`{route.id}`", needs, _price(route.price), _size(route.context), state))
    return _table(("host", "id there", "settings", "in / cached / out", "context", "today"), rows)


def migration() -> str:
    """Changes from an older Grok model to the one with which xAI answers."""
    rows = []
    for name in GROK_OLD:
        old = resolve(f"xai/{name}", today=LONG_AGO)
        life = old.lifecycle
        assert life is not None
        new = resolve(f"xai/{life.answered_by}", today=DAY)
        effort = f", effort `{life.answered_effort}`" if life.answered_effort else ""
        context = f"{_size(old.context)} → {_size(new.context)}"
        prices = f"{_price(old.price)} → {_price(new.price)}"
        rows.append((f"`{name}`", f"`{new.id}`{effort}", _changed(old, new), context, prices))
    return _table(("from", "answered by", "parameters", "context", "in / cached / out"), rows)


def comparison() -> str:
    """Fast models side by side, with what the same sample task costs."""
    rows = []
    for name in FAST:
        route = resolve(name, today=DAY)
        assert route.price is not None
        life = route.lifecycle
        retired = life is not None and life.retires_on is not None and life.retires_on <= DAY
        shown = f"`{name}`" + (f" ({life.answered_by} answers)" if retired and life is not None else "")
        task = CALLS * cost(CALL, route.price)
        rows.append((shown, _size(route.context), "yes" if route.tools else "no", _price(route.price), f"${task:.4f}"))
    return _table(("model", "context", "tools", "in / cached / out", "sample task"), rows)


def _changed(old: Route, new: Route) -> str:
    gone = [
        f"`{parameter}`"
        for parameter in PARAMETERS
        if parameter in accepted_parameters(old) and parameter not in accepted_parameters(new)
    ]
    come = [
        f"`{parameter}`"
        for parameter in PARAMETERS
        if parameter in accepted_parameters(new) and parameter not in accepted_parameters(old)
    ]
    efforts = f" ({', '.join(new.efforts)})" if "`effort`" in come else ""
    parts = ([f"no {', '.join(gone)}"] if gone else []) + ([f"takes {', '.join(come)}{efforts}"] if come else [])
    if old.efforts and new.efforts and old.efforts != new.efforts:
        parts.append(f"`effort`: {', '.join(new.efforts)}")
    return "; ".join(parts) or "the same"


def _size(tokens: int | None) -> str:
    return format_size(tokens) if tokens else "?"


def _price(price: Price | None) -> str:
    assert price is not None
    return "; ".join([format_rates(price), *(f"{format_tier_bound(tier)} {format_rates(tier)}" for tier in price.tiers)])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("| --- ", "|---").replace("--- |", "---|") for line in lines)


def marks(name: str) -> tuple[str, str]:
    """Text before and after a table in the page."""
    return f"<!-- {name}: written by tests/docs/model_tables.py -->\n\n", f"\n\n<!-- end of {name} -->"


def write() -> None:
    """Put the tables into the page, between their marks."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables().items():
        start, end = marks(name)
        before, _, rest = text.partition(start)
        _, found, after = rest.partition(end)
        assert found, f"{PAGE.name} has no place for the table {name!r}"
        text = before + start + table + end + after
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
