"""What the three worlds share: strengths, budgets, tuned learning rates, and what is measured of a method."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from accord.lab.cell import Measurement
from accord.policy.rollout import Rollout
from accord.run import MANIFEST, RunDirectory

__all__ = [
    "BEST_OF_N",
    "BETA",
    "NOT_TRAINED",
    "OPTIMUM",
    "START",
    "TUNED",
    "WORLDS",
    "MethodResult",
    "N",
    "costs",
    "minus_missing_eos",
    "open_run",
]

WORLDS = ("enum", "essay", "reviews")
BETA = {"enum": 0.5, "essay": 0.05, "reviews": 0.1}
N = 8  # of best of n, and samples of a prompt
START, OPTIMUM, BEST_OF_N = "start", "the optimum", f"best of {N}"
NOT_TRAINED = (START, OPTIMUM)  # nobody's method

# Learning rate and strength by world and method.
TUNED: dict[str, dict[str, tuple[float, float]]] = {
    "essay": {
        "ppo": (3e-3, 0.05),
        "reinforce": (6e-3, 0.05),
        "reinforce++": (6e-3, 0.05),
        "rloo": (6e-3, 0.05),
        "grpo": (6e-3, 0.05),
        "dpo": (1e-3, 0.5),
        "ipo": (1e-3, 0.05),
        "kto": (1e-3, 0.1),
        "simpo": (1e-4, 2.0),
        "orpo": (3e-3, 1.0),
        "rrhf": (1e-3, 1.0),
        "pro": (1e-3, 1.0),
        "best_of_n": (3e-3, 0.0),
        "curated": (3e-3, 0.0),
        "conditional": (1e-3, 0.0),
    },
    "reviews": {
        "ppo": (2e-4, 0.1),
        "rloo": (2e-4, 0.1),
        "grpo": (2e-4, 0.1),
        "dpo": (1e-4, 0.1),
        "best_of_n": (1e-4, 0.0),
    },
}


class MethodResult(Measurement):
    """A method in a world.

    objective    E[r] - beta KL
    kl           to the start, nats a text
    distinct_2   share of word pairs that differ among a prompt's samples
    entropy      nats a token
    length       tokens
    stop_rate    share of texts that end themselves
    seconds      to train
    peak_gb      of memory, where the kernel tells it
    intervals    over prompts, by the name of the number
    """

    world: str
    method: str
    objective: float
    reward: float
    kl: float
    distinct_2: float | None = None
    entropy: float | None = None
    length: float | None = None
    stop_rate: float | None = None
    seconds: float | None = None
    peak_gb: float | None = None
    intervals: dict[str, tuple[float | None, float | None]] | None = None


def minus_missing_eos(pool: Rollout, score_B: Tensor) -> NDArray[np.float64]:
    """Scores less 1 where a text did not end itself, [B]."""
    penalised_B: NDArray[np.float64] = (score_B.double() - (~pool.stopped_B).double()).numpy()
    return penalised_B


def costs(seconds: float, peak_gb: float | None) -> dict[str, Any]:
    """Seconds to train and the peak of memory as columns."""
    return {"seconds": round(seconds, 1), "peak_gb": None if peak_gb is None else round(peak_gb, 2)}


def open_run(folder: Path, seed: int) -> RunDirectory:
    """The run at `folder`, taken up where it was stopped."""
    exists = (folder / MANIFEST).exists()
    return RunDirectory.open(folder) if exists else RunDirectory.create(folder, seed=seed)
