"""Which of a planted run's rewards is chosen: by held-out pairs, or by the best of n under the independent judge."""

import numpy as np

from accord.audit.evidence import REWARD_BESIDE
from accord.audit.reward.foretold import best_of
from accord.lab.planted.gold import scores_of
from accord.lab.planted.planting import Planting

__all__ = ["best_by_judge", "best_by_pairs"]

DRAWS, N = 60, 16


def best_by_pairs(planting: Planting) -> str:
    """The name of the reward that orders most of the held-out pairs as people did."""
    pairs = [pair for pair in planting.data.pairs["held_out"] if not pair.tie]
    sides = [[planting.data.completions[getattr(p, side)].text for p in pairs] for side in ("chosen", "rejected")]

    def right(name: str) -> float:
        better_P, other_P = (scores_of(planting, name, texts) for texts in sides)
        return float(np.mean(better_P > other_P))

    return max(_rewards(planting), key=right)


def best_by_judge(planting: Planting) -> str:
    """The name of the reward whose best of 16 new texts pleases the independent judge most."""
    random = planting.random("choosing a reward")
    draws = [[planting.start.write(random)[0] for _ in range(N)] for _ in range(DRAWS)]
    values = [scores_of(planting, "eval_reward", texts) for texts in draws]

    def worth(name: str) -> float:
        return float(np.mean([best_of(scores_of(planting, name, t), v, N) for t, v in zip(draws, values, strict=True)]))

    return max(_rewards(planting), key=worth)


def _rewards(planting: Planting) -> list[str]:
    return [name for name in planting.judges if name == "reward" or name.startswith(REWARD_BESIDE)]
