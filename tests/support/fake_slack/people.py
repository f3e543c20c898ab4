"""Actions of people at the fake Slack, and the payloads that Slack makes of them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.fake_slack.shown import elements
from tests.support.fake_slack.state import APP, BOT_USER, TEAM, Channel, Envelope, Message, World


class People:
    """Acts in a world."""

    def __init__(self, world: World) -> None:
        self.world = world

    # Talking --------------------------------------------------------------------------------------------------------------

    def say(
        self,
        user: str,
        channel: str,
        text: str,
        thread: str | None = None,
        *,
        delivered: bool = True,
        broadcast: bool = False,
        files: Sequence[Mapping[str, Any]] = (),
        raw: bool = False,
        **more: Any,
    ) -> Message:
        """Post a message. Unless it is `delivered`, it is only in the history; `raw` text contains Slack's markup already."""
        room = self.world.channels[channel]
        message: Message = {"type": "message", "user": user, "text": text if raw else html.escape(text, quote=False)}
        message |= {"ts": self.world.stamp(), "team": self.world.people.get(user, {}).get("team_id", TEAM), **more}
        if thread is not None:
            message |= {"thread_ts": thread, "parent_user_id": room.messages[thread].get("user")}
        if files:
            message |= {"files": list(files), "subtype": "file_share"}
        if broadcast:
            message["subtype"] = "thread_broadcast"
        room.messages[message["ts"]] = message
        if delivered:
            self._tell(room, message)
        return message

    def _tell(self, room: Channel, message: Message) -> None:
        self.world.create_event({**message, "channel": room.id, "event_ts": message["ts"], "channel_type": _type(room)})
        if f"<@{BOT_USER}>" in message["text"] and not room.partner:
            mention = {name: value for name, value in message.items() if name not in ("parent_user_id", "subtype")}
            self.world.create_event({**mention, "type": "app_mention", "channel": room.id, "event_ts": message["ts"]})

    def change(self, channel: str, stamp: str, text: str, *, delivered: bool = True, raw: bool = False) -> Message:
        """Edit a message; `raw` text contains Slack's markup already."""
        room = self.world.channels[channel]
        before = dict(room.messages[stamp])
        edited = {"user": before["user"], "ts": self.world.stamp()}
        room.messages[stamp] = {**before, "text": text if raw else html.escape(text, quote=False), "edited": edited}
        if delivered:
            self._changed(room, room.messages[stamp], before)
        return room.messages[stamp]

    def unfurl(self, channel: str, stamp: str) -> None:
        """Add a link preview to a message: Slack changes it without an edit."""
        room = self.world.channels[channel]
        message = room.messages[stamp]
        self._changed(room, {**message, "attachments": [{"title": "A page"}]}, dict(message))

    def _changed(self, room: Channel, message: Message, before: Message) -> None:
        event = {"type": "message", "subtype": "message_changed", "hidden": True, "message": message, "previous_message": before}
        stamp = self.world.stamp()
        self.world.create_event({**event, "channel": room.id, "channel_type": _type(room), "ts": stamp, "event_ts": stamp})

    def delete(self, channel: str, stamp: str, *, delivered: bool = True) -> None:
        """Delete a message. One that has replies stays as a tombstone, of which Slack reports a change."""
        room = self.world.channels[channel]
        before = room.messages.pop(stamp)
        if not delivered:
            return
        now = self.world.stamp()
        outer = {"type": "message", "hidden": True, "channel": room.id, "channel_type": _type(room), "ts": now, "event_ts": now}
        if any(message.get("thread_ts") == stamp for message in room.messages.values()):
            tombstone = {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted."}
            room.messages[stamp] = {**tombstone, "ts": stamp, "thread_ts": stamp, "hidden": True}
            changed = {"subtype": "message_changed", "message": room.messages[stamp], "previous_message": before}
            self.world.create_event({**outer, **changed})
        else:
            self.world.create_event({**outer, "subtype": "message_deleted", "deleted_ts": stamp, "previous_message": before})

    def deactivate(self, user: str) -> None:
        """An administrator deactivates an account, which removes it from its channels."""
        self.world.people[user]["deleted"] = True
        for room in self.world.channels.values():
            room.members.discard(user)

    def leave(self, user: str, channel: str) -> Envelope:
        """Leave a channel (docs.slack.dev/reference/events/member_left_channel)."""
        self.world.channels[channel].members.discard(user)
        left = {"type": "member_left_channel", "user": user, "channel": channel, "channel_type": "C", "team": TEAM}
        return self.world.create_event({**left, "event_ts": self.world.stamp()})

    def react(self, user: str, channel: str, message: Message, emoji: str) -> Envelope:
        """Add a reaction, by the emoji's short name."""
        item = {"type": "message", "channel": channel, "ts": message["ts"]}
        event = {"type": "reaction_added", "user": user, "reaction": emoji, "item": item, "item_user": message["user"]}
        return self.world.create_event({**event, "event_ts": self.world.stamp()})

    def unreact(self, user: str, channel: str, message: Message, emoji: str) -> Envelope:
        """Remove a reaction, by the emoji's short name."""
        item = {"type": "message", "channel": channel, "ts": message["ts"]}
        event = {"type": "reaction_removed", "user": user, "reaction": emoji, "item": item, "item_user": message["user"]}
        return self.world.create_event({**event, "event_ts": self.world.stamp()})

    # Commands and clicks --------------------------------------------------------------------------------------------------

    def command(self, user: str, channel: str, text: str, *, raw: bool = False) -> Envelope:
        """Type `/townhall …`; `raw`: `text` contains Slack's markup already, such as mentions."""
        typed = text if raw else html.escape(text, quote=False)
        body = {"command": "/townhall", "text": typed, "user_id": user, "user_name": user.lower()}
        body |= {"channel_id": channel, "channel_name": "general", "team_id": TEAM, "api_app_id": APP}
        return self.world.create_envelope("slash_commands", {**body, "trigger_id": self._trigger()})

    def click(self, user: str, channel: str, message: Message, action: str, chosen: str = "") -> Envelope:
        """Use a control of a message, also one of an earlier version of it."""
        element = next(element for element in elements(message) if element["action_id"] == action)
        container = {"type": "message", "message_ts": message["ts"], "channel_id": channel}
        container |= {"is_ephemeral": bool(message.get("is_ephemeral"))}
        container |= {"thread_ts": message["thread_ts"]} if message.get("thread_ts") else {}
        body = {**self._interactive(user, "block_actions"), "container": container, "channel": {"id": channel}}
        body["actions"] = [self._action(element, chosen)]
        body["response_url"] = f"{self.world.url}/response/{message['ts']}"
        return self.world.create_envelope("interactive", body | ({} if message.get("is_ephemeral") else {"message": message}))

    def click_in_view(self, user: str, view: Message, action: str, chosen: str = "") -> Envelope:
        """Use a control of a modal or of App Home."""
        inputs = ({**block["element"], "block_id": block["block_id"]} for block in view["blocks"] if block["type"] == "input")
        element = next(element for element in (*elements(view), *inputs) if element["action_id"] == action)
        body = {**self._interactive(user, "block_actions"), "view": view, "container": {"type": "view", "view_id": view["id"]}}
        return self.world.create_envelope("interactive", {**body, "actions": [self._action(element, chosen)]})

    def _action(self, element: Mapping[str, Any], chosen: str) -> dict[str, Any]:
        action = {name: element[name] for name in ("action_id", "block_id", "type", "value") if name in element}
        action["action_ts"] = self.world.stamp()
        if element["type"] == "users_select":
            action["selected_user"] = chosen
        if element["type"] == "conversations_select":
            action["selected_conversation"] = chosen
        if "options" in element:
            action["selected_option"] = next(option for option in element["options"] if option["value"] == chosen)
        return action

    # Forms ----------------------------------------------------------------------------------------------------------------

    def submit(self, user: str, view: Message, **typed: Any) -> Envelope:
        """Fill in and submit a modal. `typed`: values by field name."""
        values: dict[str, dict[str, Any]] = {}
        for block in view["blocks"]:
            if block["type"] == "input":
                element = block["element"]
                values[block["block_id"]] = {element["action_id"]: _filled(element, typed.get(element["action_id"]))}
        return self.world.create_envelope(
            "interactive", {**self._interactive(user, "view_submission"), "view": {**view, "state": {"values": values}}}
        )

    def search(self, user: str, view: Message, typed: str) -> Envelope:
        """Type into a select whose options the app provides."""
        body = {**self._interactive(user, "block_suggestion"), "view": view, "value": typed}
        return self.world.create_envelope("interactive", {**body, "action_id": "model", "block_id": "model"})

    def ask_about(self, user: str, channel: str, message: Message) -> Envelope:
        """Use the shortcut "Ask agents about this" on a message."""
        body = {**self._interactive(user, "message_action"), "callback_id": "ask_about", "channel": {"id": channel}}
        body |= {"action_ts": self.world.stamp(), "message": message, "message_ts": message["ts"]}
        return self.world.create_envelope("interactive", body)

    def open_home(self, user: str) -> Envelope:
        """Open App Home."""
        event = {"type": "app_home_opened", "user": user, "channel": self.world.direct(user).id, "tab": "home"}
        known = self.world.homes.get(user)
        return self.world.create_event(event | ({"view": known} if known else {}))

    def _interactive(self, user: str, kind: str) -> dict[str, Any]:
        team = str(self.world.people[user]["team_id"])
        who = {"id": user, "username": user.lower(), "team_id": team}
        return {"type": kind, "user": who, "team": {"id": team}, "api_app_id": APP, "trigger_id": self._trigger()}

    def _trigger(self) -> str:
        return f"{self.world.number()}.1.trigger"


def _filled(element: Mapping[str, Any], typed: Any) -> dict[str, Any]:
    match element["type"]:
        case "plain_text_input":
            return {"value": typed if typed is not None else element.get("initial_value")}
        case "conversations_select":
            return {"selected_conversation": typed}
        case "file_input":
            return {"files": typed or []}
        case _ if typed is None:
            return {"selected_option": element.get("initial_option")}
        case _:
            return {"selected_option": {"value": typed, "text": {"type": "plain_text", "text": typed}}}


def _type(room: Channel) -> str:
    return "im" if room.partner else "channel"
