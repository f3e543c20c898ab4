"""The store: is its file ours, whole, and of this release? Nothing is made, changed or locked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.doctor.finding import Finding
from orchestrator_bridge.store.checkup import check
from orchestrator_bridge.store.port import Missing, StoreError, TooOld


async def check_store(file: Path) -> Finding:
    """Let SQLite read every page of the file, beside a bot that may be running."""
    try:
        found = await asyncio.to_thread(check, file)
    except Missing:
        return Finding(about="store", state="ok", found=f"{file} will be made at the first start")
    except TooOld as error:
        return Finding(about="store", state="ok", found=f"{error.found}; the next start lifts it")
    except StoreError as error:
        return Finding(about="store", state="wrong", found=error.found, mend=error.mend)
    counts = f"{found.runs} runs, {found.questions} questions, {found.unsent} posts to send"
    return Finding(about="store", state="ok", found=f"{file} is whole: {found.size / 1e6:.1f} MB, {counts}")
