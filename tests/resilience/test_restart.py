"""Results that a restart must not change: a bot is stopped between transactions and started again while the clock stands still.

`test_kill.py` kills a real process at random moments; here every moment is chosen.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.model.interface import Request, Response
from tests.resilience.harness.function_model import ask, asks_then_answers, says, used
from tests.resilience.harness.in_process_bot import InProcessBot, in_process_bot


def two_agents(request: Request) -> Response:
    """`one` asks and waits, `two` asks twice and waits for the second outcome only; both answer and vote for `one`."""
    if request.agent == "two" and not used(request, "ask_others"):
        return says(ask("Which colour?", wait=False), ask("Which shape?"))
    return asks_then_answers(request)


def answer_at_once(bot: InProcessBot) -> None:
    """Ana answers every question as soon as it stands in the channel."""
    answered: set[str] = set()
    ring = bot.world.changed

    def changed() -> None:
        ring()
        for card in bot.of_kind("question_card"):
            if card.has_thread and card.id not in answered:
                answered.add(card.id)
                bot.world.say("ana", card.channel, card.id, "2, because we know it")

    bot.world.changed = changed


async def outcome(bot: InProcessBot) -> tuple[object, ...]:
    """Result of a run, without its course."""
    state = await bot.state()
    assert state.end is not None
    questions = {
        question.ask.question: (
            question.outcome.status,
            question.outcome.decision,
            question.outcome.decided_by,
            bot.closed(question.id),
        )
        for question in state.questions.values()
        if question.outcome is not None
    }
    answers = {answer.text for answer in state.answers}
    finals = [message.text for message in bot.of_kind("final_answer")]
    return state.end.status, state.end.text, questions, answers, len(finals)


async def uninterrupted(folder: Path) -> tuple[tuple[object, ...], int]:
    async with in_process_bot(folder, play=two_agents, names=("one", "two")) as bot:
        answer_at_once(bot)
        async with bot.life():
            bot.begin()
            await bot.ended()
            return await outcome(bot), bot.store.writes


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
async def test_a_run_interrupted_at_any_transaction_has_the_same_result(tmp_path: Path, after: bool) -> None:
    expected, writes = await uninterrupted(tmp_path)
    assert writes > 20
    for cut in range(1, writes + 1):
        folder = tmp_path / f"cut-{cut}"
        async with in_process_bot(folder, play=two_agents, names=("one", "two")) as bot:
            answer_at_once(bot)
            async with bot.life(cuts_at=cut, after=after):
                bot.begin()
                await bot.cut()
            async with bot.life():
                await bot.ended()
                assert await outcome(bot) == expected, f"cut at write {cut}"
                assert not bot.doubles(), f"cut at write {cut}"
                assert not await bot.store.pending_posts()
                assert not await bot.store.unhandled_events()


async def test_a_run_restarted_after_every_few_transactions_has_the_same_result(tmp_path: Path) -> None:
    expected, _ = await uninterrupted(tmp_path)
    async with in_process_bot(tmp_path / "often", play=two_agents, names=("one", "two")) as bot:
        answer_at_once(bot)
        bot.begin()
        lives = 0
        while not bot.of_kind("final_answer"):
            lives += 1
            async with bot.life(cuts_at=1 + lives % 4):  # what was not acknowledged comes again and is a write too
                await bot.cut()
        async with bot.life():
            await bot.ended()
            assert await outcome(bot) == expected
            assert not bot.doubles()
        assert lives > 8
