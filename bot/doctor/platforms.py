"""Checks of all installed chat platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.config.platforms import installed_platforms
from orchestrator_bridge.chat.platform import Finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.app import LoadedConfig


async def check_platforms(start: LoadedConfig) -> AsyncIterator[Finding]:
    """Report platforms that cannot be loaded, and the findings of each platform's own checks."""
    installed = installed_platforms()
    for broken in installed.broken:
        yield Finding(about="platforms", state="wrong", found=str(broken), fix="upgrade, repair or uninstall that package")
    for name, platform in installed.usable.items():
        try:
            async for finding in platform.check(start.settings.of_platform(platform), start.platform_context(platform)):
                yield finding
        except Exception as error:
            found = f"its checks failed: {type(error).__name__}: {error}"
            yield Finding(about=name, state="wrong", found=found, fix="report this to the maintainers of its package")
