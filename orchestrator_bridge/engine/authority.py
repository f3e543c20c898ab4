"""Facts for `team.authority.decide`: asks the platforms who a person is and what they can see, and compares people.

A person who acts in the channel of a run can see it; only for other places the platform is asked.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from orchestrator_bridge.chat.adapter import Standing, SupportsStanding
from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.engine.platforms import Platforms
from orchestrator_bridge.engine.run_states import RunStates
from orchestrator_bridge.question.transitions import is_asked, roles_allowed_to_answer
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Store, Viewer
from orchestrator_bridge.team.authority import Act, Facts, Verdict, decide, effective_membership
from orchestrator_bridge.team.directory import Directory, Permission

_LOG = logging.getLogger(__name__)

HIGHEST_NUMBER = 2**53
"""Numbers of questions are below this; a number that people or platforms send may be any integer."""

STANDING_TIMEOUT = 10.0
"""Seconds in which a platform must say who a person is; without an answer that is unknown, and refused."""

NOTHING_KNOWN = Standing()

OPERATOR = Standing(membership="member", sees=True)
"""The user of a local platform sits at the machine that holds every run."""

_PERMISSIONS: dict[Act, Permission] = {
    Act.START_RUN: "start",
    Act.SELECT_MODEL: "pick",
    Act.SEE_ALL_COSTS: "costs",
    Act.CANCEL_RUN: "cancel",
    Act.FINISH_RUN: "cancel",
    Act.REPLACE_DECISION: "cancel",
    Act.CANCEL_QUESTION: "cancel",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """A person, and the place in which they act."""

    person: Author
    here: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionAccess:
    """Decision if a person may know of a question. `run` is its run, `standing` what the run judges the person's acts by.

    A question that does not exist is `HIDDEN`.
    """

    verdict: Verdict
    run: int = 0
    standing: Standing = NOTHING_KNOWN


class Authority:
    """Decides what people may do, in new places and on runs and questions.

    Raises:
        StoreError: the run of a question cannot be read.
    """

    def __init__(self, store: Store, states: RunStates, platforms: Platforms, directory: Directory) -> None:
        self._store = store
        self._states = states
        self._platforms = platforms
        self._directory = directory

    async def in_place(self, act: Act, actor: Actor, place: Place) -> Verdict:
        """Decide on something new in a place, or on all places (`SEE_ALL_COSTS`)."""
        standing = await self.standing(actor, place)
        return decide(act, self._facts(act, actor, standing))

    async def on_run(self, act: Act, actor: Actor, run: RunState) -> Verdict:
        """Decide on an act on a run."""
        standing = await self.standing(actor, run.place)
        facts = self._facts(act, actor, standing, own=self._is_requester(actor.person, run))
        return decide(act, facts)

    async def on_question(self, number: int, actor: Actor) -> QuestionAccess:
        """Decide if a person may know of the question with this number, which may be any integer."""
        known = await self._store.question(number) if 0 < number < HIGHEST_NUMBER else None
        run = await self._states.get(known.run) if known is not None else None
        question = run.questions.get(number) if run is not None else None
        if run is None or question is None:
            return QuestionAccess(verdict=Verdict.HIDDEN)
        standing = await self.standing(actor, run.place)
        responder = self._directory.with_roles(actor.person, run.place, roles_allowed_to_answer(question), standing.membership)
        own, asked = self._is_requester(actor.person, run), is_asked(question, responder)
        facts = self._facts(Act.SEE_QUESTION, actor, standing, own=own, asked=asked)
        return QuestionAccess(verdict=decide(Act.SEE_QUESTION, facts), run=run.run, standing=standing)

    async def viewer(self, act: Act, actor: Actor) -> Viewer:
        """The runs (`SEE_RUN`) or questions (`SEE_QUESTION`) that a list shows a person.

        Of the channel in which they act these are those that they may see there; of other channels, those that are theirs or ask
        them.
        """
        here = decide(act, self._facts(act, actor, await self.standing(actor, actor.here)))
        person = actor.person
        roles = (f"{person.platform}:{role}" for role in person.roles)
        return Viewer(
            place=actor.here if here is Verdict.ALLOWED else None,
            persons=tuple(f"{platform}:{id_}" for platform, id_ in self._directory.accounts(person)),
            asked_as=(self._directory.responder(person).id, *roles),
        )

    async def standing(self, actor: Actor, place: Place) -> Standing:
        """Facts of a place's platform about a person. Without a platform that can be asked, people see where they act."""
        person = actor.person
        if self._directory.is_local(person.platform):
            return OPERATOR
        adapter = self._platforms.by_name.get(place.platform)
        if person.platform != place.platform or not isinstance(adapter, SupportsStanding):
            is_here = (actor.here.platform, actor.here.channel) == (place.platform, place.channel)
            return Standing(membership="member", sees=is_here)
        try:
            async with asyncio.timeout(STANDING_TIMEOUT):
                return await adapter.standing(person, place)
        except TimeoutError:
            _LOG.error("%s did not say in time who %s is and what they can see, so they were refused", place.platform, person.id)
        except Exception:
            _LOG.exception("%s could not be asked who %s is, so they were refused", place.platform, person.id)
        return NOTHING_KNOWN

    def _is_requester(self, person: Author, run: RunState) -> bool:
        return self._directory.responder(person).id == self._directory.responder(run.by).id

    def _facts(self, act: Act, actor: Actor, standing: Standing, *, own: bool = False, asked: bool = False) -> Facts:
        named = self._directory.is_named(actor.person)
        return Facts(
            standing=standing,
            own=own,
            asked=asked,
            named=named,
            permitted=self._is_permitted(act, actor, standing, named=named),
            in_direct_messages=actor.here.channel.startswith("@"),
        )

    def _is_permitted(self, act: Act, actor: Actor, standing: Standing, *, named: bool) -> bool:
        permission = _PERMISSIONS.get(act)
        if permission is None or (act is Act.SEE_ALL_COSTS and self._directory.is_local(actor.person.platform)):
            return True
        return self._directory.may(actor.person, permission, actor.here, effective_membership(standing, named=named))
