"""A PostgreSQL cluster of the tests' own: on a private socket, with fsync on (which is the default), gone at the end.

`initdb` refuses to run as root, so there it runs as the user `postgres`. People sign in over the socket without a
password, and over TCP only with one.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

__all__ = ["Cluster", "binaries", "cluster", "why_not"]

DEBIAN = Path("/usr/lib/postgresql")
HBA = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: on the PATH, or the newest where Debian puts them."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    here = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return here[-1].parent if here else None


def why_not() -> str | None:
    """Why no cluster can be started here; None where one can."""
    if binaries() is None:
        return "PostgreSQL is not installed (no initdb on the PATH or in /usr/lib/postgresql/*/bin)"
    if os.geteuid() == 0 and _unprivileged() is None:
        return "PostgreSQL does not run as root, and there is no user 'postgres' to run it as"
    return None


class Cluster:
    """A running cluster. `database` makes an empty database and returns its URL."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._numbers = count(1)

    def url(self, database: str, user: str = "accord") -> str:
        """The URL over the private socket."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def url_by_tcp(self, database: str, user: str, password: str | None = None) -> str:
        """The URL over TCP, where a password is asked for."""
        secret = "" if password is None else f":{password}"
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def database(self, options: str = "") -> str:
        """The URL of a new and empty database."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} {options}")
        return self.url(name)

    def role(self, name: str, options: str = "") -> None:
        """A role that may sign in; made where there is none of that name."""
        if not self.run(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'"):
            self.run(f"CREATE ROLE {name} LOGIN {options}")

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the owner of the cluster."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster that runs inside the block."""
    home = binaries()
    assert home is not None
    folder = Path(tempfile.mkdtemp(prefix="accord-pg-", dir="/tmp"))
    account = _unprivileged()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    who: dict[str, Any] = (
        {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    )
    data = folder / "data"
    init = [
        str(home / "initdb"),
        "-D",
        str(data),
        "-U",
        "accord",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]
    server = None
    try:
        subprocess.run(init, check=True, capture_output=True, cwd=folder, **who)
        (data / "pg_hba.conf").write_text(HBA)
        port = _free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen([home / "postgres", "-D", str(data), *options], stderr=log, cwd=folder, **who)
        started = Cluster(folder, port)
        _wait(started, server)
        yield started
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is needed any more
            server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(started: Cluster, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            started.run("SELECT 1")
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((started.folder / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return


def _unprivileged() -> pwd.struct_passwd | None:
    """The account that the server runs as where we are root; None where we are not."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
