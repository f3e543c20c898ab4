"""Contract of access tokens for external agents, and of the runs and questions that use them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from orchestrator_bridge.chat.inbound import ExternalAgent, Place
from orchestrator_bridge.run.records import (
    OutcomeDelivered,
    QuestionClosed,
    Record,
    RunClosed,
    RunOpened,
    TokenCreated,
    TokenRevoked,
)
from orchestrator_bridge.store.interface import Conflict, ExternalQuestionSummary, ExternalRun, Store, StoredToken, TokenActivity
from tests.contract.store_values import CHANNEL, booked, question_opened, run_opened


def made(name: str = "laptop", hash_: str = "h1") -> TokenCreated:
    return TokenCreated(name=name, hash=hash_, terms="{}", at=1.0)


def came(
    run: int, *, token: str = "laptop", agent: str = "coder", asks: bool = False, wish: str = "", at: float = 10.0
) -> RunOpened:
    return replace(run_opened(run, at), outside=ExternalAgent(token=token, agent=agent, asks=asks, wish=wish))


class OutsideContract:
    """Tokens, and what came through them."""

    async def test_a_token_is_known_until_it_is_withdrawn_and_after(self, store: Store) -> None:
        await store.append(rows=[made(), made("desk", "h2")])
        await store.append(rows=[TokenRevoked(name="laptop", at=5.0)])
        assert await store.tokens() == [
            StoredToken(name="desk", hash="h2", terms="{}", made_at=1.0),
            StoredToken(name="laptop", hash="h1", terms="{}", made_at=1.0, withdrawn_at=5.0),
        ]

    async def test_only_the_name_of_a_withdrawn_token_can_be_taken_again(self, store: Store) -> None:
        await store.append(rows=[made()])
        with pytest.raises(Conflict):
            await store.append(rows=[made(hash_="h2")])
        await store.append(rows=[TokenRevoked(name="laptop", at=5.0)])
        with pytest.raises(Conflict):
            await store.append(rows=[TokenRevoked(name="laptop", at=6.0)])
        await store.append(rows=[made(hash_="h2")])
        assert [(token.hash, token.withdrawn_at) for token in await store.tokens()] == [("h2", None)]

    async def test_what_came_through_a_token_is_counted_since_a_moment(self, store: Store) -> None:
        asked = [replace(question_opened(number, 1), at=at) for number, at in ((1, 5.0), (2, 20.0), (3, 21.0))]
        others: list[Record] = [came(4, token="desk", asks=True), question_opened(9, 4), run_opened(5), question_opened(8, 5)]
        await store.append(rows=[came(1, asks=True), *asked, came(2, at=5.0), came(3, at=20.0), *others])
        await store.append(rows=[QuestionClosed(question=2, status="answered", line="", at=22.0)])
        await store.append(rows=[replace(booked(2, "a", "0.5"), at=5.0), replace(booked(3, "a", "0.2"), at=20.0)])
        await store.append(rows=[replace(booked(1, "b", None), state="reserved", reserved=Decimal("0.1"), at=21.0)])
        assert await store.token_activity("laptop", 10.0) == TokenActivity(open=(1, 3), asked=2, runs=1, cost=Decimal("0.3"))
        assert await store.token_activity("nobody", 0.0) == TokenActivity()
        assert (await store.token_activity("", 0.0)).asked == 0

    async def test_what_an_agent_asked_in_a_place_is_found_newest_first(self, store: Store) -> None:
        elsewhere = replace(came(2, asks=True), place=Place(platform="fake", channel="random"))
        coder = [replace(question_opened(number, run), agent="coder") for number, run in ((1, 1), (2, 2), (3, 1))]
        await store.append(rows=[came(1, asks=True), elsewhere, *coder, question_opened(4, 1)])
        await store.append(
            rows=[QuestionClosed(question=1, status="answered", line="", at=22.0), OutcomeDelivered(question=1, at=23.0)]
        )
        assert await store.external_questions("laptop", "coder", CHANNEL, 0.0) == [
            ExternalQuestionSummary(question=3, run=1, text="question 3?", status="open", told=False),
            ExternalQuestionSummary(question=1, run=1, text="question 1?", status="answered", told=True),
        ]
        assert await store.external_questions("laptop", "coder", CHANNEL, 2.0) == []
        assert await store.external_questions("laptop", "other", CHANNEL, 0.0) == []

    async def test_runs_that_a_token_started_are_found_with_the_wish(self, store: Store) -> None:
        await store.append(rows=[came(1, wish="k"), came(2, asks=True), came(3), came(4, token="desk"), run_opened(5)])
        await store.append(rows=[RunClosed(run=3, status="finished", result="", at=9.0)])
        assert [
            (external.run, external.outside.wish, external.status) for external in await store.external_runs("laptop", 0.0)
        ] == [
            (3, "", "finished"),
            (1, "k", "running"),
        ]
        assert await store.external_runs("laptop", 11.0) == []

    async def test_live_runs_of_external_agents_are_found(self, store: Store) -> None:
        await store.append(rows=[came(1, asks=True), came(2, asks=True), came(3), run_opened(4)])
        await store.append(rows=[RunClosed(run=1, status="finished", result="", at=9.0)])
        outside = ExternalAgent(token="laptop", agent="coder", asks=True)
        assert await store.external_question_runs() == [
            ExternalRun(run=2, outside=outside, place=CHANNEL, team="demo", task="task 2", status="running", started_at=10.0)
        ]
