"""Seeds of named purposes.

Every random choice of a stage is a function of (run seed, stage, purpose, step), never of a generator that travels
from step to step: a stage that was killed goes on to the same numbers, and nothing random has to be kept for it.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from accord.run import RunDirectory

__all__ = ["Draws", "seed_of", "seed_of_stage", "seeded", "shuffled", "stage_seed"]

SEED_NAMES = {"eval_reward": "judge"}
"""Stages whose seed is drawn from another word than their name, so that runs made before a renaming are repeated."""


def seed_of(*parts: str | int) -> int:
    """A seed of 63 bits for a named purpose: `seed_of(run.seed, "policy", step)`."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stage_seed(run: RunDirectory, stage: str) -> int:
    """The seed of a stage of a run; `rounds/03/policy` has another than `policy`."""
    return seed_of_stage(run.seed, stage)


def seed_of_stage(seed: int, stage: str) -> int:
    """The seed that a stage has in a run of this seed."""
    prefix, slash, name = stage.rpartition("/")
    return seed_of(seed, f"{prefix}{slash}{SEED_NAMES.get(name, name)}")


def shuffled(n: int, *parts: str | int) -> list[int]:
    """0..n-1 in an order drawn from the named seed."""
    return [int(i) for i in np.random.default_rng(seed_of(*parts)).permutation(n)]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside the block the global generators of torch (dropout's), numpy and Python start at `seed`.

    They are put back to their former states afterwards.
    """
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            np.random.seed(seed % (1 << 32))
            random.seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


class Draws:
    """Where torch's global generators (dropout's) stand when it is made, so that a second pass draws as the first."""

    def __init__(self) -> None:
        import torch

        self._cpu = torch.get_rng_state()
        self._device = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None

    def again(self) -> None:
        """Put them back there."""
        import torch

        torch.set_rng_state(self._cpu)
        if self._device is not None:
            torch.cuda.set_rng_state(self._device)
