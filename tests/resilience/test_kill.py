"""A real process is killed with -9 at many moments, on every platform, while people write and platform and model have faults.

Nothing is lost, and nothing appears twice. `make resilience N=1000` kills as often as it is told to. A failure prints its seed:
KILL_SEED=… makes the same choices again, though not the same timing.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.resilience.harness.checks import judge
from tests.resilience.harness.model_player import TeamPlayer, team_file
from tests.resilience.harness.platforms import chat, discord, slack
from tests.resilience.harness.site import KillSite, kill_and_judge, write_report
from tests.support.fake_models.server import ModelServer

KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("KILL_SEED") or secrets.randbelow(1_000_000))
REAL = max(4, KILLS // 4)
"""Kills on the platforms whose client libraries start more slowly."""

OpenSite = Callable[[Path, random.Random], AbstractAsyncContextManager[KillSite]]


@pytest.mark.timeout(120 + 4 * KILLS)
@pytest.mark.parametrize(
    ("open_site", "kills"),
    [
        pytest.param(chat.open_site, KILLS, id="chat"),
        pytest.param(discord.open_site, REAL, id="discord"),
        pytest.param(slack.open_site, REAL, id="slack"),
    ],
)
async def test_nothing_is_lost_or_doubled_however_often_the_process_is_killed(
    open_site: OpenSite, kills: int, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    player = TeamPlayer(chance)
    async with ModelServer(player) as model, open_site(tmp_path, chance) as site:
        (tmp_path / "townhall.toml").write_text(team_file(model.url), encoding="utf-8")
        problems, evidence = await kill_and_judge(site, model, player, kills)
        problems += judge(evidence)
        if problems:
            text = "\n".join(problems)
            pytest.fail(f"seed {SEED}: {len(problems)} problems\n{text}\n{write_report(site, evidence)}")
        assert len(evidence.runs) >= kills / 50
