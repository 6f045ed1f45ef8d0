"""Does the working tree still compute what a commit did?

    tools/same_run 14487fd --policy ppo --policy dpo

runs the tiny demo at the commit (once, kept in the cache folder) and in the working tree, on the same number of
threads, and compares the two runs bit for bit (`tools/run_diff.py` lists what may differ). The demo itself is PPO; any
other policy takes the demo's settings that it shares, in whichever spelling the tree has. The exit status is 0 where
the runs are the same, 1 where they differ, 2 where one of them failed.
"""

import argparse
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import tomli_w

from tools.run_diff import Difference, compare

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
PAIRWISE = {"dpo", "ipo", "simpo", "orpo", "kto"}
# What a policy takes over from the demo's: settings of all policies, and of those that write samples.
SHARED = {"dtype", "trained_layers", "save_every", "optim"}
ONLINE = {"max_steps", "prompts", "prompts_per_step", "group", "group_size", "sampling"}
PAIRS = 480
SHOWN = 6  # differences of a file

DEMO = """
import sys
from pathlib import Path
import accord
from accord.loop.demo import demo_recipe
from accord.recipe import dump
if not Path(accord.__file__).is_relative_to(sys.argv[1]):
    sys.exit(f"{accord.__file__} is not in {sys.argv[1]}")
print(dump(demo_recipe(sys.argv[2], tiny=True)))
"""


class RunError(Exception):
    """A run did not come to its end."""


def main() -> int:
    """Read the arguments, make the runs that are missing, print what differs."""
    parser = argparse.ArgumentParser(prog="tools/same_run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commit", help="what to compare the working tree with")
    parser.add_argument(
        "--policy", action="append", help="an algorithm (ppo dpo rloo ...); may be given more than once"
    )
    parser.add_argument("--threads", type=int, default=1, help="of both runs")
    arguments = parser.parse_args()
    names = arguments.policy or ["ppo"]
    folder = Path(tempfile.mkdtemp(prefix="same_run-"))
    shutil.copytree(ROOT / "src", folder / "tree" / "src")  # so that one may go on writing meanwhile
    try:
        old = [_at_commit(arguments.commit, name, arguments.threads) for name in names]
        new = [_run(folder / "tree", folder, name, arguments.threads) for name in names]
        same = [_report(*runs) for runs in zip(names, old, new, strict=True)]
    except RunError as error:
        print(error, file=sys.stderr)
        return 2
    if all(same):
        shutil.rmtree(folder)
        return 0
    print(f"the working tree's runs are in {folder}")
    return 1


def _report(name: str, old: Path, new: Path) -> bool:
    """Print what differs between two runs, at most `SHOWN` places of a file; whether they are the same."""
    differences = list(compare(old, new))
    counted = [difference for difference in differences if not difference.note]
    print(f"{name}: {f'{len(counted)} differences' if counted else 'the same'}")
    _print_first(counted, "  ")
    _print_first([difference for difference in differences if difference.note], "  note: ")
    return not counted


def _print_first(differences: list[Difference], prefix: str) -> None:
    count: Counter[str] = Counter()
    for difference in differences:
        count[difference.file] += 1
        if count[difference.file] <= SHOWN:
            print(f"{prefix}{difference}")
    for file, total in count.items():
        if total > SHOWN:
            print(f"{prefix}{file}: and {total - SHOWN} more")


def _at_commit(commit: str, name: str, threads: int) -> Path:
    """The run of a commit on this machine, made once."""
    full = _git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
    cache = Path(os.environ.get("ACCORD_CACHE") or Path.home() / ".cache" / "accord") / "same_run" / full[:12]
    runs = cache / _machine(threads)
    runs.mkdir(parents=True, exist_ok=True)
    with _locked(cache / ".lock"):
        if not (cache / "tree").is_dir():
            folder = Path(tempfile.mkdtemp(dir=cache))
            subprocess.run(["tar", "-x", "-C", str(folder)], input=_git("archive", full, "src"), check=True)
            folder.rename(cache / "tree")
        whole = runs / f"{name}.whole"
        if not whole.exists():
            shutil.rmtree(runs / name, ignore_errors=True)
            _run(cache / "tree", runs, name, threads)
            whole.touch()
    return runs / name


def _run(tree: Path, folder: Path, name: str, threads: int) -> Path:
    """The tiny demo of a tree with a policy, in `folder`; runs of one folder share their ledger."""
    print(f"running {name} of {tree}", file=sys.stderr)
    out = folder / name
    recipe = tomllib.loads(_python(tree, threads, "-c", DEMO, str(tree), str(out)))
    if name == "ppo":
        _python(tree, threads, "-m", "accord", "demo", "--tiny", "--quiet", "--out", str(out))
        return out
    if (folder / "ratings.db").exists():
        recipe["data"] = {key: value for key, value in recipe["data"].items() if key not in {"source", "format"}}
    shared = SHARED if name in PAIRWISE else SHARED | ONLINE
    recipe["policy"] = {"kind": name, **{key: value for key, value in recipe["policy"].items() if key in shared}}
    if name in PAIRWISE:
        recipe["policy"]["max_pairs" if "max_pairs" in recipe["data"] else "pairs"] = PAIRS
    file = folder / f"{name}.toml"
    file.write_text(tomli_w.dumps(recipe), encoding="utf-8")
    _python(tree, threads, "-m", "accord", "run", str(file), "--quiet", "--out", str(out))
    return out


def _python(tree: Path, threads: int, *arguments: str) -> str:
    """What Python prints that has the tree's accord. Raises `RunError` with the end of its output where it fails."""
    counts = {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "MKL", "OPENBLAS")}
    environment = {**os.environ, **counts, "PYTHONPATH": str(tree / "src")}
    with tempfile.TemporaryDirectory() as empty:  # Python looks into the folder it runs in before anything else
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, cwd=empty, capture_output=True, text=True, check=False
        )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise RunError(f"{tail}\n{tree}: ended with status {done.returncode}")
    return done.stdout


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise RunError(done.stderr.decode().strip())
    return done.stdout


def _machine(threads: int) -> str:
    """What a run's last bits may depend on besides the code, as a name for a folder."""
    try:
        processor = re.findall(r"^(?:model name|flags)\s*:.*$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[:2]
    except OSError:
        processor = [platform.processor()]
    packages = [f"{name} {version(name)}" for name in ("torch", "transformers", "tokenizers", "numpy", "scipy")]
    parts = [*processor, platform.python_version(), *packages, f"{threads} threads"]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the next one waits."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
