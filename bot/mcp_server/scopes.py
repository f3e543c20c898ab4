"""Scope of an access token: channels, person, team and quotas, checked against the current team file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from bot.app import LoadedConfig
from bot.config.errors import ConfigError, Problem, format_value, suggest_name
from bot.config.platforms import installed_platforms
from bot.mcp_server.tokens import AccessToken, TokenScope
from orchestrator_bridge.chat.inbound import LOCAL_USER, Author, ExternalAgent, Place, agent_name
from orchestrator_bridge.chat.platform import Platform
from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.common.text import counted, listed
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import TokenActivity
from orchestrator_bridge.team.budgets import format_dollars
from orchestrator_bridge.team.directory import Directory, UnknownName
from orchestrator_bridge.team.team import Team


class ToolCallDenied(TownhallError):
    """A tool call that its token does not allow, or that cannot be done. The text tells the agent why, and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class McpClient:
    """Caller of a tool: its access token, and the name that the client gave itself."""

    access_token: AccessToken
    client: str

    @property
    def token(self) -> str:
        """Name of the token."""
        return self.access_token.token

    def owns(self, run: RunState) -> bool:
        """True if a run was started through this token, and not through an earlier one of the same name."""
        return run.outside is not None and run.outside.token == self.token and run.started_at >= self.access_token.made_at

    def to_external_agent(self, team: Team, key: str = "") -> ExternalAgent:
        """External agent with a name that no agent of `team` has; `key` is the idempotency key of its request."""
        names = frozenset(agent.name for agent in team.agents)
        return ExternalAgent(token=self.token, agent=agent_name(self.client, names), wish=key)


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestScope:
    """Team, channel and person for which a request is executed."""

    team: Team
    place: Place
    by: Author


def parse_channel(channel: str) -> Place:
    """Parse `slack/C0123ABCD` or `terminal`."""
    platform, _, name = channel.partition("/")
    return Place(platform=platform, channel=platform if platform in installed_platforms().local else name)


def resolve_channel(caller: McpClient, wanted: str | None, platforms: Collection[str]) -> Place:
    """The requested channel, or else the token's first one.

    Raises:
        ToolCallDenied: the token is not for this channel, or its platform is not set up.
    """
    allowed = caller.access_token.scope.channels
    matches = [channel for channel in allowed if wanted in (None, channel, channel.partition("/")[2])]
    if not matches:
        raise ToolCallDenied(
            f"Your token {caller.token} does not allow the channel {wanted!r}. Allowed channels: {', '.join(allowed)}."
        )
    place = parse_channel(matches[0])
    if place.platform not in platforms:
        raise ToolCallDenied(
            f"The bot is not connected to {place.platform}, so nobody can be asked in {matches[0]}. Its operator can set it up."
        )
    return place


def resolve_person(caller: McpClient, place: Place, directory: Directory) -> Author:
    """The person for whom the agent works, with their id on the platform of `place`.

    Raises:
        ToolCallDenied: the team file no longer has the person, or no id there.
    """
    person = caller.access_token.scope.person
    if person is None:
        return Author(platform=place.platform, id=LOCAL_USER, name="you")
    nobody = Author(platform=place.platform, id="", name="")
    try:
        found = directory.audience((f"@{person}",), place=place, by=nobody, agents=(), now=0)
    except UnknownName as error:
        raise ToolCallDenied(f"Your token {caller.token} is for @{person}. {error}") from error
    if not found.people:
        raise ToolCallDenied(f"Your token {caller.token} is for @{person}, who has no id on {place.platform} in the team file.")
    return found.people[0].author


def question_quota_error(scope: TokenScope, activity: TokenActivity, now: float, zone: tzinfo) -> str:
    """Reason why the token may not ask another question; empty if it may."""
    if len(activity.open) >= scope.open_questions:
        have = f"Your token has {counted(len(activity.open), 'open question')}, its limit at a time."
        numbers = listed([str(number) for number in activity.open])
        return f"{have} Wait until one of them ends: {numbers}." if activity.open else have
    if activity.asked >= scope.questions_a_day:
        return f"Your token has asked {counted(activity.asked, 'question')} today, its limit until {_midnight(now, zone)}."
    return _budget_error(scope, activity, now, zone)


def run_quota_error(scope: TokenScope, activity: TokenActivity, now: float, zone: tzinfo) -> str:
    """Reason why the token may not start another run; empty if it may."""
    if activity.runs >= scope.runs_a_day:
        return f"Your token has started {counted(activity.runs, 'run')} today, its limit until {_midnight(now, zone)}."
    return _budget_error(scope, activity, now, zone)


def _budget_error(scope: TokenScope, activity: TokenActivity, now: float, zone: tzinfo) -> str:
    limit = scope.money_a_day
    if limit is None or activity.cost < limit or not activity.cost:
        return ""
    spent = f"{format_dollars(activity.cost)} of {format_dollars(Decimal(limit))}"
    return f"Your token has used {spent} today, spent or reserved. It may spend again after {_midnight(now, zone)}."


def _midnight(now: float, zone: tzinfo) -> str:
    """End of the day in the budgets' time zone."""
    tomorrow = datetime.fromtimestamp(now, zone).replace(tzinfo=None).date() + timedelta(days=1)
    return f"{datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone):%Y-%m-%d %H:%M %Z}"


def parse_token_scope(config: LoadedConfig, given: Mapping[str, Any]) -> TokenScope:
    """Scope of a new token from the options of `townhall token make`; None and empty options were not given.

    Raises:
        ConfigError: an option is not valid, or does not fit the settings or the team file.
    """
    options = {key: value for key, value in given.items() if value is not None and value != ()}
    options["channels"] = _resolve_channels(config, tuple(options.get("channels", ())))
    try:
        scope = TokenScope.model_validate(options)
    except ValidationError as error:
        problems = [
            Problem(
                where=f"--{'-'.join(map(str, detail['loc'])).replace('_', '-')}",
                found=format_value(detail["input"]),
                expected=detail["msg"].removeprefix("Input should be "),
            )
            for detail in error.errors(include_url=False)
        ]
        raise ConfigError(_NOT_CREATED, problems) from None
    config.team_file.team(scope.team)
    return scope.model_copy(update={"person": _resolve_person(config, scope)})


_NOT_CREATED = "the token was not created"


def _resolve_channels(config: LoadedConfig, given: tuple[str, ...]) -> tuple[str, ...]:
    """Each channel with its platform, which may be left out if the bot has one."""
    active, local = {platform.name: platform for platform in config.platforms}, installed_platforms().local
    first = next(iter(active))
    if not given and active.keys() <= set(local):
        return (first,)
    if not given:
        raise _config_error("--channel", "no channel", _expected_channel(active.values()))
    qualified = (channel if "/" in channel or len(active) > 1 or channel in local else f"{first}/{channel}" for channel in given)
    channels = tuple(dict.fromkeys(qualified))
    for channel in channels:
        _check_channel(channel, active)
    return channels


def _check_channel(channel: str, active: Mapping[str, Platform[Any]]) -> None:
    """Raise `ConfigError` unless this is the id of a channel on an active platform."""
    place = parse_channel(channel)
    platform = active.get(place.platform)
    if platform is not None and (platform.local or platform.channel_id.fullmatch(place.channel)):
        return
    known = installed_platforms().usable.get(place.platform)
    if platform is None and known is not None and not known.local:
        fix = f"set up {known.title} first: `townhall setup {known.name}` says how"
        raise _config_error("--channel", f"{channel!r}, but {known.title} is not set up", _expected_channel(active.values()), fix)
    fix = "copy the channel's id, not its name: Slack, About this channel; Discord, Copy Channel ID"
    raise _config_error("--channel", format_value(channel), _expected_channel(active.values()), "" if known is None else fix)


def _expected_channel(active: Iterable[Platform[Any]]) -> str:
    """The channels that the active platforms have, in words."""
    return " or ".join(
        f"{platform.name}, the only channel there"
        if platform.local
        else f"the id of a channel on {platform.name}, such as {platform.name}/{platform.channel_example}"
        for platform in active
    )


def _resolve_person(config: LoadedConfig, scope: TokenScope) -> str | None:
    """Name of the person in the team file; None if the token is for a local platform alone and names nobody."""
    platforms = {parse_channel(channel).platform for channel in scope.channels} - set(installed_platforms().local)
    if scope.person is None and not platforms:
        return None
    people, name = config.team_file.people, (scope.person or "").removeprefix("@")
    if name not in people:
        expected = (
            f"one of: {', '.join(f'@{known}' for known in people)}" if people else "a person under [people] in the team file"
        )
        found = format_value(scope.person) if scope.person else "no person for whom the agents ask"
        raise _config_error("--for", found, expected, suggest_name(name, list(people)))
    for platform in sorted(platforms):
        if not people[name].ids.get(platform):
            expected = f"an id on {platform}, because @{name} is asked there"
            raise _config_error(f"--for @{name}", f"no id on {platform}", expected, f"set it under [people.{name}]")
    return name


def _config_error(where: str, found: str, expected: str, fix: str = "") -> ConfigError:
    return ConfigError(_NOT_CREATED, [Problem(where=where, found=found, expected=expected, fix=fix)])
