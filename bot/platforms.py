"""The chat platforms of a start: an adapter for each whose token is set. Their libraries are imported only then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bot.trouble import ConfigError, Problem

if TYPE_CHECKING:
    from bot.start import LoadedConfig
    from orchestrator_bridge.chat import Adapter
    from orchestrator_bridge.menu import Autocomplete

    Maker = Callable[[LoadedConfig, Autocomplete, Sequence[str]], Adapter]


def platform_names(start: LoadedConfig) -> list[str]:
    """The platforms whose token is set, as people call them."""
    return [name for name, (token, _) in _PLATFORMS.items() if getattr(start.settings, token) is not None]


def create_adapters(start: LoadedConfig, autocomplete: Autocomplete, commands: Sequence[str]) -> list[Adapter]:
    """An adapter for each platform whose token is set; none if the terminal is the platform.

    Raises:
        Trouble: a platform's settings do not go together.
    """
    makers = {name: maker for name, (_, maker) in _PLATFORMS.items()}
    return [makers[name](start, autocomplete, commands) for name in platform_names(start)]


def _create_discord(start: LoadedConfig, autocomplete: Autocomplete, commands: Sequence[str]) -> Adapter:
    from adapters.discord.adapter import DiscordAdapter
    from adapters.discord.connection import GatewayConnection
    from bot.discord_access import discord_endpoints
    from orchestrator_bridge.clock import SystemClock

    settings, clock = start.settings, SystemClock()
    assert settings.discord_token is not None
    connection = GatewayConnection(settings.discord_token.get_secret_value(), discord_endpoints(settings), clock)
    listed = [person.discord for person in start.team_file.people.values() if person.discord]
    remembered = settings.data / "discord-commands"
    return DiscordAdapter(connection, autocomplete, clock, listed=listed, commands_file=remembered, guild=settings.discord_guild)


def _create_slack(start: LoadedConfig, autocomplete: Autocomplete, commands: Sequence[str]) -> Adapter:
    from adapters.slack.access import SlackConfig
    from adapters.slack.adapter import SlackAdapter
    from adapters.slack.api import SLACK

    settings = start.settings
    assert settings.slack_bot_token is not None
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        raise ConfigError("Slack cannot be reached", [_NO_TRANSPORT])
    secret = settings.slack_signing_secret
    access = SlackConfig(
        bot_token=settings.slack_bot_token.get_secret_value(),
        app_token=settings.slack_app_token.get_secret_value() if settings.slack_app_token else None,
        signing_secret=secret.get_secret_value() if secret else None,
        port=settings.http_port,
        url=settings.slack_api_url or SLACK,
    )
    listed = [person.slack for person in start.team_file.people.values() if person.slack]
    return SlackAdapter(access, autocomplete, names=commands, listed=listed)


_NO_TRANSPORT = Problem(
    where="SLACK_BOT_TOKEN",
    found="neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET beside it",
    expected="one of them",
    fix="set SLACK_APP_TOKEN for Socket Mode (usual), or SLACK_SIGNING_SECRET for HTTP mode behind a proxy of yours",
)

_PLATFORMS: dict[str, tuple[str, Maker]] = {
    "Discord": ("discord_token", _create_discord),
    "Slack": ("slack_bot_token", _create_slack),
}
"""By name: the setting that switches it on, and what makes its adapter."""
