"""How good the reward of a round is on what its policy writes, by the truth."""

import numpy as np

from accord.lab.lexicon import truth
from accord.lab.planted.gold import orders_as
from accord.lab.planted.planting import Planting

__all__ = ["accuracy_on_own_texts"]

TEXTS = 1000


def accuracy_on_own_texts(planting: Planting) -> float:
    """The share of pairs of new texts of the policy that the reward which made it orders as the truth does."""
    reward, policy = planting.notes["asked"]
    random = planting.random("gold of what was asked")
    texts = [policy.write(random)[0] for _ in range(TEXTS)]
    return orders_as(reward.values(texts), np.array([truth(text) for text in texts]))
