"""The disk that the data folder is on: can the folder be written, and is there space left?"""

from __future__ import annotations

import asyncio
import errno
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config.errors import ConfigError
from orchestrator_bridge.chat.platform import Finding
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.store.interface import NotFound, SchemaTooOld, StoreError, UnreadableLog
from orchestrator_bridge.store.sqlite.readonly import full_check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.app import LoadedConfig


def to_findings(about: str, trouble: ConfigError) -> list[Finding]:
    """Every problem of a trouble as a finding of its own."""
    if not trouble.problems:
        return [Finding(about=about, state="wrong", found=trouble.title)]
    return [
        Finding(
            about=about,
            state="wrong",
            found=f"{problem.where}: {problem.found}",
            mend=f"expected {problem.expected}" + (f"; {problem.fix}" if problem.fix else ""),
        )
        for problem in trouble.problems
    ]


LOW_SPACE = 1_000_000_000
"""Bytes. Below, the doctor warns."""
CRITICAL_SPACE = 50_000_000
"""Bytes. Below, a busy day's log may not fit any more."""


def check_folder(folder: Path) -> Finding:
    """Whether the data folder, or the one in which it will be made, takes a file. Leaves nothing behind."""
    place = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Finding(about="data folder", state="wrong", found=f"{place}: {error.strerror}", mend=_fix(error))
    made = "can be written" if place == folder else "will be made at the first start"
    return Finding(about="data folder", state="ok", found=f"{folder} {made}")


def _fix(error: OSError) -> str:
    another = "name another folder in TOWNHALL_DATA"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"make space, or {another}"
    if error.errno == errno.ENOTDIR:
        return f"move the file of this name away, or {another}"
    return f"make it writable for this user, or {another}"


def check_space(folder: Path, free: int | None = None) -> Finding:
    """Whether enough space is left; `free` in bytes, as the system says unless it is given."""
    left = shutil.disk_usage(_nearest(folder)).free if free is None else free
    found = f"{left / 1e9:.1f} GB free" if left >= LOW_SPACE else f"{left / 1e6:.0f} MB free"
    if left >= LOW_SPACE:
        return Finding(about="disk", state="ok", found=found)
    return Finding(
        about="disk", state="warn" if left >= CRITICAL_SPACE else "wrong", found=found, mend="make space, or set TOWNHALL_DATA"
    )


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one around it that exists."""
    here = folder.absolute()
    return folder if folder.exists() else next(parent for parent in here.parents if parent.exists())


async def check_store(file: Path) -> list[Finding]:
    """Let SQLite read every page of the file, and read every event in it, beside a bot that may be running."""
    try:
        found = await asyncio.to_thread(full_check, file)
    except NotFound:
        return [Finding(about="store", state="ok", found=f"{file} will be made at the first start")]
    except SchemaTooOld as error:
        return [Finding(about="store", state="ok", found=f"{error.found}; the next start lifts it")]
    except StoreError as error:
        return [Finding(about="store", state="wrong", found=error.found, mend=error.fix)]
    counts = f"{found.runs} runs, {found.questions} questions, {found.unsent} posts to send"
    whole = Finding(about="store", state="ok", found=f"{file} is whole: {found.size / 1e6:.1f} MB, {counts}")
    return [_unreadable_finding(one) for one in found.unreadable] or [whole]


def _unreadable_finding(one: UnreadableLog) -> Finding:
    """A run that the bot cannot go on with."""
    more = f"; {one.rows - 1} more of its events cannot be read either" if one.rows > 1 else ""
    aside = f"the bot sets run {one.run} aside and goes on with the others"
    mend = f"{aside}; `townhall export {one.run}` prints what is whole of it. {one.fault.fix}"
    return Finding(about="store", state="wrong", found=f"{one.fault.found}{more}", mend=mend)


async def check_mcp_listener(start: LoadedConfig) -> AsyncIterator[Finding]:
    """What is behind the door is not looked at, and no token is used."""
    from bot.mcp_server import listener as door_file

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
    from orchestrator_bridge.store.sqlite.store import SqliteLookups

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
