"""What a run cannot show in its channel goes to whoever started it, directly: nothing that ends a run is told to nobody."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_bridge.chat import FinalAnswer, Note, Place, Post, RunCard
from orchestrator_bridge.run.post import FIRST
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.rows import OutboxEntry


def direct_message_fallback(state: RunState, refused: OutboxEntry, why: str, now: float) -> tuple[OutboxEntry, ...]:
    """The post in place of one that its channel does not take, if it is worth one; `why` the platform says so.

    Progress is not, and what was a direct message already has nowhere else to go.
    """
    post = _instead(refused, why)
    if post is None or refused.place.channel.startswith("@") or state.by.platform != refused.place.platform:
        return ()
    place = Place(platform=refused.place.platform, channel=f"@{state.by.id}")
    return (OutboxEntry(key=f"{refused.key}:direct", run=refused.run, place=place, post=post, at=now, priority=FIRST),)


def _instead(refused: OutboxEntry, why: str) -> Post | None:
    match refused.post:
        case RunCard() if refused.replaces is None:
            return Note(text=f"Run {refused.run} works, but it cannot be shown in its channel. {why}", tone="warning")
        case FinalAnswer() as answer:
            return replace(answer, how=f"{answer.how} You get it directly, since it could not be posted in its channel. {why}")
        case Note() as note if refused.priority == FIRST and refused.question is None:
            return replace(note, text=f"{note.text}\nYou are told directly, since it could not be posted in its channel. {why}")
        case _:
            return None
