"""State of the fake Slack, without its network: one workspace, its channels and people, their actions, and the bot's effects.

Messages are dictionaries as in Slack's history. Each action becomes an envelope, which is delivered until it is acknowledged; a
mention becomes two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Literal

from tests.support.fake_slack.limits import wrong_in_response

Message = dict[str, Any]
Kind = Literal["events_api", "slash_commands", "interactive"]

TEAM, APP, BOT_USER, BOT = "T1HOME", "A1TOWN", "U0BOT", "B0BOT"
ANA, BEN, STRANGER, ROBOT, GONE = "U1ANA", "U2BEN", "U3SLY", "U4ROBOT", "U5GONE"
GENERAL, ELSEWHERE = "C1GENERAL", "C2ELSEWHERE"
CREW = "S1CREW"
SCOPES = frozenset({"chat:write", "chat:write.customize", "users:read", "usergroups:read", "files:write", "files:read"})

PEOPLE: dict[str, dict[str, Any]] = {
    ANA: {"id": ANA, "team_id": TEAM, "profile": {"display_name": "Ana"}},
    BEN: {"id": BEN, "team_id": TEAM, "profile": {"display_name": "", "real_name": "Ben Ng"}},
    STRANGER: {"id": STRANGER, "team_id": "T9AWAY", "is_stranger": True, "profile": {"display_name": "Sly"}},
    GONE: {"id": GONE, "team_id": TEAM, "deleted": True, "profile": {"display_name": "Gus"}},
    BOT_USER: {"id": BOT_USER, "team_id": TEAM, "is_bot": True, "profile": {"display_name": "Townhall"}},
    ROBOT: {"id": ROBOT, "team_id": TEAM, "is_bot": True, "profile": {"display_name": "Robot"}},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """An event for the app. `attempt` counts the earlier deliveries."""

    number: int
    kind: Kind
    payload: Mapping[str, Any]
    attempt: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One effect of the bot, in order."""

    number: int
    at: float
    what: str
    channel: str
    message: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class Channel:
    """A channel with its messages by timestamp. Ephemeral messages are kept apart, since they are in no history."""

    id: str
    members: set[str] = field(default_factory=lambda: {BOT_USER, *PEOPLE} - {GONE})
    partner: str = ""
    archived: bool = False
    private: bool = False
    messages: dict[str, Message] = field(default_factory=dict)


class World:
    """The workspace. `clock` is Slack's, in seconds since the epoch; `changed` is called after every change."""

    def __init__(self, clock: Callable[[], float] = time.time, changed: Callable[[], None] = lambda: None) -> None:
        self.clock = clock
        self.changed = changed
        self.url = ""
        self.double: Callable[[], bool] = lambda: False
        self.scopes = SCOPES
        self.people: dict[str, dict[str, Any]] = {user: dict(known) for user, known in PEOPLE.items()}
        self.groups: dict[str, list[str]] = {CREW: [ANA, BEN]}
        self.channels = {name: Channel(id=name) for name in (GENERAL, ELSEWHERE)}
        self.channels[ELSEWHERE].members.discard(BOT_USER)
        self.ephemeral: list[Message] = []
        self.views: list[dict[str, Any]] = []
        self.homes: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.effects: list[Effect] = []
        self.envelopes: list[Envelope] = []
        self.unacknowledged: dict[int, Envelope] = {}
        self.answers: dict[int, Any] = {}
        self._ids = count(1)
        self._last = 0.0

    def stamp(self) -> str:
        """A timestamp that no other message has."""
        self._last = max(self._last + 0.000001, self.clock())
        return f"{self._last:.6f}"

    def number(self) -> int:
        """A unique number."""
        return next(self._ids)

    def direct(self, user: str) -> Channel:
        """The bot's direct messages with a person."""
        return self.channels.setdefault(f"D{user[1:]}", Channel(id=f"D{user[1:]}", members={BOT_USER, user}, partner=user))

    def messages(self) -> Iterator[Message]:
        """All messages of all channels."""
        for channel in self.channels.values():
            yield from channel.messages.values()

    def record_effect(self, what: str, channel: str, message: str, body: Mapping[str, Any]) -> None:
        """Record an effect of the bot."""
        self.effects.append(
            Effect(number=len(self.effects) + 1, at=self.clock(), what=what, channel=channel, message=message, body=body)
        )
        self.changed()

    # Delivering -----------------------------------------------------------------------------------------------------------

    def create_envelope(self, kind: Kind, payload: Mapping[str, Any]) -> Envelope:
        """Create an envelope for the app."""
        envelope = Envelope(number=self.number(), kind=kind, payload=payload)
        self.envelopes.append(envelope)
        self.unacknowledged[envelope.number] = envelope
        self.changed()
        return envelope

    def create_event(self, event: Mapping[str, Any], **outer: Any) -> Envelope:
        """Create an event of the Events API."""
        number = self.number()
        body = {"type": "event_callback", "team_id": TEAM, "api_app_id": APP, "event_id": f"Ev{number}", "event": event}
        return self.create_envelope("events_api", {**body, "event_time": int(self.clock()), **outer})

    def acknowledge(self, number: int, answer: Any = None) -> None:
        """Record the acknowledgement of an envelope; Slack may still deliver it once more."""
        envelope = self.unacknowledged.pop(number, None)
        if envelope is not None and (wrong := wrong_in_response(envelope.payload, answer)):
            raise ValueError(f"Slack shows an error instead of the modal: {wrong}")
        self.answers.setdefault(number, answer)
        if envelope is not None and envelope.kind == "events_api" and self.double():
            self.deliver_again(envelope)
        self.changed()

    def deliver_again(self, envelope: Envelope) -> None:
        """Deliver an event once more, in a new envelope."""
        again = replace(envelope, number=self.number(), attempt=envelope.attempt + 1)
        self.unacknowledged[again.number] = again
        self.changed()
