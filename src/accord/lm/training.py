"""What every training stage does around its steps: go on from the last checkpoint, log a line, keep the step.

Random choices of a stage are functions of (seed, stage, step), never of a generator's state, so a stage that was
killed goes on to the same numbers.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from accord.errors import TrainingStopped
from accord.lm.optim import Optimiser
from accord.run import RunDirectory

__all__ = ["Progress", "seed_of", "shuffled"]


def seed_of(*parts: str | int) -> int:
    """A seed of 63 bits for a named purpose: `seed_of(run.seed, "policy", step)`."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def shuffled(n: int, *parts: str | int) -> list[int]:
    """0..n-1 in an order drawn from the named seed."""
    return [int(i) for i in np.random.default_rng(seed_of(*parts)).permutation(n)]


class Progress:
    """The steps of one stage. `start` is the last step done (0 at the beginning).

    `extra` is small state beside the optimiser's (a coefficient that adapts); it is restored on resume.
    """

    def __init__(
        self,
        run: RunDirectory,
        stage: str,
        optimiser: Optimiser,
        *,
        save_every: int,
        logs: tuple[str, ...] = ("metrics",),
    ) -> None:
        self.run, self.stage, self.optimiser, self.save_every = run, stage, optimiser, save_every
        self.names = [f"{stage}/{log}.jsonl" for log in logs]
        self.logs = [run.log(name) for name in self.names]
        self.extra: dict[str, Any] = {}
        self.start = 0
        last = run.last_checkpoint(stage)
        if last is not None:
            self.start, folder = last
            optimiser.load(folder / "optimiser.pt")
            self.extra = json.loads((folder / "extra.json").read_text())
        for log in self.logs:
            log.cut_back(self.start)
        self._last = self._kept = self.start
        self._updates = optimiser.done

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Keep the last whole step where training stops itself inside the block, and say which it is."""
        try:
            yield
        except TrainingStopped as stopped:
            if self._last > self._kept and self.optimiser.done == self._updates:
                self._keep()
            raise TrainingStopped(f"{self.stage}: {stopped}; step {self._kept} is kept in {self.run.path}") from stopped

    def done(self, step: int, *rows: list[dict[str, Any]]) -> None:
        """Log the rows of a step (one list for each log) and keep the step where it is due."""
        for log, lines in zip(self.logs, rows, strict=True):
            log.append(*lines)
        self._last, self._updates = step, self.optimiser.done
        if step % self.save_every == 0:
            self._keep()

    def finish(self) -> None:
        """Enter the logs in the manifest: they grow no more."""
        for name in self.names:
            self.run.adopt(name, stage=self.stage)

    def _keep(self) -> None:
        self.run.save_checkpoint(self.stage, self._last, self._write)
        self._kept = self._last

    def _write(self, folder: Path) -> None:
        self.optimiser.save(folder / "optimiser.pt")
        (folder / "extra.json").write_text(json.dumps(self.extra))
