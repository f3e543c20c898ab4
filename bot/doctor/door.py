"""The door for agents outside: is it open, and which tokens hold?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.doctor.finding import Finding
from orchestrator_bridge.store.port import StoreError
from orchestrator_bridge.text import listed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.start import LoadedConfig


async def check_mcp_listener(start: LoadedConfig) -> AsyncIterator[Finding]:
    """What is behind the door is not looked at, and no token is used."""
    from bot.outside import door_file

    door = door_file.read_endpoint(start.settings.data)
    if door is not None:
        yield Finding(about="door", state="ok", found=f"open for agents outside at {door.url}, and through `townhall mcp`")
    elif door_file.running_process(start.settings.data) is not None:
        mend = "the bot's output and townhall.log say why; most likely TOWNHALL_MCP_PORT is taken: set another"
        yield Finding(about="door", state="warn", found="a bot runs, and its door for agents outside is shut", mend=mend)
    else:
        yield Finding(about="door", state="ok", found="no bot runs, so agents outside cannot come in now")
    yield await _tokens_finding(start)


async def _tokens_finding(start: LoadedConfig) -> Finding:
    from orchestrator_bridge.store.lookups import SqliteLookups

    try:
        lookups = await SqliteLookups.open(start.settings.store)
    except StoreError:  # there is none yet, or the store has its own finding
        return Finding(about="tokens", state="ok", found="none")
    try:
        tokens = await lookups.tokens()
    finally:
        await lookups.close()
    good = [token.name for token in tokens if token.withdrawn_at is None]
    withdrawn = len(tokens) - len(good)
    found = (listed(good) if good else "none") + (f"; {withdrawn} withdrawn" if withdrawn else "")
    return Finding(about="tokens", state="ok", found=found)
