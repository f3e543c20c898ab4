"""The store: is its file ours, whole, and of this release? Nothing is made, changed or locked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.doctor.finding import Finding
from orchestrator_bridge.store.checkup import full_check
from orchestrator_bridge.store.port import NotFound, SchemaTooOld, StoreError, UnreadableLog


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
