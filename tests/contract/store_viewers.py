"""Contract of visibility: the runs and questions that a viewer in a channel may see."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.store.interface import Store, Viewer
from tests.contract.store_values import CHANNEL, booked, question_opened, run_opened

PRIVATE = Place(platform="fake", channel="private")
BO = Viewer(place=CHANNEL, persons=("fake:bo", "other:bo"), asked_as=("bo", "fake:backend"))


class ViewerContract:
    async def test_of_other_channels_a_viewer_sees_her_own_runs_and_their_questions(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1)])
        await store.append(rows=[replace(run_opened(2), place=PRIVATE, person="fake:ana"), question_opened(2, 2)])
        await store.append(rows=[replace(run_opened(3), place=PRIVATE, person="fake:bo"), question_opened(3, 3)])
        assert [run.run for run in await store.runs(viewer=BO)] == [3, 1]
        assert [run.run for run in await store.runs(viewer=replace(BO, place=PRIVATE))] == [3, 2]
        assert [run.run for run in await store.runs(status="running", viewer=BO)] == [3, 1]
        assert [question.question for question in await store.questions(viewer=BO)] == [3, 1]
        assert await store.question(2, BO) is None
        seen = await store.question(1, BO)
        assert seen is not None
        assert seen.question == 1

    async def test_a_viewer_sees_what_asks_her_or_a_role_of_hers_wherever_it_stands(self, store: Store) -> None:
        await store.append(rows=[replace(run_opened(1), place=PRIVATE)])
        asks = {1: ("ana", "bo"), 2: ("fake:backend",), 3: ("ana",), 4: ("bobby",), 5: ()}
        await store.append(rows=[replace(question_opened(ask, 1), people=people) for ask, people in asks.items()])
        assert [question.question for question in await store.questions(status="open", viewer=BO)] == [2, 1]
        assert await store.question(4, BO) is None

    async def test_what_a_viewer_may_not_see_takes_no_place_in_a_list(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1)])
        await store.append(rows=[replace(run_opened(2), place=PRIVATE), *(question_opened(number, 2) for number in range(2, 9))])
        assert [question.question for question in await store.questions(limit=1, viewer=BO)] == [1]
        assert [run.run for run in await store.runs(limit=1, viewer=BO)] == [1]

    async def test_costs_for_a_viewer_are_those_of_the_runs_that_they_may_see(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), booked(1, "a", "0.1")])
        await store.append(rows=[replace(run_opened(2), place=PRIVATE, person="fake:ana"), booked(2, "a", "0.1")])
        await store.append(rows=[replace(run_opened(3), place=PRIVATE, person="fake:bo"), booked(3, "a", "0.1")])
        assert [line.run for line in await store.costs(viewer=BO)] == [3, 1]
        assert await store.costs(2, BO) == []
        assert [line.key for line in await store.spending("run", viewer=BO)] == ["3", "1"]
        assert [line.calls for line in await store.spending("model", viewer=BO)] == [2]

    async def test_a_viewer_without_a_channel_sees_only_their_own_runs_of_any_account_and_what_asks_them(
        self, store: Store
    ) -> None:
        await store.append(rows=[run_opened(1), question_opened(1, 1)])
        await store.append(rows=[replace(run_opened(2), person="other:bo"), question_opened(2, 2)])
        await store.append(rows=[replace(question_opened(3, 1), people=("bo",))])
        nowhere = replace(BO, place=None)
        assert [run.run for run in await store.runs(viewer=nowhere)] == [2]
        assert [question.question for question in await store.questions(viewer=nowhere)] == [3, 2]
