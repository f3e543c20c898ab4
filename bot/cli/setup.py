"""`townhall setup <platform>`: one command for each installed platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from orchestrator_bridge.chat.platform import Platform


class SetupGroup(click.Group):
    """The group `townhall setup`. It looks for platforms when one of its commands is needed, not for `townhall --help`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the installed platforms."""
        from bot.config.platforms import installed_platforms

        return list(installed_platforms().usable)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a platform, with the options that it declares."""
        from bot.config.platforms import installed_platforms

        platform = installed_platforms().usable.get(cmd_name)
        if platform is None:
            return None

        def run(**given: str | None) -> None:
            import asyncio

            asyncio.run(print_setup(platform, {name: value for name, value in given.items() if value is not None}))

        options: list[click.Parameter] = [
            click.Option([f"--{option.name}"], help=option.help) for option in platform.setup_options
        ]
        help_text = platform.setup_help or f"Explain how to set up {platform.title}."
        return click.Command(cmd_name, params=options, help=help_text, callback=run)


async def print_setup(platform: Platform[Any], options: dict[str, str]) -> None:
    """Print the platform's setup guide: its text on standard output, the steps on standard error.

    Raises:
        ConfigError: the settings or an option are wrong.
        DeliveryError: the platform had to be asked, and did not answer.
    """
    from bot.config.platforms import to_config_error
    from bot.config.settings import load_settings
    from orchestrator_bridge.chat.platform import InvalidPlatformSettings

    try:
        guide = await platform.setup(load_settings().of_platform(platform), options)
    except InvalidPlatformSettings as error:
        raise to_config_error(error) from error
    if guide.steps:
        click.echo(guide.steps, err=True)
    click.echo(guide.text)
