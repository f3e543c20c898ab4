"""The command line as in the tests of `bot`."""

from tests.bot.conftest import folder, townhall

__all__ = ["folder", "townhall"]
