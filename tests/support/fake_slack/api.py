"""Methods of the fake Slack's Web API: arguments in, the fields beside `ok: true` out; `Wrong` with
Slack's error name otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.fake_slack.limits import MARKDOWN_IN_ALL, refused_once_expanded, wrong_in_message, wrong_in_view
from tests.support.fake_slack.state import APP, BOT, BOT_USER, TEAM, Channel, Message, World

Arguments = Mapping[str, Any]
Answer = dict[str, Any]


class ApiError(Exception):
    """An `ok: false` response. The text is Slack's name of the error."""


class Methods:
    """The methods, over a world. `url` is the server's own address."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.url = ""
        self.all: Mapping[str, Callable[[Arguments], Answer]] = {
            "auth.test": self._auth,
            "bots.info": lambda _: {"bot": {"id": BOT, "app_id": APP}},
            "users.info": self._user,
            "usergroups.list": self._groups,
            "conversations.open": self._open,
            "conversations.info": self._info,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.members": self._members,
            "users.conversations": self._joined,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.startStream": self._start_stream,
            "chat.appendStream": self._append_stream,
            "chat.stopStream": self._stop_stream,
            "chat.postEphemeral": self._ephemeral,
            "reactions.add": self._react,
            "views.open": self._view,
            "views.update": self._redraw,
            "views.publish": self._publish,
            "files.getUploadURLExternal": self._upload_url,
            "files.completeUploadExternal": self._complete,
            "files.info": self._file,
        }

    # Who is who -----------------------------------------------------------------------------------------------------------

    def _auth(self, _: Arguments) -> Answer:
        return {"url": "https://home.slack.example/", "team": "Home", "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT}

    def _user(self, arguments: Arguments) -> Answer:
        if arguments["user"] not in self.world.people:
            raise ApiError("user_not_found")
        return {"user": self.world.people[arguments["user"]]}

    def _groups(self, arguments: Arguments) -> Answer:
        self._needs("usergroups:read")
        return {"usergroups": [{"id": group, "handle": "crew", "users": users} for group, users in self.world.groups.items()]}

    # Channels -------------------------------------------------------------------------------------------------------------

    def _open(self, arguments: Arguments) -> Answer:
        if arguments["users"] not in self.world.people:
            raise ApiError("user_not_found")
        return {"channel": {"id": self.world.direct(arguments["users"]).id}}

    def _info(self, arguments: Arguments) -> Answer:
        channel = self._channel(arguments, joined=False)
        if channel.private and BOT_USER not in channel.members:  # docs.slack.dev/reference/methods/conversations.info
            raise ApiError("channel_not_found")
        about = {"id": channel.id, "is_member": BOT_USER in channel.members, "is_archived": channel.archived}
        kind = {"is_im": True, "user": channel.partner} if channel.partner else {"is_channel": True}
        return {"channel": about | kind | {"is_private": channel.private or bool(channel.partner)}}

    def _joined(self, arguments: Arguments) -> Answer:
        mine = [channel for channel in self.world.channels.values() if BOT_USER in channel.members and not channel.partner]
        return {"channels": [{"id": item.id, "name": item.id.lower()} for item in mine]}

    def _members(self, arguments: Arguments) -> Answer:
        members, start = sorted(self._channel(arguments).members), int(arguments.get("cursor") or 0)
        end = start + min(2, int(arguments.get("limit") or 100))
        cursor = str(end) if end < len(members) else ""
        return {"members": members[start:end], "response_metadata": {"next_cursor": cursor}}

    def _history(self, arguments: Arguments) -> Answer:
        channel = self._channel(arguments)
        found = [message for message in channel.messages.values() if message.get("thread_ts") in (None, message["ts"])]
        return self._page(list(reversed(found)), arguments)

    def _replies(self, arguments: Arguments) -> Answer:
        channel, thread = self._channel(arguments), str(arguments["ts"])
        if thread not in channel.messages:
            raise ApiError("thread_not_found")
        replies = [
            message for message in channel.messages.values() if message.get("thread_ts") == thread and message["ts"] != thread
        ]
        return self._page([channel.messages[thread], *replies], arguments, root=thread)

    def _page(self, found: list[Message], arguments: Arguments, root: str = "") -> Answer:
        oldest, start = float(arguments.get("oldest") or 0), int(arguments.get("cursor") or 0)
        limit = int(arguments.get("limit") or 100)
        latest = float(arguments.get("latest") or "inf")
        wanted = [message for message in found if message["ts"] == root or oldest <= float(message["ts"]) <= latest]
        with_marks = str(arguments.get("include_all_metadata")) in ("1", "True", "true")
        page = [message if with_marks else {**message, "metadata": None} for message in wanted[start : start + limit]]
        cursor = str(start + limit) if start + limit < len(wanted) else ""
        return {"messages": page, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}

    def _channel(self, arguments: Arguments, *, joined: bool = True) -> Channel:
        name = str(arguments.get("channel") or arguments.get("channel_id"))
        channel = self.world.channels.get(name) or (self.world.direct(name) if name in self.world.people else None)
        if channel is None:
            raise ApiError("channel_not_found")
        if joined and BOT_USER not in channel.members:
            raise ApiError("not_in_channel")
        return channel

    # Messages -------------------------------------------------------------------------------------------------------------

    def _post(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        if arguments.get("thread_ts") and arguments["thread_ts"] not in channel.messages:
            raise ApiError("thread_not_found")
        if "username" in arguments:
            self._needs("chat:write.customize")
        message = self._made(arguments)
        if message.get("thread_ts"):
            channel.messages[message["thread_ts"]].setdefault("thread_ts", message["thread_ts"])
        self._stands(channel, message)
        return {"channel": channel.id, "ts": message["ts"], "message": message}

    def _stands(self, channel: Channel, message: Message) -> None:
        """Store a message of the bot; its event is sent to the bot, as for every message."""
        channel.messages[message["ts"]] = message
        self.world.record_effect("post", channel.id, message["ts"], message)
        parent = channel.messages.get(str(message.get("thread_ts")), {}).get("user")
        event = {**message, "channel": channel.id, "event_ts": message["ts"], "parent_user_id": parent}
        self.world.create_event({**event, "channel_type": "im" if channel.partner else "channel"})

    def _made(self, arguments: Arguments) -> Message:
        if wrong := wrong_in_message(arguments):
            raise ApiError(f"invalid_blocks: {wrong}")
        if refused := refused_once_expanded(arguments):
            raise ApiError(refused)
        message: Message = {"type": "message", "user": BOT_USER, "bot_id": BOT, "app_id": APP, "ts": self.world.stamp()}
        kept = ("text", "blocks", "metadata", "thread_ts", "username")
        return message | {name: arguments[name] for name in kept if arguments.get(name) is not None}

    def _update(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        before = channel.messages.get(str(arguments["ts"]))
        if before is None:
            raise ApiError("message_not_found")
        if wrong := wrong_in_message(arguments):
            raise ApiError(f"invalid_blocks: {wrong}")
        if refused := refused_once_expanded(arguments):
            raise ApiError(refused)
        if "streaming" in before:
            raise ApiError("streaming_state_conflict")
        message = {**before, "text": arguments["text"], "blocks": arguments["blocks"], "edited": {"ts": self.world.stamp()}}
        message |= {"metadata": arguments["metadata"]} if "metadata" in arguments else {}
        channel.messages[before["ts"]] = message
        self.world.record_effect("update", channel.id, before["ts"], message)
        return {"channel": channel.id, "ts": before["ts"]}

    def _delete(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        if channel.messages.pop(str(arguments["ts"]), None) is None:
            raise ApiError("message_not_found")
        self.world.record_effect("delete", channel.id, str(arguments["ts"]), {})
        return {}

    # Streams --------------------------------------------------------------------------------------------------------------

    def _start_stream(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        if "metadata" in arguments:
            raise ApiError("invalid_arguments")
        if not channel.partner and not (arguments.get("recipient_user_id") and arguments.get("recipient_team_id")):
            raise ApiError("missing_recipient_team_id")
        if arguments["thread_ts"] not in channel.messages:
            raise ApiError("thread_not_found")
        message: Message = {"type": "message", "user": BOT_USER, "bot_id": BOT, "app_id": APP, "ts": self.world.stamp()}
        message |= {"thread_ts": arguments["thread_ts"], "text": "", "streaming": True}
        self._grow(message, arguments)
        channel.messages[message["ts"]] = message
        self.world.record_effect("stream", channel.id, message["ts"], message)
        return {"channel": channel.id, "ts": message["ts"]}

    def _append_stream(self, arguments: Arguments) -> Answer:
        channel, message = self._streamed(arguments)
        self._grow(message, arguments)
        self.world.record_effect("append", channel.id, message["ts"], dict(message))
        return {"channel": channel.id, "ts": message["ts"]}

    def _stop_stream(self, arguments: Arguments) -> Answer:
        channel, message = self._streamed(arguments)
        self._grow(message, arguments)
        del message["streaming"]
        self.world.record_effect("stop", channel.id, message["ts"], dict(message))
        return {"channel": channel.id, "ts": message["ts"]}

    def _streamed(self, arguments: Arguments) -> tuple[Channel, Message]:
        channel = self._writable(arguments)
        message = channel.messages.get(str(arguments["ts"]))
        if message is None:
            raise ApiError("message_not_found")
        if "streaming" not in message:
            raise ApiError("message_not_in_streaming_state")
        return channel, message

    def _grow(self, message: Message, arguments: Arguments) -> None:
        more = str(arguments.get("markdown_text") or "")
        if len(more) > MARKDOWN_IN_ALL:
            raise ApiError("msg_too_long")
        message["text"] += more
        if message["text"]:
            message["blocks"] = [{"type": "markdown", "text": message["text"]}]

    def _ephemeral(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        if arguments["user"] not in channel.members:
            raise ApiError("user_not_in_channel")
        message = {**self._made(arguments), "to": arguments["user"], "channel": channel.id, "is_ephemeral": True}
        self.world.ephemeral.append(message)
        self.world.record_effect("ephemeral", channel.id, message["ts"], message)
        return {"message_ts": message["ts"]}

    def _writable(self, arguments: Arguments) -> Channel:
        channel = self._channel(arguments)
        if channel.archived:
            raise ApiError("is_archived")
        return channel

    def _react(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        message = channel.messages.get(str(arguments["timestamp"]))
        if message is None:
            raise ApiError("message_not_found")
        names = message.setdefault("reactions", [])
        if arguments["name"] in names:
            raise ApiError("already_reacted")
        names.append(arguments["name"])
        self.world.record_effect("react", channel.id, message["ts"], {"name": arguments["name"]})
        return {}

    # Views and files ------------------------------------------------------------------------------------------------------

    def _view(self, arguments: Arguments) -> Answer:
        view = self._drawn(arguments)
        self.world.views.append(view)
        self.world.record_effect("view", "", view["id"], view)
        return {"view": view}

    def _drawn(self, arguments: Arguments) -> dict[str, Any]:
        if wrong := wrong_in_view(arguments["view"]):
            raise ApiError(f"invalid_arguments: {wrong}")
        number = self.world.number()
        return {**arguments["view"], "id": f"V{number}", "hash": f"h{number}"}

    def _redraw(self, arguments: Arguments) -> Answer:
        at = next((at for at, view in enumerate(self.world.views) if view["id"] == arguments["view_id"]), None)
        if at is None:
            raise ApiError("not_found")
        if arguments.get("hash") != self.world.views[at]["hash"]:
            raise ApiError("hash_conflict")
        view = {**self._drawn(arguments), "id": arguments["view_id"]}
        self.world.views[at] = view
        self.world.record_effect("view", "", view["id"], view)
        return {"view": view}

    def _publish(self, arguments: Arguments) -> Answer:
        view = self._drawn(arguments)
        self.world.homes[arguments["user_id"]] = view
        self.world.record_effect("home", "", arguments["user_id"], view)
        return {"view": view}

    def _upload_url(self, arguments: Arguments) -> Answer:
        self._needs("files:write")
        name = f"F{self.world.number()}"
        self.world.files[name] = {"id": name, "name": arguments["filename"], "size": int(arguments["length"])}
        return {"file_id": name, "upload_url": f"{self.url}/upload/{name}"}

    def _complete(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        files = [self.world.files[file["id"]] for file in arguments["files"]]
        message: Message = {"type": "message", "user": BOT_USER, "ts": self.world.stamp(), "text": ""}
        message |= {"files": files} | ({"thread_ts": arguments["thread_ts"]} if arguments.get("thread_ts") else {})
        self._stands(channel, message)
        return {"files": files}

    def _file(self, arguments: Arguments) -> Answer:
        self._needs("files:read")
        if arguments["file"] not in self.world.files:
            raise ApiError("file_not_found")
        return {"file": self.world.files[arguments["file"]]}

    def _needs(self, scope: str) -> None:
        if scope not in self.world.scopes:
            raise ApiError("missing_scope")
