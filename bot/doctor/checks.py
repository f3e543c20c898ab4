"""Checks of the data folder, disk, store, MCP listener, access tokens and platforms."""

from __future__ import annotations

import asyncio
import errno
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config.errors import ConfigError
from bot.config.platforms import installed_platforms
from bot.storage import StoreLocation, location_name, open_lookups
from orchestrator_bridge.chat.platform import Finding
from orchestrator_bridge.common.private_files import is_open
from orchestrator_bridge.common.text import counted, listed
from orchestrator_bridge.store.interface import NotFound, SchemaTooOld, StoreError, UnreadableLog
from orchestrator_bridge.store.sqlite.readonly import full_check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.app import LoadedConfig


def to_findings(about: str, error: ConfigError) -> list[Finding]:
    """One finding for each problem of the error."""
    if not error.problems:
        return [Finding(about=about, state="wrong", found=error.title)]
    return [
        Finding(
            about=about,
            state="wrong",
            found=f"{problem.where}: {problem.found}",
            fix=f"expected {problem.expected}" + (f"; {problem.fix}" if problem.fix else ""),
        )
        for problem in error.problems
    ]


LOW_SPACE = 1_000_000_000
"""Bytes. Less free space is a warning."""
CRITICAL_SPACE = 50_000_000
"""Bytes. Less free space is an error: the event log of a busy day may not fit."""


def check_folder(folder: Path) -> Finding:
    """Check that the data folder, or the folder in which it will be created, can be written. Leaves nothing behind."""
    place = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Finding(about="data folder", state="wrong", found=f"{place}: {error.strerror}", fix=_folder_fix(error))
    files = [folder, *(path for path in folder.glob("townhall*"))]
    if place == folder and (readable := [path for path in files if is_open(path)]):
        found = f"other users can read {', '.join(map(str, readable))}"
        return Finding(about="data folder", state="warn", found=found, fix=f"chmod -R go= {folder}")
    state = "can be written" if place == folder else "will be created at the first start"
    return Finding(about="data folder", state="ok", found=f"{folder} {state}")


def _folder_fix(error: OSError) -> str:
    another = "set TOWNHALL_DATA to another folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"free some space, or {another}"
    if error.errno == errno.ENOTDIR:
        return f"move the file of this name, or {another}"
    return f"make it writable for this user, or {another}"


def check_space(folder: Path, free: int | None = None) -> Finding:
    """Check the free disk space. `free` is in bytes and read from the system unless given."""
    left = shutil.disk_usage(_nearest(folder)).free if free is None else free
    found = f"{left / 1e9:.1f} GB free" if left >= LOW_SPACE else f"{left / 1e6:.0f} MB free"
    if left >= LOW_SPACE:
        return Finding(about="disk", state="ok", found=found)
    return Finding(
        about="disk",
        state="warn" if left >= CRITICAL_SPACE else "wrong",
        found=found,
        fix="free some space, or set TOWNHALL_DATA",
    )


def _nearest(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    here = folder.absolute()
    return folder if folder.exists() else next(parent for parent in here.parents if parent.exists())


async def check_store(location: StoreLocation) -> list[Finding]:
    """Read every event of the store, and let SQLite check every page of a file. A bot may be running."""
    try:
        if isinstance(location, Path):
            check = await asyncio.to_thread(full_check, location)
        else:
            from orchestrator_bridge.store.postgres.checkup import check_database

            check = await check_database(location)
    except NotFound:
        missing = _removed_store(location) if isinstance(location, Path) else None
        return [missing or _new_store_finding(location)]
    except SchemaTooOld as error:
        return [Finding(about="store", state="ok", found=f"{error.found}; the next start migrates it")]
    except StoreError as error:
        return [Finding(about="store", state="wrong", found=error.found, fix=error.fix)]
    counts = f"{counted(check.runs, 'run')}, {counted(check.questions, 'question')}, {counted(check.unsent, 'unsent post')}"
    intact = Finding(about="store", state="ok", found=f"{location_name(location)} is intact: {check.size / 1e6:.1f} MB, {counts}")
    stuck = [_stuck_finding(check.stuck)] if check.stuck else []
    return [*([_unreadable_finding(log) for log in check.unreadable] or [intact]), *stuck]


def _new_store_finding(location: StoreLocation) -> Finding:
    begins = "will be created" if isinstance(location, Path) else "is empty; its tables will be created"
    return Finding(about="store", state="ok", found=f"{location_name(location)} {begins} at the first start")


async def check_processes(location: StoreLocation) -> list[Finding]:
    """List the bots on a database: the active one and its standbys. A file has one at most: see `check_mcp_listener`."""
    if isinstance(location, Path):
        return []
    from orchestrator_bridge.store.postgres.checkup import list_processes

    try:
        processes = (await list_processes(location)).processes
    except StoreError:  # there is no store yet, or it has its own finding
        return []
    named = [f"{process.name} ({process.role})" for process in processes]
    return [Finding(about="processes", state="ok", found=listed(named) if named else "no bot is connected to the database")]


def _stuck_finding(posts: int) -> Finding:
    """Posts that their platforms have not taken for a while."""
    fix = "townhall.log names each with the reason; a bot that is not running sends them at its next start"
    return Finding(about="outbox", state="warn", found=f"{counted(posts, 'post')} unsent for more than 30 s", fix=fix)


def _removed_store(file: Path) -> Finding | None:
    """The finding for a database that is gone although a bot runs on it."""
    from bot.mcp_server import listener

    process = listener.running_process(file.parent)
    if process is None:
        return None
    found = f"{file} is not there, although the bot (process {process}) has it open; the bot stores nothing"
    return Finding(about="store", state="wrong", found=found, fix="move the file back, or restart the bot to begin a new one")


def _unreadable_finding(log: UnreadableLog) -> Finding:
    """An event log that cannot be read, so that the bot cannot continue its run."""
    more = f"; {log.rows - 1} more of its events cannot be read" if log.rows > 1 else ""
    effect = f"the bot quarantines run {log.run} and continues the others"
    fix = f"{effect}; `townhall export {log.run}` prints its readable events. {log.fault.fix}"
    return Finding(about="store", state="wrong", found=f"{log.fault.found}{more}", fix=fix)


async def check_mcp_listener(start: LoadedConfig) -> AsyncIterator[Finding]:
    """Check that a running bot serves external agents and can store events, and list the access tokens."""
    from bot.mcp_server import listener

    about = "mcp server"
    endpoint = listener.read_endpoint(start.settings.data)
    if endpoint is not None:
        yield Finding(about=about, state="ok", found=f"serves external agents at {endpoint.url} and through `townhall mcp`")
        problem = await asyncio.to_thread(listener.read_readiness, endpoint)
        if problem is not None:
            yield Finding(about="running bot", state="wrong", found=problem["found"], fix=problem["fix"])
    elif listener.running_process(start.settings.data) is not None:
        fix = "see the bot's output and townhall.log; most likely TOWNHALL_MCP_PORT is in use: set another port"
        yield Finding(about=about, state="warn", found="a bot runs, but its MCP server does not", fix=fix)
    else:
        yield Finding(about=about, state="ok", found="no bot runs, so external agents cannot connect now")
    yield await _tokens_finding(start)


async def _tokens_finding(start: LoadedConfig) -> Finding:
    try:
        lookups = await open_lookups(start.settings.location)
    except StoreError:  # there is no store yet, or it has its own finding
        return Finding(about="tokens", state="ok", found="none")
    try:
        tokens = await lookups.tokens()
    finally:
        await lookups.close()
    valid = [token.name for token in tokens if token.withdrawn_at is None]
    revoked = len(tokens) - len(valid)
    found = (listed(valid) if valid else "none") + (f"; {revoked} revoked" if revoked else "")
    return Finding(about="tokens", state="ok", found=found)


async def check_platforms(start: LoadedConfig) -> AsyncIterator[Finding]:
    """Report platforms that cannot be loaded, and the findings of each platform's own checks."""
    installed = installed_platforms()
    if not installed.usable:
        yield Finding(about="platforms", state="wrong", found="no chat platform is installed", fix="install Townhall again")
    for broken in installed.broken:
        yield Finding(about="platforms", state="wrong", found=str(broken), fix="upgrade, repair or uninstall that package")
    for name, platform in installed.usable.items():
        try:
            async for finding in platform.check(start.settings.of_platform(platform), start.platform_context(platform)):
                yield finding
        except Exception as error:
            found = f"its checks failed: {type(error).__name__}: {error}"
            yield Finding(about=name, state="wrong", found=found, fix="report this to the maintainers of its package")
