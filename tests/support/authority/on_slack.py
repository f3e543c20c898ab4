"""People of the tables of docs/security.md on the fake Slack: a private channel with run 1, guests, a partner's employee."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.authority import matrix
from tests.support.authority.matrix import MENTION, TASK, command
from tests.support.fake_slack.faults import Fault
from tests.support.fake_slack.running_bot import RELEASE, ROOT, SlackBot, start_slack_bot
from tests.support.fake_slack.server import SlackServer
from tests.support.fake_slack.shown import words
from tests.support.fake_slack.state import ANA, BEN, BOT_USER, GENERAL, STRANGER, TEAM, Channel

CY, DAN, GUS, FAY, OPS = "U5CY", "U6DAN", "U7GUS", "U8FAY", "C7OPS"
ASKED = "Was the migration tried on a copy of the data?"
ANYONE = RELEASE.replace("[team.release.policy]", '[team.release.policy]\nresponders = "anyone"')
WHERE = {
    "requester": (ANA, ""),
    "requester, elsewhere": (ANA, GENERAL),
    "person asked": (BEN, ""),
    "sees the channel": (CY, GENERAL),
    "sees it, in another channel": (CY, GENERAL),
    "sees it, in direct messages": (CY, ""),
    "in the channel": (CY, OPS),
    "guest who sees it": (GUS, OPS),
    "guest": (GUS, GENERAL),
    "does not see it": (DAN, GENERAL),
    "member": (DAN, GENERAL),
    "in direct messages": (DAN, ""),
    "of another organisation": (STRANGER, OPS),
    "cannot be checked": (FAY, GENERAL),
}
"""The persons of the tables, and the channel in which they act; empty for the direct messages with the bot."""


@dataclass
class SlackStage:
    """A bot with run 1 in the private channel; `card` is that of its question."""

    bot: SlackBot
    card: dict[str, Any]

    async def act(self, act: str, person: str) -> str:
        """Let a person do something; returns the private reply, or what else shows that it was done."""
        user, channel = WHERE[person]
        if person == "cannot be checked":
            failed = Fault(trouble="error", name="internal_error")
            self.bot.server.faults.plan = lambda asked: failed if asked.path == "users.info" else None
        place = channel or self.bot.world.direct(user).id
        replies, posts = len(self._private(user)), self._posts(place, act)
        if act.startswith("button"):
            self.bot.people.click(user, place, self.card, "option/1")
        elif act == MENTION:
            self.bot.people.say(user, place, f"<@{BOT_USER}> {TASK}", raw=True)
        else:
            self.bot.people.command(user, place, " ".join(filter(None, command(act))))
        await self.bot.until(lambda: len(self._private(user)) > replies or self._posts(place, act) > posts)
        return " ".join(self._private(user)[replies:])

    def _private(self, user: str) -> list[str]:
        """Everything that a person has been shown privately."""
        world = self.bot.world
        direct = (message for message in world.direct(user).messages.values() if message["user"] == BOT_USER)
        return [words(message) for message in (*world.ephemeral, *direct) if message.get("to", user) == user]

    def _posts(self, place: str, act: str) -> int:
        """The posts that answer an act without a private reply: cards of runs, and the end of run 1."""
        match act:
            case "/ask" | matrix.MENTION:
                return sum("*Run " in words(message) for message in self.bot.world.channels[place].messages.values())
            case "/cancel 1":
                return sum("cancelled" in words(message) for message in self.bot.world.channels[OPS].messages.values())
            case "/finish 1":
                return sum("inished early" in words(message) for message in self.bot.world.channels[OPS].messages.values())
            case _:
                return 0


@asynccontextmanager
async def slack_stage(folder: Path, *, anyone: bool = False) -> AsyncIterator[SlackStage]:
    """A workspace in which Ana has given run 1 its task in a private channel, and handed question 1 over to Ben."""
    shutil.copytree(ROOT / "examples" / "scripts", folder / "scripts")
    async with SlackServer() as server:
        world = server.world
        for user, name in ((CY, "Cy"), (DAN, "Dan"), (GUS, "Gus"), (FAY, "Fay")):
            world.people[user] = {"id": user, "team_id": TEAM, "profile": {"display_name": name}, "is_restricted": user == GUS}
        world.channels[OPS] = Channel(id=OPS, members={BOT_USER, ANA, CY, GUS, FAY, STRANGER}, private=True)
        world.channels[GENERAL].members |= {CY, DAN, GUS, FAY}
        async with start_slack_bot(folder, ANYONE if anyone else RELEASE, server) as bot:
            bot.people.command(ANA, OPS, "ask May the release go out?")
            card = await bot.wait_for_message(ASKED, OPS)
            bot.people.command(ANA, OPS, f"questions 1 pass <@{BEN}>", raw=True)
            await bot.wait_for_message("is asked in your place", OPS)
            yield SlackStage(bot, card)
