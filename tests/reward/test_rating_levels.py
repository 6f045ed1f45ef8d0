"""Which level of its scale a rating is."""

from typing import Any

import numpy as np
import pytest
import torch

from accord.records import Rating, Scale
from accord.reward.likelihoods import ordinal_rating
from accord.reward.observations import Observation
from accord.reward.terms.acts import Evaluators
from accord.reward.terms.graded_ratings import GradedRatings
from small_judgements import judged_letters


def test_the_level_of_a_rating_is_the_nearest_and_is_looked_for_once() -> None:
    scale, values = Scale(low=0, high=10), [0.5, 2.0, 3.5, 9.0]
    term = GradedRatings([(scale, values)], Evaluators(judged_letters()))
    reads: list[int] = []

    class Watched(list[float]):
        def __getitem__(self, place: Any) -> Any:
            reads.append(place)
            return super().__getitem__(place)

    term.levels[0] = Watched(values)
    said = np.linspace(0, 10, 41)  # 1.25 and 2.75 lie between two levels
    ratings = [Observation("p", ("c",), Rating(value=value, scale=scale)) for value in said.tolist()]
    score_AM, places = torch.zeros(1, 1), [[0]] * len(ratings)
    first_OM = term.nll(score_AM, ratings, places)
    cut_K = term._ends(0)[-1]
    nearest_O = np.abs(said[:, None] - values).argmin(1)
    wanted_O = ordinal_rating(torch.zeros(len(said)), cut_K[nearest_O], cut_K[nearest_O + 1])
    assert first_OM[:, 0].tolist() == pytest.approx(wanted_O.tolist(), rel=1e-6)
    assert reads
    reads.clear()
    assert torch.equal(term.nll(score_AM, ratings, places), first_OM)
    assert not reads
