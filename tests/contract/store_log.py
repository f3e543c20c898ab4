"""Contract of event logs."""

from __future__ import annotations

import asyncio
import random

import pytest

from orchestrator_bridge.run.records import QuestionClosed
from orchestrator_bridge.store.interface import Conflict, Store
from tests.contract.store_values import guided, outgoing, question_opened, responded, run_opened


class LogContract:
    async def test_a_log_reads_back_in_order_and_from_any_position(self, store: Store) -> None:
        first, second, third = guided("one"), responded("a1"), guided("three")
        await store.append(run=7, after=0, events=[first, second])
        await store.append(run=7, after=2, events=[third])
        assert await store.log(7) == [first, second, third]
        assert await store.log(7, after=1) == [second, third]
        assert await store.log(7, after=3) == []

    async def test_a_run_that_is_not_there_has_an_empty_log(self, store: Store) -> None:
        assert await store.log(404) == []

    async def test_text_comes_back_as_it_was_written(self, store: Store) -> None:
        event = guided("naïve \u202e 🤝 \x00 'quote\"" + "x" * 200_000)
        await store.append(run=1, events=[event])
        assert await store.log(1) == [event]

    async def test_of_two_who_write_behind_the_same_position_the_second_is_stale_with_all_its_rows(self, store: Store) -> None:
        await store.append(run=1, after=0, events=[guided("mine")])
        with pytest.raises(Conflict, match="position 0"):
            await store.append(run=1, after=0, events=[guided("yours")], rows=[run_opened(1), outgoing("k")])
        assert await store.log(1) == [guided("mine")]
        assert await store.pending_posts() == []
        assert await store.highest_ids() == (0, 0)

    async def test_nobody_can_leave_a_gap(self, store: Store) -> None:
        with pytest.raises(Conflict):
            await store.append(run=1, after=3, events=[guided("far")])
        assert await store.log(1) == []

    async def test_a_position_counts_for_rows_alone_too(self, store: Store) -> None:
        await store.append(run=1, events=[guided("one")])
        with pytest.raises(Conflict):
            await store.append(run=1, after=0, rows=[outgoing("late")])
        await store.append(run=1, after=1, rows=[outgoing("right")])
        assert [pending.outgoing.key for pending in await store.pending_posts()] == ["right"]

    async def test_events_without_a_run_are_refused(self, store: Store) -> None:
        with pytest.raises(ValueError, match="run 0"):
            await store.append(events=[guided("whose?")])

    async def test_an_action_has_one_response(self, store: Store) -> None:
        await store.append(run=1, after=0, events=[responded("a1")])
        with pytest.raises(Conflict, match="'a1' of run 1"):
            await store.append(run=1, after=1, events=[responded("a1", "again")], rows=[outgoing("k")])
        await store.append(run=1, after=1, events=[responded("a2")])
        await store.append(run=2, after=0, events=[responded("a1")])
        assert len(await store.log(1)) == 2
        assert await store.pending_posts() == []

    async def test_a_run_number_is_taken_once(self, store: Store) -> None:
        await store.append(rows=[run_opened(1)])
        with pytest.raises(Conflict, match="run 1"):
            await store.append(rows=[run_opened(1), outgoing("k")])
        assert await store.pending_posts() == []

    async def test_an_append_that_fails_harms_none_that_wait_with_it(self, store: Store) -> None:
        await store.append(run=1, after=0, events=[guided("there")])
        jobs = [store.append(run=run, after=0, events=[guided("new")], rows=[outgoing(f"k{run}")]) for run in range(1, 41)]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(result) for result in results] == [Conflict] + [type(None)] * 39
        assert {pending.outgoing.key for pending in await store.pending_posts()} == {f"k{run}" for run in range(2, 41)}

    async def test_what_was_appended_is_seen_at_once(self, store: Store) -> None:
        for position in range(30):
            await store.append(run=1, after=position, events=[guided(str(position))])
            assert len(await store.log(1)) == position + 1

    @pytest.mark.parametrize("turns", range(6))
    async def test_a_cancelled_append_is_written_as_a_whole_or_not_at_all(self, store: Store, turns: int) -> None:
        tasks = [
            asyncio.create_task(store.append(run=run, events=[guided("a"), guided("b")], rows=[outgoing(f"k{run}")]))
            for run in range(1, 21)
        ]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.append(rows=[outgoing("afterwards")])
        written = {pending.outgoing.key for pending in await store.pending_posts()}
        assert "afterwards" in written
        for run in range(1, 21):
            assert len(await store.log(run)) == (2 if f"k{run}" in written else 0)

    @pytest.mark.parametrize("seed", range(3))
    async def test_many_writers_leave_gapless_logs_and_one_closer(self, store: Store, seed: int) -> None:
        crowd = _Crowd(store, random.Random(seed))
        await store.append(rows=[row for run in crowd.runs for row in (run_opened(run), question_opened(run, run))])
        await asyncio.gather(*(crowd.write(f"w{number}") for number in range(12)))
        for run in crowd.runs:
            log = await store.log(run)
            assert [len(await store.log(run, after)) for after in range(len(log))] == list(range(len(log), 0, -1))
            texts = [getattr(event, "text", "") for event in log]
            assert sorted(texts) == sorted(crowd.acknowledged[run])
            closed = await store.question(run)
            assert closed is not None
            assert [closed.line] == crowd.closers[run]


class _Crowd:
    """Writers that trip over one another in three runs, and each try to close each run's question once."""

    def __init__(self, store: Store, dice: random.Random) -> None:
        self.store = store
        self.dice = dice
        self.runs = (1, 2, 3)
        self.acknowledged: dict[int, list[str]] = {run: [] for run in self.runs}
        self.closers: dict[int, list[str]] = {run: [] for run in self.runs}

    async def write(self, name: str) -> None:
        runs = [self.dice.choice(self.runs) for _ in range(15)]
        for number, run in enumerate(runs):
            await self._say(run, f"{name}-{number}")
        for run in self.runs:
            await self._close(run, name)

    async def _say(self, run: int, text: str) -> None:
        after = len(await self.store.log(run))
        try:
            await self.store.append(run=run, after=after, events=[guided(text)])
        except Conflict:
            return
        self.acknowledged[run].append(text)

    async def _close(self, run: int, name: str) -> None:
        try:
            await self.store.append(rows=[QuestionClosed(question=run, status="answered", line=name, at=9.0)])
        except Conflict:
            return
        self.closers[run].append(name)
