"""Deleted cards: a question card is posted again, the requester is told of a run card, and no reply is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import MessageDeleted, Place
from orchestrator_bridge.chat.outbound import Note, OutboundPost, PostedMessage, QuestionCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.run.presentation.posts import REPOSTED
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team


@asynccontextmanager
async def asking(file: Path, platform: ListPlatform) -> AsyncIterator[Engine]:
    """A bot whose question 1 is open."""
    async with ModelServer(asking_behaviour) as server, start_engine(file, server, platform, clock=platform.clock) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        yield engine


def cards(platform: ListPlatform) -> list[str]:
    """The messages that are question cards, oldest first; on this platform a card's thread has its name."""
    return [
        f"p{place}"
        for place, outbound in enumerate(platform.sent, 1)
        if isinstance(outbound.post, QuestionCard) and outbound.replaces is None and outbound.place.channel == PLACE.channel
    ]


async def delete(platform: ListPlatform, card: str) -> None:
    place = Place(platform=PLACE.platform, channel=PLACE.channel, thread=card)
    await platform.deliver(MessageDeleted(place=place, message=card, at=platform.now))


async def test_a_deleted_card_is_posted_again_and_replies_under_either_count(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with asking(tmp_path / "t.db", platform) as engine:
        (first,) = cards(platform)
        await delete(platform, first)
        await platform.until(lambda: len(cards(platform)) == 2)
        await engine.wait_finished()
        await platform.person_says("2", thread=cards(platform)[1])
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    closed = [outbound for outbound in platform.sent if isinstance(outbound.post, QuestionCard) and outbound.post.ended]
    assert [outbound.replaces.message for outbound in closed if outbound.replaces] == cards(platform)
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"


async def test_a_reply_in_the_thread_of_a_deleted_card_counts_and_is_acknowledged_there(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with asking(tmp_path / "t.db", platform) as engine:
        (first,) = cards(platform)
        await delete(platform, first)
        await platform.until(lambda: len(cards(platform)) == 2)
        await engine.wait_finished()
        await platform.person_says("2", thread=first)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert [outbound.place.thread for outbound in platform.sent if outbound.post in platform.acknowledgements] == [first]


async def test_a_card_deleted_repeatedly_is_not_posted_again_and_its_question_stays_open(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with asking(tmp_path / "t.db", platform) as engine:
        for posted in range(REPOSTED):
            await delete(platform, cards(platform)[posted])
            await platform.until(lambda: len(cards(platform)) == posted + 2)  # noqa: B023 - it is awaited here
            await engine.wait_finished()
        await delete(platform, cards(platform)[REPOSTED])
        await platform.until(lambda: any("/questions 1" in note for note in platform.notes))
        await engine.wait_finished()
        assert len(cards(platform)) == REPOSTED + 1
        await platform.person_clicks(1, "option", "sqlite")
        await platform.until(lambda: bool(platform.final_answers))


async def test_a_deletion_reported_twice_posts_the_card_once(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with asking(tmp_path / "t.db", platform) as engine:
        (first,) = cards(platform)
        for _ in range(2):
            await delete(platform, first)
            await platform.until(lambda: len(cards(platform)) == 2)
            await engine.wait_finished()
    assert len(cards(platform)) == 2


async def test_if_the_channel_is_deleted_the_question_falls_back_and_the_requester_gets_the_answer(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with asking(tmp_path / "t.db", platform) as engine:

        async def refuse(sending: OutboundPost, _: PostedMessage) -> None:
            if sending.place.channel == PLACE.channel:
                raise SendRejected("The channel was deleted.")

        platform.while_sending = refuse
        await delete(platform, cards(platform)[0])
        await platform.until(lambda: any(final.how.endswith("deleted.") for final in platform.final_answers))
        await engine.wait_finished()
    direct = [outbound.post for outbound in platform.sent if outbound.place.channel == f"@{ANA.id}"]
    assert len(direct) == 1


async def test_the_requester_is_told_that_the_run_card_was_deleted(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with asking(tmp_path / "t.db", platform) as engine:
        for _ in range(2):
            await delete(platform, "p1")
            await platform.until(lambda: any("card of run 1 was deleted" in note for note in platform.notes))
            await engine.wait_finished()
    (told,) = [outbound for outbound in platform.sent if isinstance(outbound.post, Note) and "was deleted" in outbound.post.text]
    assert isinstance(told.post, Note)
    assert (told.place.thread, told.post.mentions) == ("p1", (ANA,))
