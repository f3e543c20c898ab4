"""The next turn of a conversation: a message in the thread of a run that has ended, by the rules of the team's `follow_up`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

from bot.commands.dispatch import ChatCommands
from bot.commands.models import ModelSelections
from bot.config.team_schema import TeamFile
from orchestrator_bridge.chat.inbound import Author, CommandReceived, MessageReceived
from orchestrator_bridge.chat.outbound import FinalAnswer, Note, PrivateReply, RunCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.run.events import RunStarted
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Permissions, PersonSpec
from tests.engine.test_cancel import no_shelf
from tests.support.clock import ManualClock
from tests.support.failing_store import FULL, FailingStore, open_failing_store, refuse_event
from tests.support.fake_models.players import asking_behaviour, team_behaviour
from tests.support.fake_models.replies import Behaviour, ModelCall, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, prompt_text, start_engine, team

BEN = Author(platform="list", id="ben", name="Ben")
FollowUps = Literal["mention", "any", "off"]


@dataclass
class Conversation:
    """A bot, and people who write in the thread of run 1."""

    engine: Engine
    platform: ListPlatform
    store: FailingStore
    asked: list[ModelCall]
    said: int = 0

    async def says(
        self, text: str, *, addressed: bool = True, by: Author = ANA, at: float | None = None, edit: str = "", again: bool = False
    ) -> None:
        """A person writes in the thread; `again` repeats the number of the message before."""
        self.said += not again
        await self.platform.deliver(
            MessageReceived(
                place=replace(PLACE, thread=self.thread),
                message=f"s{self.said}",
                author=by,
                text=text,
                at=self.platform.now if at is None else at,
                edit=edit,
                addressed=addressed,
            )
        )

    @property
    def thread(self) -> str:
        number = next(number for number, sent in enumerate(self.platform.sent, 1) if isinstance(sent.post, RunCard))
        return f"p{number}"

    async def run(self, number: int) -> RunState:
        state = await self.engine.run(number)
        assert state is not None
        return state

    async def settled(self) -> None:
        await self.engine.wait_finished()

    @property
    def replies(self) -> list[PrivateReply]:
        return [reply for _, reply in self.platform.private_replies]

    def texts(self, kind: type[FinalAnswer] | type[Note]) -> list[str]:
        return [sent.post.text for sent in self.platform.sent if isinstance(sent.post, kind)]


@asynccontextmanager
async def bot(
    file: Path,
    server: ModelServer,
    asked: list[ModelCall],
    *,
    follow_up: FollowUps = "mention",
    directory: Directory | None = None,
) -> AsyncIterator[Conversation]:
    """A bot whose team file has one team; `asked` collects its model calls."""
    clock = ManualClock()
    store = await open_failing_store(file, clock)
    house = team("one").model_copy(update={"name": "house", "follow_up": follow_up})
    team_file = TeamFile.model_validate({"team": {"house": house.model_dump(exclude={"name"})}})
    models = ModelClient(own={"local": ModelSpec(base_url=server.url, id="local", input="3", output="7")})
    directory = directory or Directory()
    commands = ChatCommands(store, team_file, models, directory, ModelSelections(store), no_shelf)
    platform = ListPlatform(clock)

    async def obey(engine: Engine, command: CommandReceived) -> PrivateReply | None:
        commands.engine = engine
        return await commands.handle(command)

    async with start_engine(
        file,
        server,
        platform,
        clock=clock,
        store=store,
        directory=directory,
        handle_command=obey,
        handle_follow_up=commands.follow_up,
        models=models,
    ) as engine:
        commands.engine = engine
        yield Conversation(engine, platform, store, asked)


def recording(asked: list[ModelCall], play: Behaviour) -> Behaviour:
    def player(call: ModelCall) -> ScriptedReply:
        asked.append(call)
        return play(call)

    return player


@asynccontextmanager
async def ended_run(
    folder: Path,
    play: Behaviour = team_behaviour,
    *,
    follow_up: FollowUps = "mention",
    directory: Directory | None = None,
) -> AsyncIterator[Conversation]:
    """Run 1 of Ana's has ended."""
    asked: list[ModelCall] = []
    async with (
        ModelServer(recording(asked, play)) as server,
        bot(folder / "t.db", server, asked, follow_up=follow_up, directory=directory) as talk,
    ):
        await talk.platform.person_commands("ask", "Choose a database")
        await talk.settled()
        assert isinstance(talk.platform.clock, ManualClock)
        talk.platform.clock.advance(60)
        yield talk


async def test_a_mention_in_the_thread_starts_the_next_turn_there_with_all_that_came_before(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as talk:
        await talk.says("the operators prefer one file", addressed=False, by=BEN)
        await talk.says("And which backup?")
        await talk.settled()
        second = await talk.run(2)
        first = await talk.run(1)
        assert second.task == "And which backup?"
        assert (second.by, second.team.name) == (ANA, "house")
        assert second.continues is not None
        assert (second.continues.run, second.continues.first, second.continues.thread) == (1, 1, talk.thread)
        prompt = prompt_text(talk.asked[-1])
        assert first.end is not None
        for text in ("Choose a database", first.end.text, "Ben: the operators prefer one file", "And which backup?"):
            assert text in prompt
        cards = [(sent.place.thread, sent.post.continues) for sent in talk.platform.sent if isinstance(sent.post, RunCard)]
        assert set(cards[-2:]) == {(talk.thread, 1)}
        assert talk.platform.sent[-1].place.thread == talk.thread
        how = talk.platform.final_answers[-1].how
        assert "This turn $0.0" in how
        assert ", the conversation $0.0" in how
        assert not await talk.store.unhandled_events()


async def test_settled_questions_and_who_decided_them_are_part_of_the_next_turn(tmp_path: Path) -> None:
    async with ended_run(tmp_path, first_asks) as talk:
        await talk.platform.person_says("2", question=1)
        await talk.settled()
        assert isinstance(talk.platform.clock, ManualClock)
        talk.platform.clock.advance(60)
        await talk.says("And which backup?")
        await talk.settled()
        second = await talk.run(2)
        assert second.continues is not None
        (decision,) = second.continues.turns[0].decisions
        assert decision.outcome == "Answered by Ana: SQLite"
        assert "Answered by Ana: SQLite" in prompt_text(talk.asked[-1])


def first_asks(asked: ModelCall) -> ScriptedReply:
    return team_behaviour(asked) if "earlier_turn" in prompt_text(asked) else asking_behaviour(asked)


@pytest.mark.parametrize("text", ["thanks!", "Danke, super", "👍"])
async def test_thanks_cost_nothing(tmp_path: Path, text: str) -> None:
    async with ended_run(tmp_path) as talk:
        calls = len(talk.asked)
        await talk.says(text)
        await talk.settled()
        assert await talk.engine.run(2) is None
        assert (len(talk.asked), talk.replies) == (calls, [])
        assert not await talk.store.unhandled_events()


async def test_other_words_in_the_thread_start_nothing_and_say_how_to_go_on(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as talk:
        await talk.says("Compare it with MySQL", addressed=False)
        await talk.settled()
        assert await talk.engine.run(2) is None
        assert talk.platform.acknowledgements[-1].text == (
            "This run has ended. To go on from its answer, mention me in a message here; for a new task, use `/ask`."
        )


async def test_any_message_starts_the_next_turn_where_the_team_wants_it_and_an_unclear_one_asks_first(tmp_path: Path) -> None:
    async with ended_run(tmp_path, follow_up="any") as talk:
        await talk.says("backups on another disk", addressed=False)
        await talk.settled()
        assert await talk.engine.run(2) is None
        offer = talk.replies[-1]
        assert offer.confirm is not None
        assert offer.alternative is not None
        assert (offer.confirm.label, offer.alternative.label) == ("Continue run 1", "Start anew")
        await talk.says("Compare it with MySQL, please", addressed=False)
        await talk.settled()
        assert (await talk.run(2)).task == "Compare it with MySQL, please"


@pytest.mark.parametrize(("text", "starts"), [("why?", True), ("backups on another disk", False)])
async def test_a_question_to_the_bot_starts_at_once_and_other_words_ask_first(tmp_path: Path, text: str, starts: bool) -> None:
    async with ended_run(tmp_path) as talk:
        await talk.says(text)
        await talk.settled()
        assert (await talk.engine.run(2) is not None) is starts
        assert [reply.confirm is not None for reply in talk.replies] == ([] if starts else [True])


async def test_a_team_can_switch_it_off(tmp_path: Path) -> None:
    async with ended_run(tmp_path, follow_up="off") as talk:
        await talk.says("Compare it with MySQL")
        await talk.settled()
        assert await talk.engine.run(2) is None
        assert talk.platform.acknowledgements[-1].text == "This run has ended. Start another with `/ask`."


async def test_an_edit_starts_nothing(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as talk:
        await talk.says("Compare it with MySQL", addressed=False)
        await talk.says("Compare it with MySQL @bot", edit="1", again=True)
        await talk.settled()
        assert await talk.engine.run(2) is None
        assert "an edit starts nothing" in talk.platform.acknowledgements[-1].text


async def test_two_messages_at_once_are_one_turn_and_guidance_for_it(tmp_path: Path) -> None:
    async with ended_run(tmp_path, asking_behaviour) as talk:
        await talk.platform.person_says("1", question=1)
        await talk.settled()
        assert isinstance(talk.platform.clock, ManualClock)
        talk.platform.clock.advance(60)
        await talk.says("Compare it with MySQL")
        await talk.says("and with MariaDB", addressed=False)
        await talk.says("Oracle is out")
        await talk.settled()
        assert await talk.engine.run(3) is None
        second = await talk.run(2)
        guidance = [message.text for message in second.messages if message.kind == "guidance"]
        assert guidance == ["and with MariaDB", "Oracle is out"]


async def test_the_third_turn_follows_on_the_second_in_the_same_thread(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as talk:
        for number, text in ((2, "And which backup?"), (3, "How often, then?")):
            await talk.says(text)
            await talk.settled()
            assert isinstance(talk.platform.clock, ManualClock)
            talk.platform.clock.advance(60)
            state = await talk.run(number)
            assert state.continues is not None
            assert (state.continues.run, state.continues.first) == (number - 1, 1)
        third = (await talk.run(3)).continues
        assert third is not None
        assert [turn.run for turn in third.turns] == [1, 2]
        assert {sent.place.thread for sent in talk.platform.sent if isinstance(sent.post, FinalAnswer)} == {talk.thread}


async def test_words_written_before_the_end_ask_first(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as talk:
        await talk.says("Compare it with MySQL", at=1.0)
        await talk.settled()
        assert await talk.engine.run(2) is None
        assert talk.replies[-1].confirm is not None


async def test_a_person_who_may_not_start_runs_may_not_continue_one(tmp_path: Path) -> None:
    directory = Directory({"ana": PersonSpec(ids={"list": "ana"})}, permissions=Permissions(start=("@ana",)))
    async with ended_run(tmp_path, directory=directory) as talk:
        await talk.says("Compare it with MySQL", by=BEN)
        await talk.settled()
        assert await talk.engine.run(2) is None
        assert "You are not allowed to start runs here" in talk.replies[-1].text


@pytest.mark.parametrize(("choice", "continues"), [("confirm", True), ("alternative", False)])
async def test_a_task_given_by_command_in_the_thread_asks_whether_it_goes_on(
    tmp_path: Path, choice: str, continues: bool
) -> None:
    async with ended_run(tmp_path) as talk:
        place = replace(PLACE, thread=talk.thread)
        command = CommandReceived(
            place=place, interaction="c1", author=ANA, name="ask", text="Which backup?", at=talk.platform.now
        )
        await talk.platform.deliver(command)
        await talk.settled()
        assert await talk.engine.run(2) is None
        offer = getattr(talk.replies[-1], choice)
        chosen = replace(command, interaction="c2", name=offer.name, text=offer.text, options=offer.options)
        await talk.platform.deliver(chosen)
        await talk.settled()
        second = await talk.run(2)
        assert second.task == "Which backup?"
        assert (second.continues is not None) is continues


async def test_an_offer_that_another_turn_has_overtaken_starts_nothing(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as talk:
        await talk.says("Compare it with MySQL", at=1.0)
        await talk.settled()
        offer = talk.replies[-1].confirm
        assert offer is not None
        await talk.says("Which backup?")
        await talk.settled()
        await talk.platform.deliver(
            CommandReceived(
                place=PLACE,
                interaction="c1",
                author=ANA,
                name="ask",
                text=offer.text,
                options=offer.options,
                at=talk.platform.now,
            )
        )
        await talk.settled()
        assert await talk.engine.run(3) is None
        assert talk.replies[-1].text == "Run 2 goes on with this already. Write in its thread."


async def test_a_message_that_is_stored_but_not_begun_survives_a_crash(tmp_path: Path) -> None:
    asked: list[ModelCall] = []
    file = tmp_path / "t.db"
    async with ModelServer(recording(asked, team_behaviour)) as server:
        async with bot(file, server, asked) as talk:
            await talk.platform.person_commands("ask", "Choose a database")
            await talk.settled()
            assert isinstance(talk.platform.clock, ManualClock)
            talk.platform.clock.advance(60)
            thread = talk.thread
            talk.store.refuse = refuse_event(RunStarted, FULL)
            await talk.says("And which backup?")
            await talk.store.wait_refused()
        async with bot(file, server, asked) as talk:
            await talk.platform.until(lambda: bool(talk.platform.final_answers))
            await talk.settled()
            second = await talk.run(2)
            assert second.task == "And which backup?"
            assert second.continues is not None
            assert second.continues.thread == thread
            assert await talk.engine.run(3) is None
            assert not await talk.store.unhandled_events()


async def test_a_follow_up_keeps_the_model_that_was_named_for_its_run(tmp_path: Path) -> None:
    async with ended_run(tmp_path) as talk:
        await talk.platform.person_commands("ask", "model=local Choose a queue")
        await talk.settled()
        assert (await talk.run(2)).model == "local"
