"""The app as Slack is to make it: `townhall setup slack` prints this, to be pasted where Slack makes apps from manifests.

The source of the form: Slack's reference of app manifests. Every scope is here because something needs it, and no other one.
"""

from __future__ import annotations

from typing import Any

BOT_SCOPES = {
    "app_mentions:read": "hear people who call the bot by its name",
    "chat:write": "post cards, questions, answers",
    "chat:write.customize": "let agents speak under their own names",
    "commands": "take /townhall and the message menu",
    "channels:history": "read threads of public channels: replies, and whether a post arrived",
    "groups:history": "the same in private channels",
    "im:history": "the same in direct messages",
    "mpim:history": "the same in group conversations",
    "channels:read": "see whether the bot is in a channel",
    "groups:read": "the same for private channels",
    "im:write": "open direct messages with those who are asked there",
    "users:read": "show people's names, and tell strangers and bots from members",
    "usergroups:read": "know who belongs to a role that is a user group",
    "reactions:write": "acknowledge replies by a reaction",
    "files:read": "pass on files that people attach",
    "files:write": "post answers that are too long for messages",
}
"""The bot's scopes, with what each is for."""

BOT_EVENTS = (
    "app_home_opened",
    "app_mention",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "subteam_created",
    "subteam_members_changed",
    "subteam_updated",
)


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
        "description": "Give the agents a task, see what waits for you, pick models",
        "usage_hint": "ask | model | models | team | runs | questions | cancel | cost | help",
        "should_escape": True,
    }
    shortcut = {
        "name": "Ask the agents about this",
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
