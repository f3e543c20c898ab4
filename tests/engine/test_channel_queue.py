"""The order of the posts of one channel, as properties of any sequence of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.engine.channel_queue import ChannelQueue, QueuedPost
from orchestrator_bridge.run.records import OutboxEntry

PLACE = Place(platform="list", channel="general")


def post(key: str, *, thread: str = "", priority: int = 5, text: str = "") -> OutboxEntry:
    """A post into a thread, or (without one) a post that opens its own."""
    return OutboxEntry(key=key, run=1, place=PLACE, post=Note(text=text), at=0.0, anchor=thread or None, priority=priority)


@dataclass
class Channel:
    """A queue under test, with the time and the posts that were sent."""

    lane: ChannelQueue = field(default_factory=ChannelQueue)
    now: float = 0.0
    order: int = 0
    left: list[QueuedPost] = field(default_factory=list)
    waiting: dict[str, QueuedPost] = field(default_factory=dict)

    def push(self, outgoing: OutboxEntry, later: float = 0.0) -> None:
        self.order += 1
        job = QueuedPost(outgoing, self.order, False, self.now + later)
        self.lane.push(job)
        self.waiting.setdefault(outgoing.key, job)

    def take_out(self, key: str) -> None:
        assert self.lane.remove(key) is self.waiting.pop(key, None)

    def pop(self, arrives: bool = True) -> QueuedPost | None:
        job = self.lane.next_ready(self.now)
        if job is None:
            return None
        assert job is self.waiting[job.outgoing.key]
        assert job.not_before <= self.now
        if arrives:
            self.left.append(self.waiting.pop(job.outgoing.key))
        else:
            self.lane.requeue(job)
        return job

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def drain(self) -> Iterator[QueuedPost]:
        """All that is left, however long it has to wait."""
        self.now += 1000.0
        while self.lane:
            job = self.pop()
            assert job is not None, "stuck"
            yield job


posts = st.builds(
    lambda thread, priority, number: post(f"{thread}/{priority}/{number}", thread=thread, priority=priority),
    st.sampled_from(["", "one"]),
    st.integers(0, 2),
    st.integers(0, 2),
)
pushes = st.builds(partial, st.just(Channel.push), outgoing=posts)
pushes |= pushes  # what is there makes what happens to it interesting
later_pushes = st.builds(partial, st.just(Channel.push), outgoing=posts, later=st.just(5.0))
removals = st.builds(partial, st.just(Channel.take_out), key=posts.map(lambda outgoing: outgoing.key))
pops = st.builds(partial, st.just(Channel.pop), arrives=st.booleans())
moments = st.builds(partial, st.just(Channel.wait), seconds=st.just(3.0))
Course = list[Callable[[Channel], object]]


def thread_of(job: QueuedPost) -> str:
    return job.outgoing.anchor or job.outgoing.key


@given(st.lists(st.one_of(pushes, later_pushes, removals, pops, moments), max_size=50))
def test_every_post_is_sent_once_unless_it_was_removed(course: Course) -> None:
    channel = Channel()
    for step in course:
        step(channel)
    waited = set(channel.waiting)
    assert {job.outgoing.key for job in channel.drain()} == waited
    assert not channel.waiting


@given(st.lists(st.one_of(pushes, removals, pops), max_size=50))
def test_a_thread_keeps_its_order_whatever_fails(course: Course) -> None:
    channel = Channel()
    for step in course:
        step(channel)
    last: dict[str, int] = {}
    for job in [*channel.left, *channel.drain()]:
        assert last.get(job.thread, 0) < job.order
        last[job.thread] = job.order


@given(st.lists(st.one_of(pushes, removals, pops), max_size=50))
def test_the_most_urgent_thread_goes_first_and_among_equals_the_one_whose_urgent_post_is_oldest(course: Course) -> None:
    channel = Channel()
    for step in course:
        step(channel)
    while waiting := list(channel.waiting.values()):
        most_urgent = min(waiting, key=lambda job: (job.outgoing.priority, job.order))
        job = channel.pop()
        assert job is not None
        assert job.thread == most_urgent.thread


def test_a_post_pulled_along_by_a_more_urgent_one_gives_its_turn_to_no_other() -> None:
    channel = Channel()
    channel.push(post("note", thread="one", priority=1))
    channel.push(post("question", thread="one", priority=0))
    channel.push(post("other", priority=1))
    channel.push(post("progress", thread="one", priority=2))
    assert [job.outgoing.key for job in channel.drain()] == ["note", "question", "other", "progress"]


def test_newer_content_replaces_a_waiting_post_and_keeps_its_turn() -> None:
    channel = Channel()
    channel.push(post("card", text="old"))
    channel.push(post("note"))
    channel.push(post("card", text="new"))
    assert [job.outgoing.post for job in channel.drain()] == [Note(text="new"), Note(text="")]


def test_after_a_failure_nothing_is_sent_before_its_time() -> None:
    channel = Channel()
    channel.push(post("note"))
    channel.lane.resume_at = 10.0
    assert channel.lane.next_ready(9.9) is None
    assert channel.lane.next_time(9.9) == 10.0
    assert channel.lane.next_ready(10.0) is not None


def test_the_queue_reports_the_time_of_its_next_post() -> None:
    channel = Channel()
    assert channel.lane.next_time(0.0) is None
    channel.push(post("progress"), later=5.0)
    assert channel.lane.next_ready(4.9) is None
    assert channel.lane.next_time(4.9) == 5.0
    assert channel.lane.next_ready(5.0) is not None
