"""The manifest of the Slack app, and diagnostics of its installation.

`townhall setup slack` prints the manifest, from which Slack creates the app. Source of its form: Slack's reference of app
manifests. Every scope is needed by something, and nothing needs another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from adapters.slack.api import SLACK, SlackApi
from adapters.slack.workspace import Workspace, identify
from orchestrator_bridge.chat.adapter import NotSent, SendRejected

BOT_SCOPES = {
    "app_mentions:read": "receive mentions of the bot",
    "chat:write": "post cards, questions, answers",
    "chat:write.customize": "let agents speak under their own names",
    "commands": "receive /townhall and the message shortcut",
    "channels:history": "read threads of public channels: replies, and whether a post arrived",
    "groups:history": "the same in private channels",
    "im:history": "the same in direct messages",
    "mpim:history": "the same in group conversations",
    "channels:read": "see whether the bot is in a channel",
    "groups:read": "the same for private channels",
    "mpim:read": "see who is in a group conversation",
    "im:read": "see whose direct messages these are",
    "im:write": "open direct messages with people who are asked there",
    "users:read": "show people's names, and tell external people and bots from members",
    "usergroups:read": "read the members of roles that are user groups",
    "reactions:read": "take reactions to questions as answers",
    "reactions:write": "acknowledge replies by a reaction",
    "files:read": "download files that people attach",
    "files:write": "post answers that are too long for messages",
}
"""The bot's scopes, with their purposes."""

BOT_EVENTS = (
    "app_home_opened",
    "app_mention",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "reaction_added",
    "reaction_removed",
    "subteam_created",
    "subteam_members_changed",
    "subteam_updated",
)

MAX_ADDRESS = 3000
"""Characters of the address of HTTP mode: the limit of a slash command's `url` in Slack's schema of manifests."""

MAX_CHANNELS = 200
"""Channels that the diagnostics read."""


def manifest(address: str | None = None) -> dict[str, Any]:
    """The manifest for Socket Mode, or with `address` (`https://…/slack/events`) for HTTP mode."""
    to = {"request_url": address} if address else {}
    return {
        "display_information": {
            "name": "Townhall",
            "description": "Agents and people work on one task together, and ask one another.",
            "background_color": "#2c2d72",
        },
        "features": _features({"url": address} if address else {}),
        "oauth_config": {"scopes": {"bot": list(BOT_SCOPES)}},
        "settings": {
            "event_subscriptions": {**to, "bot_events": list(BOT_EVENTS)},
            "interactivity": {"is_enabled": True, **to, **({"message_menu_options_url": address} if address else {})},
            "org_deploy_enabled": False,
            "socket_mode_enabled": address is None,
            "token_rotation_enabled": False,
        },
    }


def _features(url: dict[str, str]) -> dict[str, Any]:
    command = {
        "command": "/townhall",
        "description": "Give the agents a task, see your open questions, select models",
        "usage_hint": "ask | model | models | team | runs | questions | cancel | finish | cost | recall | supersede | help",
        "should_escape": True,
    }
    shortcut = {
        "name": "Ask agents about this",  # Slack's schema of manifests allows 24 characters
        "type": "message",
        "callback_id": "ask_about",
        "description": "Give the agents a task about a message",
    }
    return {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False},
        "bot_user": {"display_name": "townhall", "always_online": True},
        "slash_commands": [{**command, **url}],
        "shortcuts": [shortcut],
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackDiagnostics:
    """The state of an installation. `unknown` are ids of people whom the workspace does not have."""

    workspace: Workspace
    missing: tuple[str, ...]
    channels: tuple[str, ...] | None
    unknown: tuple[str, ...]


async def diagnose(token: str, url: str | None, people: Iterable[str]) -> SlackDiagnostics:
    """Read everything about the installation that a bot token can see.

    Raises:
        NotSent: Slack cannot be reached now.
        SendRejected: Slack rejects the token.
    """
    api = SlackApi(token, url or SLACK)
    await api.open()
    try:
        workspace = await identify(api)
        missing = tuple(scope for scope in BOT_SCOPES if not workspace.has_scope(scope))
        return SlackDiagnostics(
            workspace=workspace,
            missing=missing,
            channels=await _joined_channels(api),
            unknown=tuple([person for person in people if not await _user_exists(api, person)]),
        )
    finally:
        await api.close()


async def check_socket_mode(app_token: str, url: str | None) -> None:
    """Check that an app token allows Socket Mode.

    Raises:
        NotSent: Slack cannot be reached now, or rejects the token.
        SendRejected: Slack rejects the request for good.
    """
    api = SlackApi("", url or SLACK)
    await api.open()
    try:
        await api.read("apps.connections.open", lambda client: client.apps_connections_open(app_token=app_token))
    finally:
        await api.close()


async def _joined_channels(api: SlackApi) -> tuple[str, ...] | None:
    """Names of the bot's channels; None if the token may not read them."""
    try:
        response = await api.read(
            "users.conversations",
            lambda client: client.users_conversations(
                types="public_channel,private_channel", exclude_archived=True, limit=MAX_CHANNELS
            ),
        )
    except (NotSent, SendRejected):
        return None
    return tuple(str(channel.get("name") or channel.get("id")) for channel in response["channels"] or ())


async def _user_exists(api: SlackApi, user: str) -> bool:
    try:
        await api.read("users.info", lambda client: client.users_info(user=user))
    except SendRejected:
        return False
    return True
