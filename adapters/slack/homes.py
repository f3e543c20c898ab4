"""Who looks at App Home, so that the page follows what is done on it and what becomes of the questions that it shows.

Slack keeps a page until it is drawn anew, and says only that somebody has opened it. What is kept here is kept for this life of
the bot; a page of an earlier one is drawn when it is opened again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.slack.home import Shown
from orchestrator_bridge.chat import CommandReceived, ControlUsed, InboundEvent, PrivateReply, QuestionCard

REMEMBERED = 500
"""People whose pages are followed, those who looked last."""

AT_HOME = "home:"
"""What the interactions begin with that come from the page."""


@dataclass(slots=True)
class _Page:
    """Somebody's page: what it shows, and the numbers of the questions on it."""

    shown: Shown
    questions: frozenset[int] = frozenset()
    said: PrivateReply | None = None
    begins: bool = False
    """A task was given on it, whose run is still to be seen."""


class Homes:
    """The pages that are looked at. `draw(user, shown)` has one drawn anew."""

    def __init__(self, draw: Callable[[str, Shown], Awaitable[None]]) -> None:
        self._draw = draw
        self._pages: OrderedDict[str, _Page] = OrderedDict()

    def looks(self, user: str, shown: Shown) -> None:
        """Somebody looks at her page, or does something on it."""
        page = self._pages.setdefault(user, _Page(shown))
        page.shown = shown
        self._pages.move_to_end(user)
        if len(self._pages) > REMEMBERED:
            self._pages.popitem(last=False)

    def drawn(self, user: str, reply: PrivateReply) -> PrivateReply | None:
        """Somebody's page is drawn with this; what became of what she did last is told with it, once."""
        page = self._pages.get(user)
        if page is None:
            return None
        cards = (card for table in reply.tables for card in table.cards if card is not None)
        page.questions = frozenset(card.question for card in cards)
        said, page.said = page.said, None
        return said

    async def told(self, user: str, reply: PrivateReply) -> bool:
        """What became of something that was done on a page: it is said there. False: nobody looks at it any more."""
        page = self._pages.get(user)
        if page is None:
            return False
        page.said = reply
        await self._draw(user, page.shown)
        return True

    def begins(self, user: str) -> None:
        """Somebody gives a task on her page."""
        if user in self._pages:
            self._pages[user].begins = True

    async def begun(self) -> None:
        """A run's card was posted: the pages on which a task was given follow."""
        for user, page in list(self._pages.items()):
            if page.begins:
                page.begins = False
                await self._draw(user, page.shown)

    async def changed(self, card: QuestionCard) -> None:
        """A question was posted, has changed, or has ended: the pages of those whom it asks, and those that show it, follow."""
        asked = {one.id for one in card.mentions}
        for user, page in list(self._pages.items()):
            if card.question in page.questions or (card.closed is None and user in asked):
                await self._draw(user, page.shown)


def at_home(event: InboundEvent) -> bool:
    """Whether something was done on App Home."""
    return isinstance(event, ControlUsed | CommandReceived) and event.interaction.startswith(AT_HOME)
