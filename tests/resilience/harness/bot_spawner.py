"""A bot as a real process that can be killed, and started again in an instant.

Importing a bot takes a second or two, which fifty deaths cannot afford. So one process imports everything, once, and forks a
child for every line `start` on its standard input. The child is the bot: a process with a memory, sockets, threads and a file of
its own, which dies by -9 as any other does. One lives at a time. On standard output appear `started PID`, `ready PID` (its engine
has started) and `ended PID STATUS`. SIGTERM lets a bot end what it can and leave with 0.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

from bot.app import App, LoadedConfig, load_config, open_app
from orchestrator_bridge.chat.adapter import Adapter

_LOG = logging.getLogger(__name__)

_DIES_WITH_PARENT = 1
"""`PR_SET_PDEATHSIG` of prctl(2): a harness that is killed leaves no process behind."""


Beside = Callable[[LoadedConfig, App], AbstractAsyncContextManager[object]]


def nothing(_: LoadedConfig, __: App) -> AbstractAsyncContextManager[object]:
    """Nothing lives beside the engine."""
    return nullcontext()


def raise_bots(adapters: Callable[[], Sequence[Adapter]], file: Path, beside: Beside = nothing) -> None:
    """Serve until standard input ends. `adapters` are made in each child anew; `file` is the store's; what is `beside` lives as
    long as the engine."""
    _die_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    start = load_config()
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            _die_with_parent()
            os._exit(_live(start, adapters, file, beside))
        _tell(f"started {child}")
        _, status = os.waitpid(child, 0)
        _tell(f"ended {child} {os.waitstatus_to_exitcode(status)}")


def _live(start: LoadedConfig, adapters: Callable[[], Sequence[Adapter]], file: Path, beside: Beside) -> int:
    try:
        asyncio.run(_bot(start, adapters, file, beside))
    except Exception:
        _LOG.exception("the bot broke")
        return 1
    return 0


async def _bot(start: LoadedConfig, adapters: Callable[[], Sequence[Adapter]], file: Path, beside: Beside) -> None:
    told_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_end.set)
    async with open_app(start, adapters(), file) as app:
        await app.engine.start()
        async with beside(start, app):
            _tell(f"ready {os.getpid()}")
            await told_to_end.wait()
            await app.engine.wait_finished()


def _tell(line: str) -> None:
    """One write, so that lines of parent and child stay whole."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
