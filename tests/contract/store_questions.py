"""Contract of questions and the places of their cards."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.run.records import QuestionClosed, QuestionStatus, QuestionUpdated, ReplyRemoved, ReplyStored
from orchestrator_bridge.store.interface import Conflict, OpenDeadline, Store, Target
from tests.contract.store_values import (
    CHANNEL,
    guided,
    outgoing,
    question_opened,
    question_placed,
    run_opened,
    run_placed,
    thread,
)


def closed(question: int, status: QuestionStatus = "answered", line: str = "") -> QuestionClosed:
    return QuestionClosed(question=question, status=status, line=line, at=9.0)


class QuestionContract:
    async def test_exactly_one_of_many_closers_wins_and_only_its_rows_are_written(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1)])
        attempts = [store.append(rows=[closed(1, line=f"c{n}"), outgoing(f"c{n}")]) for n in range(20)]
        results = await asyncio.gather(*attempts, return_exceptions=True)
        winners = [f"c{n}" for n, result in enumerate(results) if result is None]
        assert len(winners) == 1
        assert all(isinstance(result, Conflict) for result in results if result is not None)
        assert [pending.outgoing.key for pending in await store.pending_posts()] == winners
        question = await store.question(1)
        assert question is not None
        assert (question.status, question.line, question.closed_at) == ("answered", winners[0], 9.0)

    async def test_closing_a_question_that_is_not_there_is_stale_and_leaves_the_log_as_it_was(self, store: Store) -> None:
        with pytest.raises(Conflict, match="question 5 is not open"):
            await store.append(run=1, events=[guided("closing")], rows=[closed(5)])
        assert await store.log(1) == []

    async def test_open_questions_are_armed_the_next_first(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), run_opened(2)])
        await store.append(rows=[question_opened(1, 1, 90.0), question_opened(2, 2, 30.0), question_opened(3, 1, 60.0)])
        assert await store.open_deadlines() == [
            OpenDeadline(question=2, run=2, fires_at=30.0),
            OpenDeadline(question=3, run=1, fires_at=60.0),
            OpenDeadline(question=1, run=1, fires_at=90.0),
        ]

    async def test_a_question_moves_while_it_is_open(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1), question_opened(2, 1)])
        await store.append(rows=[closed(2)])
        await store.append(rows=[QuestionUpdated(question=1, fires_at=99.0), QuestionUpdated(question=2, fires_at=99.0)])
        assert await store.open_deadlines() == [OpenDeadline(question=1, run=1, fires_at=99.0)]
        closed_one = await store.question(2)
        assert closed_one is not None
        assert closed_one.fires_at == 60.0

    async def test_the_audience_of_open_questions_changes_with_them(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1), question_opened(2, 1), question_opened(3, 1)])
        moved = QuestionUpdated(
            question=1, fires_at=9.0, asked="Bob", expires_at=70.0, silence="Then.", people=("@bob", "fake:u2")
        )
        await store.append(rows=[moved, QuestionUpdated(question=2, fires_at=9.0), closed(3)])
        found = {audience.question: audience for audience in await store.open_question_audiences()}
        assert set(found) == {1, 2}
        assert (found[1].run, found[1].place, found[1].people) == (1, CHANNEL, ("@bob", "fake:u2"))
        assert found[2].people == ()
        question, other = await store.question(1), await store.question(2)
        assert question is not None
        assert other is not None
        assert (question.asked, question.expires_at, question.silence) == ("Bob", 70.0, "Then.")
        assert question.people == ("@bob", "fake:u2")
        assert (other.asked, other.expires_at, other.silence) == ("Alice", None, "")

    async def test_a_thread_and_a_message_lead_to_what_stands_there(self, store: Store) -> None:
        await store.append(rows=[run_opened(3), question_opened(8, 3)])
        await store.append(rows=[run_placed(3, "card", "run-thread"), question_placed(8, "asked", "question-thread")])
        of_run, of_question = Target(run=3), Target(run=3, question=8)
        assert await store.find_target(thread("run-thread")) == of_run
        assert await store.find_target(thread("question-thread")) == of_question
        assert await store.find_target(CHANNEL, "card") == of_run
        assert await store.find_target(CHANNEL, "asked") == of_question
        assert await store.find_target(thread("run-thread"), "asked") == of_question
        assert await store.find_target(thread("question-thread"), "somebody's reply") == of_question

    async def test_a_thread_of_several_runs_leads_to_the_newest(self, store: Store) -> None:
        await store.append(rows=[run_opened(3), run_opened(4), run_opened(5)])
        await store.append(rows=[run_placed(3, "card", "run-thread"), run_placed(5, "turn:5", "run-thread")])
        assert await store.find_target(thread("run-thread")) == Target(run=5)
        await store.append(rows=[run_placed(4, "turn:4", "run-thread"), run_placed(5, "card5", "run-thread")])
        assert await store.find_target(thread("run-thread")) == Target(run=5)
        assert await store.find_target(CHANNEL, "card") == Target(run=3)

    async def test_what_is_said_elsewhere_belongs_to_nothing(self, store: Store) -> None:
        await store.append(rows=[run_opened(3), run_placed(3, "card", "run-thread")])
        assert await store.find_target(CHANNEL) is None
        assert await store.find_target(CHANNEL, "another") is None
        assert await store.find_target(thread("another")) is None
        assert await store.find_target(Place(platform="other", channel="general", thread="run-thread"), "card") is None
        assert await store.find_target(Place(platform="fake", channel="other", thread="run-thread"), "card") is None

    async def test_in_a_thread_of_both_a_run_and_its_question_the_question_is_meant(self, store: Store) -> None:
        await store.append(
            rows=[run_opened(3), question_opened(8, 3), question_placed(8, "asked", "t"), run_placed(3, "card", "t")]
        )
        assert await store.find_target(thread("t")) == Target(run=3, question=8)

    async def test_replies_to_a_closed_question_still_find_it(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1), question_placed(1, "m", "t"), closed(1)])
        assert await store.find_target(thread("t")) == Target(run=1, question=1)

    async def test_the_same_message_placed_again_replaces_what_was_known(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1), question_placed(1, "m", None)])
        await store.append(rows=[question_placed(1, "m", "t")])
        assert await store.find_target(thread("t")) == Target(run=1, question=1)

    async def test_a_question_at_a_glance_shows_its_first_copy(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1)])
        await store.append(rows=[question_placed(1, "second", "t2", 20.0), question_placed(1, "first", "t1", 10.0)])
        question = await store.question(1)
        assert question is not None
        assert (question.place, question.message) == (thread("t1"), "first")
        assert (question.posted_at, question.noted_at) == (9.0, 10.0)
        assert (question.text, question.asked, question.agent) == ("question 1?", "Alice", "ada")
        assert (question.status, question.asked_at, question.closed_at) == ("open", 1.0, None)

    async def test_a_question_that_was_not_posted_has_no_place(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1)])
        question = await store.question(1)
        assert question is not None
        assert (question.place, question.message, question.posted_at, question.noted_at) == (None, None, None, None)
        assert await store.question(2) is None

    async def test_questions_are_listed_newest_first_by_status_and_up_to_a_limit(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), *(question_opened(number, 1) for number in (1, 2, 3, 4))])
        await store.append(rows=[closed(2, "fallen_back"), closed(4)])
        assert [question.question for question in await store.questions()] == [4, 3, 2, 1]
        assert [question.question for question in await store.questions(limit=2)] == [4, 3]
        assert [question.question for question in await store.questions(status="open")] == [3, 1]
        assert [question.question for question in await store.questions(status="fallen_back")] == [2]

    async def test_replies_are_stored_edited_and_deleted(self, store: Store) -> None:
        reply = ReplyStored(question=1, key="m1", author="fake:u1", name="Alice", text="2", choice="b", late=False, at=4.0)
        await store.append(rows=[run_opened(1), question_opened(1, 1)])
        await store.append(rows=[reply])
        await store.append(rows=[reply, ReplyRemoved(question=1, key="m1"), ReplyRemoved(question=1, key="never")])

    async def test_numbers_go_on_where_they_ended(self, store: Store) -> None:
        assert await store.highest_ids() == (0, 0)
        await store.append(rows=[run_opened(4), run_opened(9), question_opened(12, 4)])
        assert await store.highest_ids() == (9, 12)
