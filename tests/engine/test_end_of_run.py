"""The end of a run, as its requester learns of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from orchestrator_bridge.chat.outbound import FinalAnswer, Note, OutboundPost, RunCard
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

BROKEN = ScriptedReply(status=401, body='{"error": {"message": "no such key"}}')


def last_post(platform: ListPlatform) -> Note | FinalAnswer:
    """The final answer, or the note that says how the run has ended."""
    posts = [outbound.post for outbound in platform.sent]
    return [post for post in posts if isinstance(post, FinalAnswer) or (isinstance(post, Note) and post.mentions)][-1]


async def run_to_its_end(file: Path, platform: ListPlatform, notify: Literal["mention", "direct", "none"]) -> None:
    async with ModelServer() as server, start_engine(file, server, platform, clock=platform.clock) as engine:
        notifying = team("one").model_copy(update={"notify": notify})
        await engine.start_run(task="a task", team=notifying, place=PLACE, by=ANA)
        await engine.wait_finished()


async def test_the_final_answer_mentions_the_requester_whom_the_card_names(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    await run_to_its_end(tmp_path / "t.db", platform, "mention")
    assert last_post(platform).mentions == (ANA,)
    assert [outbound.post.requester for outbound in platform.sent if isinstance(outbound.post, RunCard)][-1] == "Ana"


async def test_a_failure_mentions_the_requester(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer([BROKEN]) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await engine.wait_finished()
    post = last_post(platform)
    assert isinstance(post, Note)
    assert "ended without an answer" in post.text


async def test_a_cancellation_mentions_the_requester(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        run = await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        engine.cancel_run(run, ANA, "")
        await engine.wait_finished()
    post = last_post(platform)
    assert isinstance(post, Note)
    assert "was cancelled" in post.text


async def test_where_the_team_wants_it_the_requester_gets_a_direct_message_with_a_link(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    await run_to_its_end(tmp_path / "t.db", platform, "direct")
    assert not platform.final_answers[0].mentions
    (direct,) = direct_messages(platform)
    card = next(outbound for outbound in platform.sent if isinstance(outbound.post, RunCard))
    assert direct.link is not None
    assert direct.link.message == f"p{platform.sent.index(card) + 1}"


@pytest.mark.parametrize("notify", ["none", "mention"])
async def test_otherwise_there_is_no_direct_message(tmp_path: Path, notify: Literal["none", "mention"]) -> None:
    platform = ListPlatform(ManualClock())
    await run_to_its_end(tmp_path / "t.db", platform, notify)
    assert direct_messages(platform) == []
    assert bool(platform.final_answers[0].mentions) == (notify == "mention")


async def test_the_answer_of_a_single_agent_is_posted_once(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    await run_to_its_end(tmp_path / "t.db", platform, "mention")
    assert not [note for note in platform.notes if note.startswith("Answer:")]


def direct_messages(platform: ListPlatform) -> list[OutboundPost]:
    return [outbound for outbound in platform.sent if outbound.place.channel == f"@{ANA.id}"]
