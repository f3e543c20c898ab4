"""`python -m bot` is the command `townhall`."""

from bot.cli import main

main()
