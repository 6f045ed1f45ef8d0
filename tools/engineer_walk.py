"""How long the walk of docs/engineer.md takes: from an empty environment to an audited DPO run on 300 pairs.

    python -m tools.engineer_walk .                      this checkout
    python -m tools.engineer_walk dist/accord-0.1.0-py3-none-any.whl
    python -m tools.engineer_walk . --model smollm2-135m

    python -m tools.engineer_walk . --with uv            installed by `uv pip` instead of `pip`

Makes an environment, installs what is named, and runs the examples of the document in it, in an empty folder. Prints
the time of day, the seconds of each step and those of the processor; then what there was to read, at 250 words a
minute. On a machine that does other things too the seconds of the processor are what the walk itself took.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tools.walk_examples import ROOT, Example, examples_of, links_of, words_of

__all__ = ["Stopwatch", "main", "reading", "script_of"]

DOCUMENT = ROOT / "docs/engineer.md"
WORDS_A_MINUTE = 250
MARK = "\x1estep "  # stands before a line of a script that says which step is done, after how many processor seconds
INSTALLERS = {
    "pip": ("{python}", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
    "uv": ("uv", "pip", "install", "--quiet", "--python", "{python}"),
}


@dataclass(frozen=True)
class WalkStep:
    """A step, and the seconds that it took: of the clock, and of processors."""

    name: str
    seconds: float
    processor: float


class Stopwatch:
    """Says when a step was done, and what it took since the one before."""

    def __init__(self) -> None:
        self.steps: list[WalkStep] = []
        self._last, self._processor = time.monotonic(), processor_seconds()

    def done(self, step: str, processor: float | None = None) -> None:
        """A step is over. `processor` is what it took of processors where its process goes on and knows it itself."""
        now, used = time.monotonic(), processor_seconds()
        done = WalkStep(step, now - self._last, used - self._processor if processor is None else processor)
        self.steps.append(done)
        print(f"{datetime.now():%H:%M:%S}  {done.seconds:8.1f} s  {done.processor:8.1f} s  {step}", flush=True)
        self._last, self._processor = now, used


def processor_seconds() -> float:
    """Seconds of processors that this process took so far, and those of its children that have ended."""
    return sum(os.times()[:4])


def script_of(examples: Sequence[Example], model: str = "tiny") -> str:
    """The examples as one script, which says after each of them what was done; `model` takes the place of "tiny"."""
    parts = ["import os, subprocess, sys", "used = 0.0  # seconds of processors up to the last step"]
    for example in examples:
        if example.kind == "python":
            parts.append(example.source.replace('model="tiny"', f"model={model!r}"))
        parts += [
            f"subprocess.run([sys.executable, '-m', 'accord', *{arguments!r}], check=True)"
            for arguments in example.commands
        ]
        commands = [f"accord {' '.join(arguments)}" for arguments in example.commands]
        parts += [
            "used, before = sum(os.times()[:4]), used",
            f"print({MARK!r} + f'{{used - before:.2f}} ' + {', '.join([example.heading, *commands])!r}, flush=True)",
        ]
    return "\n".join(parts) + "\n"


def reading() -> list[tuple[str, int]]:
    """The walk and each page, or section of one, that it points to before its end: the name, and its words."""
    pages = [(DOCUMENT, ""), *links_of(DOCUMENT, before="Next")]
    return [(f"{page.relative_to(ROOT)}{anchor and '#'}{anchor}", words_of(page, anchor)) for page, anchor in pages]


def main(arguments: Sequence[str]) -> None:
    """Walk, and print how long each step took. Raises `CalledProcessError` where a step fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.engineer_walk", description=__doc__)
    parser.add_argument("package", help="a checkout or a wheel")
    parser.add_argument("--model", default="tiny", help="what is trained: a packaged name, a folder or a hub id")
    parser.add_argument("--with", default="pip", choices=INSTALLERS, dest="installer", help="what installs it")
    options = parser.parse_args(arguments)
    package = f"{Path(options.package).resolve()}[train]"
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        watch.done("an empty environment")
        python = folder / "venv/bin/python"
        install = [part.format(python=python) for part in INSTALLERS[options.installer]]
        subprocess.run([*install, "-c", ROOT / "constraints.txt", package], check=True)
        watch.done(f"{options.installer} install")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
        subprocess.run(["accord", "--help"], check=True, env=environment, stdout=subprocess.DEVNULL)
        watch.done("accord --help")
        work = folder / "work"
        work.mkdir()
        (work / "walk.py").write_text(script_of(examples_of(DOCUMENT), options.model), encoding="utf-8")
        _follow([str(python), "walk.py"], work, environment, watch)
    seconds, processor = (sum(part) for part in zip(*((s.seconds, s.processor) for s in watch.steps), strict=True))
    print(f"{seconds / 60:.1f} minutes by the machine, {processor / 60:.1f} of processors\n")
    pages = reading()
    for page, words in pages:
        print(f"{words:6} words  {words / WORDS_A_MINUTE:5.1f} min  {page}")
    walk, total = pages[0][1], sum(words for _, words in pages)
    alone, all_pages = walk / WORDS_A_MINUTE, total / WORDS_A_MINUTE
    print(f"to read: {alone:.1f} minutes the walk alone, {all_pages:.1f} with what it points to")


def _follow(command: Sequence[str], folder: Path, environment: dict[str, str], watch: Stopwatch) -> None:
    """Run a script, and note each step that it says is done; what else it prints is kept for when it fails."""
    printed: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(MARK):
                processor, _, step = line.removeprefix(MARK).strip().partition(" ")
                watch.done(step, float(processor))
            else:
                printed.append(line)
    if process.returncode:
        sys.stderr.writelines(printed)
        raise subprocess.CalledProcessError(process.returncode, command)


if __name__ == "__main__":
    main(sys.argv[1:])
