"""Votes: who put what into which class, as arrays.

Of a comparison the item is a pair of completions and the classes are which of the two is better. The two stand in the
order of their ids, which has nothing to do with the judgement.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred

with deferred():
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    from accord.feedback.statistics.preferences import Codes, Preferences

__all__ = ["Votes", "votes_of_preferences"]

LARGE = 4  # completions of a group of texts from which on folds divide the group itself


@dataclass(frozen=True)
class Votes:
    """N votes of E evaluators on I items in K classes, at most one of an evaluator on an item.

    evaluator_N, item_N, vote_N   codes: places in `evaluators`, 0..I-1, places in `classes`
    text_I2                       the two completions that an item is about (the same twice where it is one)
    """

    evaluators: list[str]
    classes: tuple[str, ...]
    evaluator_N: Codes
    item_N: Codes
    vote_N: Codes
    text_I2: Codes

    @property
    def items(self) -> int:
        """How many items there are."""
        return len(self.text_I2)

    @property
    def group_I(self) -> Codes:
        """The group of texts that each item is of: texts that are connected by items are one group."""
        size = int(self.text_I2.max(initial=-1)) + 1
        edges = coo_array((np.ones(self.items), self.text_I2.T), shape=(size, size))
        _, group_C = connected_components(edges, directed=False)
        return np.asarray(group_C[self.text_I2[:, 0]], dtype=np.int64)

    def where(self, mask_I: NDArray[np.bool_]) -> "Votes":
        """The votes on some of the items; evaluators keep their codes."""
        place_I = np.cumsum(mask_I) - 1
        mask_N = mask_I[self.item_N]
        return Votes(
            self.evaluators,
            self.classes,
            self.evaluator_N[mask_N],
            place_I[self.item_N[mask_N]],
            self.vote_N[mask_N],
            self.text_I2[mask_I],
        )

    def of_evaluators(self, mask_E: NDArray[np.bool_]) -> "Votes":
        """The votes of some of the evaluators, on the items that they voted on; evaluators keep their codes."""
        mask_N = mask_E[self.evaluator_N]
        item_J, item_M = np.unique(self.item_N[mask_N], return_inverse=True)
        own = self.evaluator_N[mask_N], item_M.reshape(-1), self.vote_N[mask_N]
        return Votes(self.evaluators, self.classes, *own, self.text_I2[item_J])

    def shared(self) -> "Votes":
        """The votes on items that two evaluators or more voted on: on others nobody else says what is true."""
        return self.where(np.bincount(self.item_N, minlength=self.items) > 1)

    def folds(self, count: int) -> Codes:
        """The fold of each item, [I]; -1 where its two completions fall into different ones.

        Whole groups of texts are dealt out; a group of more than four completions is divided by completion, so that no
        text stands in two folds.
        """
        size = int(self.text_I2.max(initial=-1)) + 1
        group_C = np.zeros(size, dtype=np.int64)
        group_C[self.text_I2] = self.group_I[:, None]
        members_G = np.bincount(group_C, minlength=size)
        unit_C = np.where(members_G[group_C] > LARGE, size + np.arange(size), group_C)
        fold_U = np.random.default_rng(0).permutation(2 * size) % count
        fold_I2 = fold_U[unit_C[self.text_I2]]
        return np.where(fold_I2[:, 0] == fold_I2[:, 1], fold_I2[:, 0], -1)


def votes_of_preferences(preferences: Preferences) -> Votes:
    """Opinions on two completions as votes; those that decided nothing are left out."""
    rank_C = np.empty(len(preferences.completions), dtype=np.int64)
    rank_C[np.argsort(preferences.completions)] = np.arange(len(rank_C))
    turned_N = rank_C[preferences.first_N] > rank_C[preferences.second_N]
    sign_N = np.where(turned_N, -preferences.sign_N, preferences.sign_N)
    used_N = sign_N != 0
    pair_N2 = np.stack([preferences.first_N, preferences.second_N], 1)[used_N]
    text_I2, item_N = np.unique(pair_N2, axis=0, return_inverse=True)
    vote_N = (sign_N[used_N] < 0).astype(np.int64)
    own = preferences.evaluator_N[used_N], item_N.reshape(-1), vote_N
    return Votes(preferences.evaluators, ("first", "second"), *own, text_I2)
