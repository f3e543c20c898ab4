"""Who looks at App Home, so that the page follows what is done on it and what becomes of the questions that it shows.

Slack keeps a page until it is drawn anew, and says only that somebody has opened it. What is kept here is kept for this life of
the bot; a page of an earlier one is drawn when it is opened again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.slack.home import HomeState
from orchestrator_bridge.chat import CommandReceived, ControlUsed, InboundEvent, PrivateReply, QuestionCard

REMEMBERED = 500
"""People whose pages are followed, those who looked last."""

HOME_PREFIX = "home:"
"""What the interactions begin with that come from the page."""


@dataclass(slots=True)
class _HomeTab:
    """Somebody's page: what it shows, and the numbers of the questions on it."""

    state: HomeState
    questions: frozenset[int] = frozenset()
    reply: PrivateReply | None = None
    awaits_run: bool = False
    """A task was given on it, whose run is still to be seen."""


class HomeTabs:
    """The pages that are looked at. `draw(user, shown)` has one drawn anew."""

    def __init__(self, publish: Callable[[str, HomeState], Awaitable[None]]) -> None:
        self._publish = publish
        self._tabs: OrderedDict[str, _HomeTab] = OrderedDict()

    def opened(self, user: str, shown: HomeState) -> None:
        """Somebody looks at her page, or does something on it."""
        page = self._tabs.setdefault(user, _HomeTab(shown))
        page.state = shown
        self._tabs.move_to_end(user)
        if len(self._tabs) > REMEMBERED:
            self._tabs.popitem(last=False)

    def rendered(self, user: str, reply: PrivateReply) -> PrivateReply | None:
        """Somebody's page is drawn with this; what became of what she did last is told with it, once."""
        page = self._tabs.get(user)
        if page is None:
            return None
        cards = (card for table in reply.tables for card in table.cards if card is not None)
        page.questions = frozenset(card.question for card in cards)
        said, page.reply = page.reply, None
        return said

    async def show_reply(self, user: str, reply: PrivateReply) -> bool:
        """What became of something that was done on a page: it is said there. False: nobody looks at it any more."""
        page = self._tabs.get(user)
        if page is None:
            return False
        page.reply = reply
        await self._publish(user, page.state)
        return True

    def task_given(self, user: str) -> None:
        """Somebody gives a task on her page."""
        if user in self._tabs:
            self._tabs[user].awaits_run = True

    async def run_posted(self) -> None:
        """A run's card was posted: the pages on which a task was given follow."""
        for user, page in list(self._tabs.items()):
            if page.awaits_run:
                page.awaits_run = False
                await self._publish(user, page.state)

    async def question_changed(self, card: QuestionCard) -> None:
        """A question was posted, has changed, or has ended: the pages of those whom it asks, and those that show it, follow."""
        asked = {one.id for one in card.mentions}
        for user, page in list(self._tabs.items()):
            if card.question in page.questions or (card.closed is None and user in asked):
                await self._publish(user, page.state)


def is_from_home(event: InboundEvent) -> bool:
    """Whether something was done on App Home."""
    return isinstance(event, ControlUsed | CommandReceived) and event.interaction.startswith(HOME_PREFIX)
