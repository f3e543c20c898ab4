"""Interactive frontend: an input line that stays usable while text is printed above it, with a toolbar below.

One prompt runs as long as the frontend: Enter passes its text on and clears the line. So at no moment is there no prompt, when
keys would be echoed into the output and Ctrl-C would become a signal. Printing has a queue of its own (`PrintQueue`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.defaults import create_output
from prompt_toolkit.shortcuts import CompleteStyle
from rich.text import Text

from adapters.terminal.completion import EntryCompletion
from adapters.terminal.frontend import ToolbarLines, supports_colours
from adapters.terminal.paint import Page, paint
from adapters.terminal.prompt_io import PrintQueue, capture_output, open_keyboard
from orchestrator_bridge.common.text import clean, shorten

MAX_CHARACTERS = 1000
"""Characters in the line above which a paste is replaced by a placeholder."""
MAX_LINES = 10
"""Lines above which a paste is replaced by a placeholder."""


class PasteBuffer:
    """Long pasted texts by their placeholders. Kept until the program ends, because the history recalls placeholders."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._newest: str | None = None

    def placeholder_for(self, text: str, before: str = "") -> str:
        """Text to insert for a paste, given the text `before` it in the line: the paste itself if short, else a placeholder."""
        if len(before) + len(text) <= MAX_CHARACTERS and text.count("\n") < MAX_LINES:
            return text
        placeholder = f"[paste {len(self._texts) + 1}: {len(text):,} characters]"
        self._texts[placeholder] = text
        self._newest = placeholder
        return placeholder

    def pop_last(self, before: str) -> tuple[str, str] | None:
        """Remove and return the newest placeholder and its text if the line ends with it: a paste may arrive in parts."""
        placeholder, self._newest = self._newest, None
        if placeholder is None or not before.endswith(placeholder):
            return None
        return placeholder, self._texts.pop(placeholder)

    def expand(self, line: str) -> str:
        """Replace every placeholder by its text, once: a pasted text may itself contain what looks like a placeholder."""
        self._newest = None
        for placeholder, text in self._texts.items():
            before, found, after = line.partition(placeholder)
            if found:
                return self.expand(before) + text + self.expand(after)
        return line


_log = logging.getLogger(__name__)

QUIT_WINDOW = 3.0
"""Seconds within which a second Ctrl-C on the empty line leaves."""
ENTRY_RETURNED = "Your text is back on the line. Edit it or press Ctrl-C."
_MAX_ECHO = 300
"""Characters of an entry that are repeated above the input line."""


class PromptFrontend:
    """Reads keys from `stdin` and draws on `screen`, both terminals. `clock` counts seconds."""

    keyboard = True

    def __init__(
        self,
        stdin: TextIO,
        screen: TextIO,
        environ: Mapping[str, str],
        bar: ToolbarLines,
        complete: Callable[[str], Sequence[EntryCompletion]],
        clock: Callable[[], float],
    ) -> None:
        self._screen = screen
        self._coloured = supports_colours(screen, environ)
        self._toolbar_lines = bar
        self._complete = complete
        self._clock = clock
        self._input = open_keyboard(stdin)
        self._output = create_output(screen)
        self._pastes = PasteBuffer()
        self._entries: asyncio.Queue[str | None] = asyncio.Queue()
        self._print_queue = PrintQueue(self._write)
        self._leaving_until = 0.0
        self._session = self._new_session()
        self._running: asyncio.Task[None] | None = None

    def page(self) -> Page:
        """Current width of the window."""
        width = self._output.get_size().columns
        return Page(width=width, styled=True, coloured=self._coloured, encoding=self._screen.encoding or "utf-8")

    async def open(self) -> None:
        """Draw the input line."""
        drawn = asyncio.Event()
        self._running = asyncio.create_task(self._run(drawn))
        await drawn.wait()

    async def show(self, text: str) -> None:
        """Print above the input line."""
        await self._print_queue.enqueue(text)

    async def next_entry(self) -> str | None:
        """The next entry; one paste is one entry, however many lines it has."""
        return await self._entries.get()

    async def return_entry(self, entry: str) -> None:
        """Put the entry back into the line, unless the person has typed something else meanwhile."""
        buffer = self._session.default_buffer
        if buffer.text:
            return await self.show(f"> {entry}\n")
        text = self._pastes.placeholder_for(entry)
        buffer.document = Document(text, len(text))
        return await self.show(paint([Text(ENTRY_RETURNED, style="dim")], self.page()))

    def refresh(self) -> None:
        """Redraw the toolbar."""
        self._session.app.invalidate()

    async def close(self) -> None:
        """Remove the input line."""
        if self._running is None:
            return
        if self._session.app.is_running and not self._session.app.is_done:
            self._session.app.exit()
        await self._running
        self._running = None
        self._input.close()

    async def _run(self, drawn: asyncio.Event) -> None:
        with create_app_session(self._input, self._output), capture_output(self._screen, self._print_queue.enqueue):
            printing = asyncio.create_task(self._print_queue.run())
            try:
                await self._session.prompt_async("> ", pre_run=drawn.set, set_exception_handler=False, handle_sigint=False)
            except (EOFError, OSError) as end:
                _log.debug("the input line has ended: %r", end)
            finally:
                self._print_queue.close()
                await printing
                self._entries.put_nowait(None)
                # `open` waits for this, also where the prompt has failed before it was drawn.
                drawn.set()

    def _new_session(self) -> PromptSession[str]:
        session: PromptSession[str] = PromptSession(
            input=self._input,
            output=self._output,
            color_depth=None if self._coloured else ColorDepth.DEPTH_1_BIT,
            bottom_toolbar=self._toolbar,
            prompt_continuation="  ",
            key_bindings=self._keys(),
            completer=_Completer(self._complete),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            enable_suspend=True,
            erase_when_done=True,
        )
        session.default_buffer.accept_handler = self._accept
        return session

    def _toolbar(self) -> StyleAndTextTuples:
        typed = self._pastes.expand(self._session.default_buffer.text)
        return [("", "\n".join(self._toolbar_lines(self._output.get_size().columns, typed)))]

    def _accept(self, buffer: Buffer) -> bool:
        """Pass the line on after Enter; False clears the line."""
        if buffer.text.strip():
            echo = Text(f"> {shorten(clean(buffer.text), _MAX_ECHO)}", style="bold")
            _ = self._print_queue.enqueue(paint([echo], self.page()))
            self._entries.put_nowait(self._pastes.expand(buffer.text))
        return False

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        keys.add("c-c")(self._interrupt)
        keys.add(Keys.BracketedPaste)(self._paste)
        keys.add("escape", "enter")(_new_line)
        return keys

    def _interrupt(self, event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        elif self._clock() < self._leaving_until:
            event.app.exit()
        else:
            self._leaving_until = self._clock() + QUIT_WINDOW
            _ = self._print_queue.enqueue("Press Ctrl-C again to leave.\n")

    def _paste(self, event: KeyPressEvent) -> None:
        buffer, text = event.current_buffer, event.data.replace("\r\n", "\n").replace("\r", "\n")
        if (last := self._pastes.pop_last(buffer.document.text_before_cursor)) is not None:
            buffer.delete_before_cursor(len(last[0]))
            text = last[1] + text
        buffer.insert_text(self._pastes.placeholder_for(text, buffer.text))

    def _write(self, text: str) -> None:
        self._output.write_raw(text)
        self._output.flush()


class _Completer(Completer):
    """Completes the line when Tab is pressed."""

    def __init__(self, complete: Callable[[str], Sequence[EntryCompletion]]) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        for found in self._complete(document.text_before_cursor):
            yield Completion(found.text, start_position=-found.replaces)


def _new_line(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text("\n")
