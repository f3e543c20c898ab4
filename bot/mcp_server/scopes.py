"""Where an agent outside may ask, on whose behalf, and of which team: its token's terms, as the team file now is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from adapters.terminal.adapter import TERMINAL_PLACE
from bot.app import LoadedConfig, platform_names
from bot.config.errors import ConfigError, Problem, format_value, suggest_name
from bot.mcp_server.tokens import AccessToken, TokenScope
from orchestrator_bridge.chat.inbound import LOCAL_USER, Author, ExternalAgent, Place, agent_name
from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.store.interface import TokenActivity
from orchestrator_bridge.team.budgets import format_dollars
from orchestrator_bridge.team.directory import Directory, UnknownName
from orchestrator_bridge.team.team import Team


class ToolCallDenied(TownhallError):
    """What an agent outside wants cannot be done. The text says why, and what to do, in words for the agent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class McpClient:
    """Who calls a tool: the token, and what its client calls itself."""

    access_token: AccessToken
    client: str

    @property
    def token(self) -> str:
        """The name of the token."""
        return self.access_token.token

    def to_external_agent(self, team: Team, wish: str = "") -> ExternalAgent:
        """The agent among those of a team."""
        return ExternalAgent(
            token=self.token, agent=agent_name(self.client, frozenset(one.name for one in team.agents)), wish=wish
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestScope:
    """Of which team, where, and on whose behalf something is wanted."""

    team: Team
    place: Place
    by: Author


def parse_channel(channel: str) -> Place:
    """The place of `slack/C0123ABCD`, or of `terminal`."""
    platform, _, name = channel.partition("/")
    return TERMINAL_PLACE if platform == TERMINAL_PLACE.platform else Place(platform=platform, channel=name)


def resolve_channel(caller: McpClient, wanted: str | None, platforms: Collection[str]) -> Place:
    """The channel that was named, or the token's first.

    Raises:
        ToolCallDenied: the token is not for this channel, or its platform is not set up.
    """
    allowed = caller.access_token.scope.channels
    meant = [one for one in allowed if wanted in (None, one, one.partition("/")[2])]
    if not meant:
        raise ToolCallDenied(f"Your token {caller.token} is not for the channel {wanted!r}; it is for {', '.join(allowed)}.")
    place = parse_channel(meant[0])
    if place.platform not in platforms:
        raise ToolCallDenied(
            f"The bot is not on {place.platform}, so nobody can be asked in {meant[0]}. Whoever runs it can set it up."
        )
    return place


def resolve_person(caller: McpClient, place: Place, directory: Directory) -> Author:
    """The person on whose behalf the agent asks, as the place's platform knows her.

    Raises:
        ToolCallDenied: she is not known there (any more).
    """
    person = caller.access_token.scope.person
    if person is None:
        return Author(platform=place.platform, id=LOCAL_USER, name="you")
    nobody = Author(platform=place.platform, id="", name="")
    try:
        found = directory.audience((f"@{person}",), place=place, by=nobody, agents=())
    except UnknownName as error:
        raise ToolCallDenied(f"Your token {caller.token} asks on behalf of @{person}. {error}") from error
    if not found.people:
        raise ToolCallDenied(f"Your token asks on behalf of @{person}, who has no id on {place.platform} in the team file.")
    return found.people[0].author


def question_quota_error(terms: TokenScope, use: TokenActivity, now: float, zone: tzinfo) -> str:
    """Why no further question may be asked through a token; nothing if one may."""
    if len(use.open) >= terms.open_questions:
        which = listed([str(number) for number in use.open])
        until = f", until one of them ends: {which}" if use.open else ""
        return f"{_counted(len(use.open), 'question')} of your token {_are(len(use.open))} open, the most at a time{until}."
    if use.asked >= terms.questions_a_day:
        return f"{_counted(use.asked, 'question')} came through your token today, its limit, until {_midnight(now, zone)}."
    return _budget_error(terms, use, now, zone)


def run_quota_error(terms: TokenScope, use: TokenActivity, now: float, zone: tzinfo) -> str:
    """Why no further run may be started through a token; nothing if one may."""
    if use.runs >= terms.runs_a_day:
        return f"{_counted(use.runs, 'run')} came through your token today, its limit, until {_midnight(now, zone)}."
    return _budget_error(terms, use, now, zone)


def _budget_error(terms: TokenScope, use: TokenActivity, now: float, zone: tzinfo) -> str:
    limit = terms.money_a_day
    if limit is None or use.cost < limit or not use.cost:
        return ""
    spent = f"{format_dollars(use.cost)} of {format_dollars(Decimal(limit))}"
    return f"{spent} are booked or reserved for what came through your token today, until {_midnight(now, zone)}."


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _midnight(now: float, zone: tzinfo) -> str:
    """The end of the day in the budgets' time zone."""
    tomorrow = datetime.fromtimestamp(now, zone).replace(tzinfo=None).date() + timedelta(days=1)
    return f"{datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone):%Y-%m-%d %H:%M %Z}"


def parse_token_scope(start: LoadedConfig, given: Mapping[str, Any]) -> TokenScope:
    """The terms; what is None was not given.

    Raises:
        Trouble: they do not fit the settings or the team file.
    """
    wanted = {key: value for key, value in given.items() if value is not None and value != ()}
    wanted["channels"] = _resolve_channels(start, tuple(wanted.get("channels", ())))
    try:
        terms = TokenScope.model_validate(wanted)
    except ValidationError as error:
        raise ConfigError("this token cannot be made", [_problem(detail) for detail in error.errors(include_url=False)]) from None
    start.team_file.team(terms.team)
    return terms.model_copy(update={"person": _resolve_person(start, terms)})


def _problem(detail: Any) -> Problem:
    option = "-".join(str(one) for one in detail["loc"]).replace("_", "-")
    return Problem(
        where=f"--{option}", found=format_value(detail["input"]), expected=detail["msg"].removeprefix("Input should be ")
    )


def _resolve_channels(start: LoadedConfig, given: tuple[str, ...]) -> tuple[str, ...]:
    """Each with its platform, which may be left out where there is one."""
    platforms = [name.lower() for name in platform_names(start)] or ["terminal"]
    if not given and platforms == ["terminal"]:
        return ("terminal",)
    whole = tuple(one if "/" in one or len(platforms) > 1 or one == "terminal" else f"{platforms[0]}/{one}" for one in given)
    wrong = [one for one in whole if parse_channel(one).platform not in platforms or not parse_channel(one).channel]
    if wrong or not whole:
        expected = f"the id of a channel on {' or '.join(platforms)}, such as {platforms[0]}/C0123ABCD"
        raise _config_error("--channel", format_value(wrong[0]) if wrong else "no channel", expected)
    return whole


def _resolve_person(start: LoadedConfig, terms: TokenScope) -> str | None:
    """On whose behalf, by the name of the team file; on the terminal alone it may be whoever sits there."""
    platforms = {parse_channel(one).platform for one in terms.channels} - {"terminal"}
    if terms.person is None and not platforms:
        return None
    people, name = start.team_file.people, (terms.person or "").removeprefix("@")
    if name not in people:
        expected = f"one of {', '.join(f'@{one}' for one in people)}" if people else "a person under [people] of the team file"
        found = format_value(terms.person) if terms.person else "nobody on whose behalf agents ask"
        raise _config_error("--for", found, expected, suggest_name(name, list(people)))
    for platform in sorted(platforms):
        if not people[name].ids.get(platform):
            raise _config_error(
                f"--for @{name}", f"no id on {platform}", "one, for she is asked there", f"set it under [people.{name}]"
            )
    return name


def _config_error(where: str, found: str, expected: str, mend: str = "") -> ConfigError:
    return ConfigError("this token cannot be made", [Problem(where=where, found=found, expected=expected, fix=mend)])
