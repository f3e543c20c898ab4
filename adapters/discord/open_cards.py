"""Cards of open questions and running runs, whose threads the bot listens to and reads again after an absence.

A card is watched from its posting, or from the first reading of its thread after our start, until it has ended.
"""

from __future__ import annotations

from collections.abc import Collection

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, QuestionCard, RunCard


class OpenCards:
    """Places of open cards, each with the time from which its thread is read."""

    def __init__(self) -> None:
        self._since: dict[Place, float] = {}
        self._runs: set[Place] = set()

    def on_sent(self, outbound: OutboundPost, posted: PostedMessage) -> None:
        """Begin or end the watch of a card."""
        if not isinstance(outbound.post, RunCard | QuestionCard):
            return
        place = Place(platform=outbound.place.platform, channel=outbound.place.channel, thread=posted.thread)
        if outbound.post.ended:
            self.forget(place)
        else:
            self.watch(place, posted.at)
            if isinstance(outbound.post, RunCard):
                self._runs.add(place)

    def watch(self, place: Place, after: float) -> None:
        """Watch a card. The first time stays: an edit of the card must not shorten what is read of its thread."""
        self._since.setdefault(place, after)

    def forget(self, place: Place) -> None:
        """Stop watching a card that has ended or was deleted."""
        self._since.pop(place, None)
        self._runs.discard(place)

    def is_run(self, place: Place) -> bool:
        """True if a card is known to be that of a run: it was posted or edited by this process."""
        return place in self._runs

    def items(self) -> list[tuple[Place, float]]:
        """All cards and their times, as a copy: delivering messages can end a question and with it its watch."""
        return list(self._since.items())

    def in_channels(self, channels: Collection[str]) -> list[Place]:
        """The cards in these channels."""
        return [place for place in self._since if place.channel in channels]

    def find(self, message: int) -> Place | None:
        """The card with this message id, which its thread has too."""
        return next((place for place in self._since if place.thread == str(message)), None)
