"""The fake model server as a separate process: its command line, and the files that it reads and writes.

A script file is TOML: `player` names the behaviour that continues after the plays, `delay_ms` is the delay of each answer,
and every `[[plays]]` is one answer with the fields of `Play` (`tool_calls` as a list of tables, `usage` as a table).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.fake_models.players import PLAYERS
from tests.support.fake_models.replies import Behaviour, ModelCall, ReplyQueue, ScriptedReply, Tokens, ToolUse
from tests.support.fake_models.server import Listener, ModelServer


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; print the base address as the first line."""
    options = _parser().parse_args(arguments)
    asyncio.run(_serve(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.support.fake_models.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--player", choices=sorted(PLAYERS), default="team", help="the behaviour without a script")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="thinking time of every answer")
    parser.add_argument("--script", type=Path, help="a TOML file of plays")
    parser.add_argument("--record", type=Path, help="append every request to this file, one JSON object a line")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    behaviour = read_script(options.script) if options.script else PLAYERS[options.player]
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    listener = _recorder(options.record) if options.record else None
    async with ModelServer(slow(behaviour, options.delay_ms), port=options.port, listener=listener) as server:
        print(server.url, flush=True)  # noqa: T201 - the address is this command's output
        await stopped.wait()


def slow(behaviour: Behaviour, delay_ms: float) -> Behaviour:
    """The same behaviour with this delay for plays that have none."""
    if not delay_ms:
        return behaviour

    def player(asked: ModelCall) -> ScriptedReply:
        play = behaviour(asked)
        return play if play.delay_ms else replace(play, delay_ms=delay_ms)

    return player


def read_script(path: Path) -> Behaviour:
    """Read the behaviour that a script file describes."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    behaviour = ReplyQueue([_play(entry) for entry in table.get("plays", [])], then=PLAYERS[table.get("player", "team")])
    return slow(behaviour, float(table.get("delay_ms", 0.0)))


def _play(entry: dict[str, Any]) -> ScriptedReply:
    fields = dict(entry)
    if "tool_calls" in fields:
        fields["tool_calls"] = [ToolUse(**call) for call in fields["tool_calls"]]
    if "usage" in fields:
        fields["usage"] = Tokens(**fields["usage"])
    return ScriptedReply(**fields)


def _recorder(path: Path) -> Listener:
    def record(asked: ModelCall) -> None:
        line = {"number": asked.number, "fingerprint": asked.fingerprint, "at": asked.at, "body": asked.body}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    return record
