"""What an actor has to know of the machine that it is on: its address, its interface, and whether the run is there."""

import os
import socket
from pathlib import Path
from typing import Any

from accord.errors import RecipeError

__all__ = ["Probe", "enter", "interface_of", "leave_probe", "use_interface"]

Probe = tuple[str, str]
"""A file that whoever begins a run leaves beside it, and what stands in it."""


def leave_probe(folder: Path) -> Probe:
    """Leave a file in a folder that all machines are to see; whoever leaves it takes it away."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".accord-shared-{os.getpid()}-{os.urandom(4).hex()}"
    words = os.urandom(16).hex()
    path.write_text(words)
    return str(path), words


def enter(folder: str, probe: Probe | None) -> None:
    """Work in a folder, as the command does that began the run.

    Raises `RecipeError` where this machine does not see it, or not the file that was left there.
    """
    if probe is not None:
        path, words = probe
        try:
            seen = Path(path).read_text() == words
        except OSError:
            seen = False
        if not seen:
            raise RecipeError(
                f"{Path(path).parent}: machine {socket.gethostname()} does not see it; a run by Ray lies in a folder "
                "that all machines share, under one path (--out)"
            )
    try:
        os.chdir(folder)
    except OSError as error:
        raise RecipeError(
            f"{folder}: machine {socket.gethostname()} has no such folder; start the run from one that all machines "
            "share"
        ) from error


def interface_of(address: str) -> str | None:
    """The network interface that has an address; None where none has."""
    import psutil

    processes: Any = psutil
    for name, entries in processes.net_if_addrs().items():
        if any(entry.address == address for entry in entries):
            return str(name)
    return None


def use_interface(address: str) -> None:
    """Have torch.distributed talk over the interface of an address, unless the environment names one."""
    if name := interface_of(address):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", name)
