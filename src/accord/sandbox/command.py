"""The command line of a sandboxed worker: what of this machine is seen from inside, and that nothing else is.

With bubblewrap a program sees the interpreter with its packages and libraries, read-only, `/dev/null` and
`/dev/urandom`; no home, no `/proc`, no network, no other process, nothing that it could write to. Without it the
limits of the process and the refused system calls are all there is: it can read what its user can read.
"""

import logging
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

__all__ = ["ENVIRONMENT", "bubblewrap", "import_paths", "worker_command"]

log = logging.getLogger("accord.sandbox")
LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache")
DEVICES = ("/dev/null", "/dev/urandom")
PROBE_SECONDS = 20.0
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # sets have one order, in whichever worker
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
WORKER = Path(__file__).with_name("worker.py")
PACKAGE = Path(__file__).parents[1]  # accord itself


@cache
def bubblewrap() -> str | None:
    """The path of a bubblewrap that works here; None where there is none, of which a warning tells once."""
    path = shutil.which("bwrap")
    problem = "it is not installed (bwrap)" if path is None else _problem(path)
    if not problem:
        return path
    log.warning(
        "programs that judge run without bubblewrap: %s. Time, memory and output are bounded, but this is no boundary: "
        "such a program can read what you can read. Run none that you have not read",
        problem,
    )
    return None


def _problem(path: str) -> str:
    """Why this bubblewrap cannot be used; "" where it can."""
    command = [path, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", sys.executable, "-S", "-c", ""]
    try:
        probe = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        return f"it did not start within {PROBE_SECONDS:.0f} s"
    return "" if probe.returncode == 0 else f"it does not work here ({probe.stderr.strip()[-200:]})"


def worker_command(wrapper: str | None) -> list[str]:
    """The command of a worker, inside the bubblewrap at `wrapper` where there is one."""
    interpreter = [str(Path(sys.executable).resolve()), "-s", "-P", "-S", "-B", str(WORKER)]
    if wrapper is None:
        return interpreter
    shut = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--chdir", "/"]
    devices = [part for device in DEVICES for part in ("--dev-bind", device, device)]
    return [wrapper, *shut, *_bindings(), *devices, "--remount-ro", "/", "--", *interpreter]


def import_paths() -> list[str]:
    """Where programs find installed packages, and accord among them."""
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(PACKAGE.parent)]
    return list(dict.fromkeys(folders))


def _bindings() -> list[str]:
    """The read-only places of the interpreter, its packages and its libraries, each at its own path."""
    own = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    own += [f"{sys.base_prefix}/lib", str(Path(sys.executable).resolve()), str(PACKAGE)]
    arguments: list[str] = []
    for place in dict.fromkeys([*LIBRARIES, *own]):
        path = Path(place)
        if path.is_symlink() and place in LIBRARIES:
            arguments += ["--symlink", str(path.readlink()), place]
        elif path.exists():
            arguments += ["--ro-bind", place, place]
    return arguments
