"""Lists of runs and questions show of a channel, of one's own and of what asks one exactly what the single look-up allows."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import get_args

from orchestrator_bridge.chat.adapter import Membership
from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.engine.authority import Actor
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.store.interface import Store
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.authority import Act, Verdict
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import PersonSpec
from tests.support.authority.knowing_platform import KnowingPlatform
from tests.support.clock import ManualClock
from tests.support.fake_models.players import question, team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import PLACE, prompt_text, start_engine, team

ANA, BO, CY, DEE = (Author(platform="list", id=name, name=name.title()) for name in ("ana", "bo", "cy", "dee"))
CHANNELS = ("general", "private", "third")
DIRECTORY = Directory({"bo": PersonSpec(ids={"list": "bo"}), "cy": PersonSpec(ids={"list": "cy"})})
RUNS = ((ANA, "general", "@bo"), (BO, "private", "@cy"), (CY, "third", "@bo"), (DEE, "private", "humans"))
CASES = 400


def asks_somebody(asked: ModelCall) -> ScriptedReply:
    """Ask the person whom the task names."""
    text = prompt_text(asked)
    to = next((name for name in ("@bo", "@cy") if f"ask {name}" in text), "humans")
    if "ask_others" in asked.tools:
        return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments={**question(), "to": [to]})])
    return team_behaviour(asked)


async def check_lists(engine: Engine, store: Store, actor: Actor) -> None:
    """Compare what is listed for a person with the single decisions."""
    authority, here, person = engine.authority, actor.here.channel, actor.person.id
    listed = {run.run for run in await store.runs(viewer=await authority.viewer(Act.SEE_RUN, actor))}
    asked = {row.question for row in await store.questions(viewer=await authority.viewer(Act.SEE_QUESTION, actor))}
    runs, questions = set(), set()
    for number, (by, channel, to) in enumerate(RUNS, 1):
        state = await engine.run(number)
        assert state is not None
        (question_id,) = state.questions
        near = channel == here or by.id == person
        if near and await authority.on_run(Act.SEE_RUN, actor, state) is Verdict.ALLOWED:
            runs.add(number)
        near = near or to == f"@{person}"
        if near and (await authority.on_question(question_id, actor)).verdict is Verdict.ALLOWED:
            questions.add(question_id)
    assert (listed, asked) == (runs, questions), actor


async def test_for_random_facts_the_lists_show_what_the_single_look_ups_allow(tmp_path: Path) -> None:
    chance = random.Random(20261130)
    platform = KnowingPlatform(ManualClock())
    store = await SqliteStore.open(tmp_path / "t.db")
    async with (
        ModelServer(asks_somebody) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=platform.clock, store=store, directory=DIRECTORY) as engine,
    ):
        for by, channel, to in RUNS:
            place = replace(PLACE, channel=channel)
            await engine.start_run(task=f"ask {to}", team=team("one"), place=place, by=by)
            await engine.wait_finished()
        for _ in range(CASES):
            person = chance.choice((ANA, BO, CY, DEE))
            platform.memberships = {person.id: chance.choice(get_args(Membership))}
            platform.seen = {channel: set(chance.choice(((), (person.id,)))) for channel in CHANNELS}
            channel = chance.choice((*CHANNELS, f"@{person.id}"))
            await check_lists(engine, store, Actor(person=person, here=replace(PLACE, channel=channel)))


async def test_the_runs_of_another_account_of_the_same_person_are_listed(tmp_path: Path) -> None:
    directory = Directory({"bo": PersonSpec(ids={"list": "bo", "other": "bo2"})})
    platform = KnowingPlatform(ManualClock())
    store = await SqliteStore.open(tmp_path / "t.db")
    async with (
        ModelServer(asks_somebody) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=platform.clock, store=store, directory=directory) as engine,
    ):
        await engine.start_run(task="ask", team=team("one"), place=PLACE, by=BO)
        elsewhere = Author(platform="other", id="bo2", name="Bo")
        viewer = await engine.authority.viewer(Act.SEE_RUN, Actor(person=elsewhere, here=replace(PLACE, platform="other")))
        assert [run.run for run in await store.runs(viewer=viewer)] == [1]
