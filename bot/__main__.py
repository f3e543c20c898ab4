"""`python -m bot` is the command `townhall`."""

from bot.cli.main import main

main()
