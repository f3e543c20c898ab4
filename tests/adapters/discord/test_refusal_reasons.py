"""Why Discord refuses a post, on the whole bot: people read the reason and a way on, the log has what the operator needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.fake_discord.running_bot import ME, start_discord_bot
from tests.support.fake_discord.server import Fault, ReceivedRequest
from tests.support.fake_models.players import QUESTION

FOR_OPERATORS = re.compile(r"townhall \w+|townhall\.toml|HTTP|\bcode \d|DISCORD_|\.env|doctor")
"""What people in a channel cannot act on."""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (50001, "I cannot see the channel"),
        (50013, "I lack a permission there"),
        (10003, "the channel or thread was deleted"),
        (12345, "Discord does not accept it"),
        (40333, "Discord does not accept it"),
    ],
)
async def test_a_refused_question_gives_a_reason_for_people_and_logs_that_for_the_operator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, code: int, reason: str
) -> None:
    async with start_discord_bot(tmp_path) as bot:

        def refuse(asked: ReceivedRequest) -> Fault | None:
            posted = asked.method == "POST" and asked.path.endswith("/messages")
            if posted and (QUESTION in str(asked.body) or "Final answer" in str(asked.body)) and not direct(asked):
                return Fault(trouble="reject", code=code)
            return None

        def direct(asked: ReceivedRequest) -> bool:
            return f"/channels/{bot.direct}/" in asked.path

        bot.server.faults.plan = refuse
        bot.say(f"{ME} ask Choose a database for the shop")
        answer = await bot.wait_for("You get it as a direct message", bot.direct)
        shown = "\n".join(message.text for message in bot.posts())
        assert reason in answer.text
        assert f"it could not be posted: {reason}" in str(bot.models.requests)
        assert FOR_OPERATORS.findall(shown + str(bot.models.requests)) == []
    assert str(code) in caplog.text
