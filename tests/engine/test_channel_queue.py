"""The order of the posts of one channel, as properties of any sequence of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
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

    queue: ChannelQueue = field(default_factory=ChannelQueue)
    now: float = 0.0
    order: int = 0
    left: list[QueuedPost] = field(default_factory=list)
    waiting: dict[str, QueuedPost] = field(default_factory=dict)

    def push(self, outgoing: OutboxEntry, later: float = 0.0) -> None:
        self.order += 1
        job = QueuedPost(outgoing, self.order, False, self.now + later)
        self.queue.push(job)
        self.waiting.setdefault(outgoing.key, job)

    def take_out(self, key: str) -> None:
        assert self.queue.remove(key) is self.waiting.pop(key, None)

    def send(self, arrives: bool = True) -> list[QueuedPost]:
        """Send all posts that may be sent at once; `arrives`: they do, instead of failing for 3 s."""
        ready = self.queue.take_ready(self.now)
        for job in ready:
            assert job is self.waiting[job.outgoing.key]
            assert job.not_before <= self.now
            if arrives:
                self.left.append(self.waiting.pop(job.outgoing.key))
                self.queue.finish(job)
            else:
                self.queue.requeue(job, self.now + 3.0)
        return ready

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def drain(self) -> Iterator[QueuedPost]:
        """All that is left, however long it has to wait."""
        self.now += 1000.0
        while self.queue:
            ready = self.send()
            assert ready, "stuck"
            yield from ready


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
sends = st.builds(partial, st.just(Channel.send), arrives=st.booleans())
moments = st.builds(partial, st.just(Channel.wait), seconds=st.just(3.0))
Course = list[Callable[[Channel], object]]


@given(st.lists(st.one_of(pushes, later_pushes, removals, sends, moments), max_size=50))
def test_every_post_is_sent_once_unless_it_was_removed(course: Course) -> None:
    channel = Channel()
    for step in course:
        step(channel)
    waited = set(channel.waiting)
    assert {job.outgoing.key for job in channel.drain()} == waited
    assert not channel.waiting


@given(st.lists(st.one_of(pushes, removals, sends), max_size=50))
def test_a_thread_keeps_its_order_whatever_fails(course: Course) -> None:
    channel = Channel()
    for step in course:
        step(channel)
    last: dict[str, int] = {}
    for job in [*channel.left, *channel.drain()]:
        assert last.get(job.thread, 0) < job.order
        last[job.thread] = job.order


@given(st.lists(st.one_of(pushes, removals), max_size=50))
def test_every_thread_sends_at_once_the_most_urgent_first(course: Course) -> None:
    channel = Channel()
    for step in course:
        step(channel)
    urgency: dict[str, tuple[int, int]] = {}
    for job in channel.waiting.values():
        found = (job.outgoing.priority, job.order)
        urgency[job.thread] = min(found, urgency.get(job.thread, found))
    assert [job.thread for job in channel.send()] == sorted(urgency, key=lambda thread: urgency[thread])


def test_a_post_pulled_along_by_a_more_urgent_one_gives_its_turn_to_no_other() -> None:
    channel = Channel()
    channel.push(post("other", priority=1))
    channel.push(post("note", thread="one", priority=1))
    channel.push(post("question", thread="one", priority=0))
    assert [job.outgoing.key for job in channel.drain()] == ["note", "other", "question"]


def test_newer_content_replaces_a_waiting_post_and_keeps_its_turn() -> None:
    channel = Channel()
    channel.push(post("card", text="old"))
    channel.push(post("note"))
    channel.push(post("card", text="new"))
    assert [job.outgoing.post for job in channel.drain()] == [Note(text="new"), Note(text="")]


def test_a_thread_has_one_post_in_flight() -> None:
    channel = Channel()
    channel.push(post("first", thread="one"))
    channel.push(post("second", thread="one"))
    (first,) = channel.queue.take_ready(0.0)
    assert channel.queue.take_ready(0.0) == []
    assert channel.queue.next_time() is None
    channel.queue.finish(first)
    assert [job.outgoing.key for job in channel.queue.take_ready(0.0)] == ["second"]


def test_after_a_failure_only_its_thread_waits() -> None:
    channel = Channel()
    channel.push(post("first", thread="one"))
    channel.push(post("second", thread="one"))
    (failed,) = channel.queue.take_ready(0.0)
    channel.queue.requeue(failed, 10.0)
    channel.push(post("other", thread="two"))
    assert [job.outgoing.key for job in channel.queue.take_ready(9.9)] == ["other"]
    assert channel.queue.next_time() == 10.0
    assert channel.queue.take_ready(10.0) == [failed]


def test_an_edit_waits_for_the_post_that_it_replaces_and_holds_back_nothing_else() -> None:
    channel = Channel()
    channel.push(post("card"))
    channel.push(replace(post("edit"), replaces="card"))
    (card,) = channel.queue.take_ready(0.0)
    channel.queue.requeue(card, 10.0)
    assert channel.queue.take_ready(9.9) == []
    (card,) = channel.queue.take_ready(10.0)
    channel.queue.finish(card)
    (edit,) = channel.queue.take_ready(10.0)
    channel.queue.requeue(edit, 60.0)
    channel.push(post("note", thread="card"))
    assert [job.outgoing.key for job in channel.queue.take_ready(10.0)] == ["note"]


def test_the_queue_reports_the_time_of_its_next_post() -> None:
    channel = Channel()
    assert channel.queue.next_time() is None
    channel.push(post("progress"), later=5.0)
    assert channel.queue.take_ready(4.9) == []
    assert channel.queue.next_time() == 5.0
    assert channel.queue.take_ready(5.0)
