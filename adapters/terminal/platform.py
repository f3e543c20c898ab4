"""The terminal as a platform: it needs no settings, and runs if no other platform is configured."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping

from orchestrator_bridge.chat.adapter import Adapter, Autocomplete
from orchestrator_bridge.chat.outbound import QuestionCard
from orchestrator_bridge.chat.platform import Finding, Platform, PlatformContext, SetupGuide
from orchestrator_bridge.common.settings import EnvironmentSettings


class TerminalPlatform(Platform[EnvironmentSettings]):
    """The terminal of the process, or its standard input and output as pipes."""

    name = "terminal"
    title = "this terminal"
    settings_model = EnvironmentSettings
    local = True
    setup_help = "Say that the terminal needs no setup."

    def configured(self, settings: EnvironmentSettings) -> bool:
        """True: there is nothing to configure."""
        return True

    def create_adapter(self, settings: EnvironmentSettings, context: PlatformContext, autocomplete: Autocomplete) -> Adapter:
        """Create the adapter of standard input and output."""
        from adapters.terminal.adapter import TerminalAdapter
        from adapters.terminal.screen import TerminalDevice

        device = TerminalDevice(stdin=sys.stdin, screen=sys.stdout)
        return TerminalAdapter(device, commands=context.commands, autocomplete=autocomplete)

    async def check(self, settings: EnvironmentSettings, context: PlatformContext) -> AsyncIterator[Finding]:
        """Report nothing: a terminal is always there."""
        return
        yield

    async def setup(self, settings: EnvironmentSettings, options: Mapping[str, str]) -> SetupGuide:
        """Say that there is nothing to set up."""
        return SetupGuide(text="The terminal needs no setup: townhall run uses it if no other platform is configured.")

    def answer_hint(self, card: QuestionCard) -> str:
        """The terminal's syntax; there are no buttons."""
        from adapters.terminal.parser import how_to_answer

        return f"Answer where the bot runs (`townhall run`): {how_to_answer(card)}."


PLATFORM = TerminalPlatform()
