"""Contract of the outbox."""

from __future__ import annotations

import pytest

from orchestrator_bridge.chat.outbound import (
    Acknowledgement,
    CardAgent,
    CardOption,
    FinalAnswer,
    Note,
    Post,
    PostedMessage,
    QuestionCard,
    RunCard,
)
from orchestrator_bridge.run.records import PostDropped, PostFailed, PostSent
from orchestrator_bridge.store.interface import PendingPost, Store
from tests.contract.store_values import ALICE, outgoing, posted

POSTS: list[Post] = [
    RunCard(
        run=1,
        task="t",
        team="demo",
        agents=(CardAgent(name="ada", model="grok", state="works"),),
        status="working",
        cost="$0.01",
        tokens=12,
    ),
    QuestionCard(
        question=1,
        run=1,
        agent="ada",
        text="which?",
        context="",
        answer_kind="choice",
        options=(CardOption(id="a", label="A", recommended=True), CardOption(id="b", label="B")),
        mentions=(ALICE,),
        asked="Alice",
        expires_at=60.0,
        silence="A is taken",
    ),
    Note(text="hello", speaker="ada", tone="good", mentions=(ALICE,)),
    FinalAnswer(run=1, text="# Yes", how="2 of 3 votes", by="ada"),
    Acknowledgement(message="m1", author=ALICE, sign="late", text="too late"),
]


def sent(key: str, message: str, *, version: int = 1, thread: str | None = None) -> PostSent:
    return PostSent(key=key, version=version, posted=posted(message, thread))


class PostContract:
    @pytest.mark.parametrize("post", POSTS, ids=lambda post: post.kind)
    async def test_every_kind_of_post_waits_as_it_was_written(self, store: Store, post: Post) -> None:
        await store.append(rows=[outgoing("k", post=post, anchor="card")])
        assert await store.pending_posts() == [PendingPost(outgoing=outgoing("k", post=post, anchor="card"))]

    async def test_posts_wait_in_the_order_of_writing(self, store: Store) -> None:
        await store.append(rows=[outgoing("b"), outgoing("a")])
        await store.append(rows=[outgoing("c")])
        assert await _keys(store) == ["b", "a", "c"]

    async def test_a_post_that_arrived_is_no_longer_pending_and_its_posted_message_is_kept(self, store: Store) -> None:
        await store.append(rows=[outgoing("k"), outgoing("other")])
        assert await store.sent_post("k") is None
        await store.append(rows=[sent("k", "m1", thread="t1")])
        assert await _keys(store) == ["other"]
        assert await store.sent_post("k") == posted("m1", "t1")
        assert await store.sent_post("never") is None

    async def test_newer_content_takes_the_place_of_what_waits(self, store: Store) -> None:
        await store.append(rows=[outgoing("k", "old", at=1.0), outgoing("next")])
        await store.append(rows=[outgoing("k", "new", at=8.0, version=3)])
        # The time stays that of the first writing: from then on an earlier attempt may be found.
        assert [pending.outgoing for pending in await store.pending_posts()] == [
            outgoing("k", "new", at=1.0, version=3),
            outgoing("next"),
        ]

    async def test_content_that_is_not_newer_changes_nothing(self, store: Store) -> None:
        await store.append(rows=[outgoing("k", "mine", version=2), outgoing("s", "mine", version=2)])
        await store.append(rows=[sent("s", "m1", version=2)])
        await store.append(rows=[outgoing(key, "yours", version=version) for key in ("k", "s") for version in (1, 2)])
        assert [pending.outgoing for pending in await store.pending_posts()] == [outgoing("k", "mine", version=2)]

    async def test_a_sending_of_older_content_leaves_the_newer_waiting(self, store: Store) -> None:
        await store.append(rows=[outgoing("k", "old")])
        await store.append(rows=[outgoing("k", "new", version=2)])
        await store.append(rows=[sent("k", "m1", version=1)])
        assert [pending.outgoing for pending in await store.pending_posts()] == [outgoing("k", "new", version=2)]
        assert await store.sent_post("k") == posted("m1")
        await store.append(rows=[sent("k", "m1", version=2)])
        assert await store.pending_posts() == []

    async def test_a_further_edit_of_what_was_sent_waits_again(self, store: Store) -> None:
        await store.append(rows=[outgoing("card"), sent("card", "m1", thread="t1")])
        await store.append(rows=[outgoing("card:now", "v2", replaces="card", version=2)])
        await store.append(rows=[sent("card:now", "m1", version=2)])
        edit = outgoing("card:now", "v5", at=7.0, replaces="card", version=5)
        await store.append(rows=[edit])
        assert await store.pending_posts() == [PendingPost(outgoing=edit, replaced=posted("m1", "t1"))]

    async def test_a_post_that_waits_knows_what_it_hangs_on_once_that_was_sent(self, store: Store) -> None:
        note = outgoing("note", anchor="card")
        await store.append(rows=[outgoing("card"), note])
        assert (await store.pending_posts())[1] == PendingPost(outgoing=note)
        await store.append(rows=[sent("card", "m1", thread="t1")])
        assert await store.pending_posts() == [PendingPost(outgoing=note, anchored=posted("m1", "t1"))]

    async def test_a_post_that_failed_or_was_dropped_waits_no_more(self, store: Store) -> None:
        await store.append(rows=[outgoing("failed"), outgoing("dropped"), outgoing("stays")])
        await store.append(rows=[PostFailed(key="failed", why="the channel is gone"), PostDropped(key="dropped")])
        assert await _keys(store) == ["stays"]
        assert await store.sent_post("failed") is None
        assert await store.sent_post("dropped") is None

    async def test_what_was_sent_can_be_neither_dropped_nor_failed(self, store: Store) -> None:
        await store.append(rows=[outgoing("k"), sent("k", "m1")])
        await store.append(rows=[PostDropped(key="k"), PostFailed(key="k", why="late")])
        assert await store.sent_post("k") == posted("m1")
        await store.append(rows=[outgoing("k", "again")])
        assert await store.pending_posts() == []

    async def test_a_post_that_arrived_while_it_was_dropped_has_its_receipt(self, store: Store) -> None:
        await store.append(rows=[outgoing("k")])
        await store.append(rows=[PostDropped(key="k")])
        await store.append(rows=[sent("k", "m1")])
        assert await store.sent_post("k") == posted("m1")
        assert await store.pending_posts() == []

    async def test_the_post_that_waited_least_tells_how_far_a_platforms_clock_is_behind(self, store: Store) -> None:
        assert await store.clock_offset("fake") is None
        await store.append(rows=[outgoing("waited", at=70.0), outgoing("went", at=100.0), outgoing("waits", at=500.0)])
        for key in ("waited", "went"):
            await store.append(rows=[PostSent(key=key, version=1, posted=PostedMessage(message=key, thread=None, at=50.0))])
        assert await store.clock_offset("fake") == 50.0
        assert await store.clock_offset("another") is None


async def _keys(store: Store) -> list[str]:
    return [pending.outgoing.key for pending in await store.pending_posts()]
