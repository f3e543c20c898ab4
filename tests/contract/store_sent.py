"""Contract of rate samples: the calls of the last minute."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.run.records import CallUsageRecorded
from orchestrator_bridge.store.interface import RateSample, Store
from tests.contract.store_values import booked, run_opened


def begun(action: str, at: float, expected: int) -> CallUsageRecorded:
    return replace(booked(1, action, None), state="reserved", expected=expected, at=at)


class SentContract:
    async def test_calls_sent_after_a_moment_are_listed_in_order_with_the_tokens_that_were_reported(self, store: Store) -> None:
        usage = Usage(input=90, output=20)
        calls = [begun("early", 10.0, 500), begun("b", 32.0, 700), begun("a", 31.0, 500)]
        await store.append(rows=[run_opened(1), *calls])
        await store.append(rows=[replace(booked(1, action, "0.1", usage=usage), at=40.0) for action in ("early", "a")])
        assert await store.rate_samples(30.0) == [
            RateSample(model="grok", tokens=110, at=31.0),
            RateSample(model="grok", tokens=700, at=32.0),
        ]
        assert await store.rate_samples(31.0) == [RateSample(model="grok", tokens=700, at=32.0)]

    async def test_a_call_that_failed_or_was_lost_counts_as_what_was_expected_of_it(self, store: Store) -> None:
        failed = replace(booked(1, "a", None), state="failed", at=40.0)
        await store.append(rows=[run_opened(1), begun("a", 31.0, 500), begun("b", 32.0, 700)])
        await store.append(rows=[failed, replace(failed, action="b", state="unknown")])
        assert [rate_sample.tokens for rate_sample in await store.rate_samples(30.0)] == [500, 700]
