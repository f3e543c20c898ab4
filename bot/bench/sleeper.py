"""A bot in a process of its own that starts over a store of open questions: when the first reply is taken, what waiting costs.

`python -m bot.bench.sleeper FILE CHANNEL THREAD SECONDS` replies in that thread at once. It prints one JSON object a line: first
when the agent went on, then what waiting for so many seconds cost.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path

from bot.bench.house import bench_bot
from bot.bench.instant import InstantModel
from bot.bench.platform import PLATFORM
from bot.collector import tune_gc
from orchestrator_bridge.chat import Place


async def run_idle(file: Path, thread: Place, seconds: float) -> None:
    """Start, take one reply, wait for the threads to be read, and be idle."""
    model = InstantModel()
    async with bench_bot(file, model) as home:
        await home.platform.reply(thread, "postgres please")
        _print({"resumed_at": await model.wait_resumed(1)})
        await home.wait_idle()
        tune_gc()
        before = time.process_time()
        await asyncio.sleep(seconds)
        _print({"idle_percent": 100 * (time.process_time() - before) / seconds, "resident_kb": resident_kb()})


def resident_kb() -> float:
    """Memory of this process that is in use now, in KB; where only its peak is told, that."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1024 if sys.platform == "darwin" else peak
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _print(found: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    name, channel, thread_, wanted = sys.argv[1:]
    asyncio.run(run_idle(Path(name), Place(platform=PLATFORM, channel=channel, thread=thread_), float(wanted)))
