"""Records of the log know the run, the question and the delivery that they belong to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.outbound import FinalAnswer, OutboundPost, PostedMessage
from orchestrator_bridge.common.log_fields import current_log_fields
from tests.support.clock import ManualClock
from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team


class _Fields(logging.Handler):
    """Remembers the fields of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Mapping[str, int | str]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append((record.getMessage(), current_log_fields()))


@pytest.fixture
def fields(caplog: pytest.LogCaptureFixture) -> _Fields:
    caplog.set_level(logging.INFO)
    handler = _Fields()
    logging.getLogger("orchestrator_bridge").addHandler(handler)
    return handler


async def test_a_refused_post_is_logged_with_its_run_and_its_key(tmp_path: Path, fields: _Fields) -> None:
    async def refuse(outbound: OutboundPost, _: PostedMessage) -> None:
        if isinstance(outbound.post, FinalAnswer):
            raise SendRejected("the bot may not write here")

    clock = ManualClock()
    platform = ListPlatform(clock, while_sending=refuse)
    async with ModelServer(team_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        run = await engine.start_run(task="Plan it", team=team("one"), place=PLACE, by=ANA)
        await engine.wait_finished()
    refused = [found for text, found in fields.seen if "cannot be delivered" in text]
    assert {found["run"] for found in refused} == {run}
    assert str(refused[0]["delivery"]).endswith(":final")
