"""Two real processes on one PostgreSQL database: the active one is killed with -9 at many moments, or suspended until it was
replaced, and the other takes over.

Nothing is lost, and nothing appears twice. `make resilience N=1000` kills as often as it is told to.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from orchestrator_bridge.store.postgres.address import DatabaseAddress
from tests.resilience.harness.checks import judge
from tests.resilience.harness.model_player import TeamPlayer, team_file
from tests.resilience.harness.platforms import chat, discord, slack
from tests.resilience.harness.site import kill_and_judge, write_report
from tests.resilience.test_kill import SEED, OpenSite
from tests.support.fake_models.server import ModelServer
from tests.support.postgres.fixtures import address, postgres

__all__ = ["address", "postgres"]

KILLS = int(os.environ.get("KILLS", "2"))
"""`make resilience` kills more often."""
REAL = max(1, KILLS // 4)
SUSPEND_EVERY = int(os.environ.get("SUSPEND_EVERY", min(5, KILLS)))
"""Of so many times the active process is suspended once instead of killed."""


@pytest.mark.timeout(120 + 6 * KILLS)
@pytest.mark.parametrize(
    ("open_site", "kills"),
    [
        pytest.param(chat.open_site, KILLS, id="chat"),
        pytest.param(discord.open_site, REAL, id="discord"),
        pytest.param(slack.open_site, REAL, id="slack"),
    ],
)
async def test_a_standby_takes_over_whenever_the_active_process_is_killed(
    open_site: OpenSite, kills: int, tmp_path: Path, address: DatabaseAddress
) -> None:
    chance = random.Random(SEED)
    player = TeamPlayer(chance)
    async with ModelServer(player) as model, open_site(tmp_path, chance) as site:
        (tmp_path / "townhall.toml").write_text(team_file(model.url), encoding="utf-8")
        pair = site.use_database(address, SUSPEND_EVERY)
        problems, evidence = await kill_and_judge(site, model, player, kills)
        problems += judge(evidence)
        if problems:
            text = "\n".join(problems)
            pytest.fail(f"seed {SEED}: {len(problems)} problems\n{text}\n{write_report(site, evidence)}")
        assert evidence.runs
        assert pair.suspended == kills // SUSPEND_EVERY
