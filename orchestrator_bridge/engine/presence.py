"""Presence of the people whom open questions ask: somebody who has left the server or workspace is no longer waited for.

A platform may report that somebody leaves (`PersonLeft`); many do not, or not always. So the people of a question are also looked
up when its card is posted, when they are reminded, when others are asked, and after a start. What is not known changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from orchestrator_bridge.chat.adapter import SupportsPresence
from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.engine.mailbox import Mailbox
from orchestrator_bridge.engine.platforms import Platforms
from orchestrator_bridge.engine.recovery import HistorySync
from orchestrator_bridge.engine.run_states import RunStates
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.quorum import pending_deciders
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import OpenDeadline, StoreError

_LOG = logging.getLogger(__name__)


class PresenceCheck:
    """Looks up the people of open questions, and tells the runs who is gone."""

    def __init__(self, *, mailbox: Mailbox, platforms: Platforms, states: RunStates, history: HistorySync) -> None:
        self._mailbox = mailbox
        self._platforms = platforms
        self._states = states
        self._history = history
        self._checks = BackgroundTasks("the people of a question could not be looked up")

    def follow(self, state: RunState, events: Sequence[e.Event]) -> None:
        """Check the questions of a run that ask or remind people by these events, which are stored."""
        for event in events:
            match event:
                case e.QuestionPosted() | e.Reminded() | e.Escalated() | e.Woken() | e.Passed(gone=False):
                    self.start(state, event.question)
                case e.Replied() if event.mentions:
                    self.start(state, event.question)
                case _:
                    pass

    def start(self, state: RunState, number: int) -> None:
        """Check a question in the background."""
        question = state.questions.get(number)
        if question is not None and question.open and number not in self._checks:
            self._checks.start(self._check(state.run, question), number)

    async def check_all(self, deadlines: Sequence[OpenDeadline]) -> None:
        """Check the open questions of an earlier process, one after the other: people may have left meanwhile."""
        for deadline in deadlines:
            try:
                question = (await self._states.get(deadline.run)).questions[deadline.question]
            except (StoreError, LookupError, ValueError) as error:
                _LOG.info("the people of question %s are not looked up: %s", deadline.question, error)
            else:
                await self._check(deadline.run, question)

    async def stop(self) -> None:
        """Stop looking up; the next start checks all open questions."""
        await self._checks.stop()

    async def _check(self, run: int, question: Question) -> None:
        """Tell a run who of a question's people is gone, once everything that they wrote before is known."""
        absent = await self._absent(question) if question.open else ()
        if not absent:
            return
        try:
            await self._history.sync_question(question)
        except StoreError as error:  # the next check finds them gone too
            _LOG.warning("question %s still waits for people who are gone: %s", question.id, error)
        else:
            self._mailbox.deliver(run, inputs.PeopleAbsent(question=question.id, people=absent))

    async def _absent(self, question: Question) -> tuple[tuple[str, str], ...]:
        delivery = question.delivery
        adapter = self._platforms.by_name.get(delivery.place.platform) if delivery is not None else None
        if delivery is None or not isinstance(adapter, SupportsPresence):
            return ()
        found = []
        for person in pending_deciders(question):
            author = question.author(person.id)
            if author is not None and author.platform == delivery.place.platform:
                place = _card_place(question, person.id, author, delivery.place)
                found.append((person.id, await self._absence(adapter, author, place)))
        return tuple((id_, why) for id_, why in found if why)

    async def _absence(self, adapter: SupportsPresence, person: Author, place: Place) -> str:
        try:
            return await adapter.absence(person, place)
        except Exception:
            _LOG.exception("%s could not be asked if %s is still there", place.platform, person.id)
            return ""


def _card_place(question: Question, responder: str, person: Author, home: Place) -> Place:
    """The place in which a person sees a question: their direct messages if they get a copy there, else its channel."""
    gets_copy = question.policy.direct and responder not in question.here
    return replace(home, channel=f"@{person.id}", thread=None) if gets_copy else home
