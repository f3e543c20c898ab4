"""A chat of plain lines over a Unix socket, as a platform of Townhall. People join with `nc -U lines.sock`.

`run-3 Mind the budget.` is a message in the thread of run 3, `question-2 PostgreSQL` answers question 2, `/ask Choose a
database.` is a command, `/pass 2 @bob` passes question 2 on to bob, and `/more 2 1h` extends it by an hour.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from orchestrator_bridge import chat
from orchestrator_bridge.chat import Adapter, Author, Autocomplete, OutboundPost, Place, Platform, PlatformContext, PostedMessage
from orchestrator_bridge.common import EnvironmentSettings, clean, parse_duration

_LOG = logging.getLogger(__name__)

NAME = "lines"
LOBBY = "lobby"  # the only channel
SHOWN_TO_NEWCOMERS = 500  # lines that somebody who joins sees first
MAX_UNREAD = 1_000_000  # bytes after which a connection that does not read is closed, so that it does not hold up the bot

_IN_THREAD = re.compile(r"((?:run|question)-\d+)[: ]\s*(.+)")
_CONTROL = re.compile(r"/(pass|more) (\d+) ?(.*)")
_COMMAND = re.compile(r"/(\w+) ?(.*)")


def parse_line(line: str, author: Author, message: str, at: float) -> chat.InboundEvent:
    """The event of one line that a person wrote.

    Raises:
        ValueError: it is not a duration that `/more` asks for.
    """
    lobby = Place(platform=NAME, channel=LOBBY)
    if control := _CONTROL.fullmatch(line):
        press: chat.ControlAction = "more" if control[1] == "more" else "pass"
        value = f"{parse_duration(control[3]):g}" if press == "more" else control[3]
        return chat.ControlUsed(
            place=lobby, interaction=message, question=int(control[2]), press=press, author=author, at=at, value=value
        )
    if command := _COMMAND.fullmatch(line):
        return chat.CommandReceived(place=lobby, interaction=message, author=author, name=command[1], text=command[2], at=at)
    threaded = _IN_THREAD.fullmatch(line)
    place = Place(platform=NAME, channel=LOBBY, thread=threaded[1]) if threaded else lobby
    return chat.MessageReceived(place=place, message=message, author=author, text=threaded[2] if threaded else line, at=at)


def thread_of(sent: OutboundPost) -> str | None:
    """A run and a question open a thread of their own; everything else is posted in the thread that it names."""
    match sent.post:
        case chat.RunCard(run=run):
            return f"run-{run}"
        case chat.QuestionCard(question=question):
            return f"question-{question}"
        case _:
            return sent.place.thread


def render(post: chat.Post) -> Iterator[str]:
    """The lines of a post. Everything is text: nothing in it can act on a reader, once `clean` has removed control characters."""
    match post:
        case chat.RunCard():
            yield f"Run {post.run} of team {post.team}{' (scripted agents)' if post.scripted else ''}: {post.task}"
            yield from (f"  {agent.name} ({agent.model}): {agent.state}" for agent in post.agents)
            yield f"  Run {post.run} {post.status}, {post.cost}, {post.tokens} tokens"
        case chat.QuestionCard(closed=None):
            yield f"Question {post.question} from {post.agent}, for {post.asked}: {post.text}"
            yield post.context
            for number, option in enumerate(post.options, start=1):
                yield f"  {number}. {option.label}{' (recommended)' if option.recommended else ''}: {option.description}"
            yield f"Expires {datetime.fromtimestamp(post.expires_at, UTC):%Y-%m-%d %H:%M} UTC. Then: {post.silence}"
            yield f"Answer: question-{post.question} your words. Pass: /pass {post.question}. More time: /more {post.question} 1h"
        case chat.QuestionCard():
            yield f"Question {post.question} is closed. {post.closed}"
        case chat.Note():
            yield f"{post.speaker}: {post.text}" if post.speaker else post.text
            yield post.file.text if post.file else ""
            yield f"`/questions {post.again} again` asks it all the same." if post.again is not None else ""
        case chat.FinalAnswer():
            yield f"Answer of run {post.run}, by {post.by}: {post.text}"
            yield post.how
        case chat.Acknowledgement():
            yield post.text or f"{post.author.name}, your reply counts as: {post.taken_as}"


class LinesAdapter:
    """The server of the chat. A person is who they say they are; the file mode of the socket decides who can connect."""

    platform = NAME
    capabilities = chat.Capabilities(private_replies=True, loses_history_on_restart=True)

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._server: asyncio.Server | None = None
        self._on_event: chat.InboundHandler | None = None
        self._sessions: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._people: dict[asyncio.StreamWriter, Author] = {}
        self._transcript: deque[str] = deque(maxlen=SHOWN_TO_NEWCOMERS)
        self._ids = (f"{secrets.token_hex(4)}-{number}" for number in count(1))  # no id returns after a restart

    async def start(self, on_event: chat.InboundHandler) -> None:
        """Listen on the socket. A socket file that a killed process left behind is replaced."""
        self._on_event = on_event
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._socket)
            self._socket.chmod(0o600)
        except OSError as error:
            raise chat.NotSent(f"LINES_SOCKET={self._socket} cannot be used: {error.strerror}") from error

    async def stop(self) -> None:
        """Close the socket and every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for writer in self._sessions:
                writer.transport.abort()  # its reader ends, and with it the session
            await asyncio.gather(*filter(None, self._sessions.values()))
            self._socket.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the name of a person, then their lines, until they leave."""
        self._sessions[writer] = asyncio.current_task()
        try:
            writer.write(b"Your name?\n")
            name = clean((await reader.readline()).decode(errors="replace")).strip()
            self._people[writer] = author = Author(platform=NAME, id=name.lower(), name=name)
            writer.write("".join(self._transcript).encode())
            while line := (await reader.readline()).decode(errors="replace"):
                if line.strip():
                    await self._receive(line.rstrip("\r\n"), author)
        except (ConnectionError, ValueError) as error:  # ValueError: a line that is longer than the reader's buffer
            _LOG.info("a connection ended: %s", error)
        finally:
            self._people.pop(writer, None)
            del self._sessions[writer]
            writer.close()

    async def _receive(self, line: str, author: Author) -> None:
        """Pass a line on, and return only when it is stored: so lines arrive in order, and what was not stored is reported."""
        assert self._on_event is not None
        try:
            event = parse_line(line, author, next(self._ids), time.time())
        except ValueError as error:
            return self._show(labelled(None, [str(error)]), {author.id})
        try:
            await self._on_event(event)
        except Exception:
            _LOG.exception("a line was not stored")
            self._show(labelled(None, ["That was not stored. Please send it again."]), {author.id})

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Show the post to everybody, or to one person in a direct message; notify the people whom it mentions."""
        if self._server is None:
            raise chat.NotSent("the line chat is stopped")
        thread, channel = thread_of(outbound), outbound.place.channel
        text = labelled(thread, render(outbound.post))
        if channel == LOBBY:
            self._transcript.extend(text.splitlines(keepends=True))
        self._show(text, None if channel == LOBBY else {channel.removeprefix("@")})
        mentioned = {author.id for author in getattr(outbound.post, "mentions", ())}
        self._show(labelled(thread, ["This is for you."]), mentioned)
        message = outbound.replaces.message if outbound.replaces else next(self._ids)
        return PostedMessage(message=message, thread=thread, at=time.time())

    async def reply_privately(self, event: chat.InboundEvent, reply: chat.PrivateReply) -> None:
        """Show the reply, and its tables as rows of cells, to the author of the event alone."""
        lines = [reply.text]
        for table in reply.tables:
            rows = [[cell if isinstance(cell, str) else cell.text for cell in row] for row in table.rows]
            lines += [table.title, *(" | ".join(row) for row in [table.columns, *rows])]
        if isinstance(event, chat.MessageReceived | chat.ControlUsed | chat.CommandReceived):
            self._show(labelled(event.place.thread, lines), {event.author.id})

    def _show(self, text: str, people: Collection[str] | None) -> None:
        """Write to the connections of these people, by id, or of everybody."""
        for writer, person in list(self._people.items()):
            if people is not None and person.id not in people:
                continue
            if writer.transport.get_write_buffer_size() > MAX_UNREAD:
                writer.transport.abort()
            elif not writer.is_closing():
                writer.write(text.encode())

    async def find_sent(self, outbound: OutboundPost) -> None:
        """Return None: there is no history to search (`can_read_history` is off)."""

    async def read_thread(self, place: Place, after: float) -> Sequence[chat.MessageReceived]:
        """Return nothing, for the same reason."""
        return ()

    async def fetch(self, attachment: chat.Attachment) -> bytes:
        """Refuse: lines have no attachments."""
        raise chat.SendRejected(f"{attachment.name}: this platform has no attachments")

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Return the people in the lobby; there are no groups."""
        return tuple(self._people.values()) if group == LOBBY else None


def labelled(thread: str | None, lines: Iterable[str]) -> str:
    """Lines with their thread in front of each, and without control characters."""
    text = "\n".join(clean(line) for line in lines if line)
    return "".join(f"[{thread or LOBBY}] {line}\n" for line in text.split("\n"))


class LinesSettings(EnvironmentSettings):
    """The environment variable of this platform."""

    lines_socket: Path | None = None


class LinesPlatform(Platform[LinesSettings]):
    """The description that the entry point names."""

    name = NAME
    title = "the line chat"
    settings_model = LinesSettings

    def configured(self, settings: LinesSettings) -> bool:
        """True with a socket."""
        return settings.lines_socket is not None

    def create_adapter(self, settings: LinesSettings, context: PlatformContext, autocomplete: Autocomplete) -> Adapter:
        """Create the server; it listens when it is started."""
        assert settings.lines_socket is not None
        return LinesAdapter(settings.lines_socket)

    async def check(self, settings: LinesSettings, context: PlatformContext) -> AsyncIterator[chat.Finding]:
        """Check that the folder of the socket exists."""
        if settings.lines_socket is not None and not settings.lines_socket.parent.is_dir():
            yield chat.Finding(about=NAME, state="wrong", found=f"{settings.lines_socket.parent} is no folder", fix="create it")
        elif settings.lines_socket is not None:
            yield chat.Finding(about=NAME, state="ok", found=f"people join with nc -U {settings.lines_socket}")

    async def setup(self, settings: LinesSettings, options: Mapping[str, str]) -> chat.SetupGuide:
        """Explain the one setting."""
        return chat.SetupGuide(
            text="Set LINES_SOCKET=data/lines.sock in .env and start the bot. Join with: nc -U data/lines.sock"
        )


PLATFORM = LinesPlatform()
