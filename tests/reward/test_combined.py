"""Several rewards as one judge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from accord.errors import RecipeError
from accord.interfaces import Scores
from accord.records import Completion, Prompt
from accord.reward import CombinedJudge

PROMPT = Prompt.ask("Write")
TEXTS = [Completion(prompt=PROMPT.id, text=text) for text in ("aab", "b", "")]


@dataclass(frozen=True)
class Count:
    """How often a letter stands in a text."""

    name: str

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        value_N = np.array([float(each.text.count(self.name)) for each in completions])
        return Scores(value_N, std_N=value_N / 2, components={"twice": Scores(2 * value_N)}, scale=0.5)


def test_the_score_is_that_of_the_main_reward_and_the_others_are_components() -> None:
    judge = CombinedJudge("reward", Count("a"), {"bees": Count("b")})
    scores = judge.score([PROMPT] * 3, TEXTS)
    assert scores.value_N.tolist() == [2, 0, 0]
    assert scores.scale == 0.5
    assert set(scores.components) == {"twice", "bees"}
    component = scores.components["bees"]
    assert component.value_N.tolist() == [1, 1, 0]
    assert component.std_N is not None
    assert component.std_N.tolist() == [0.5, 0.5, 0]


def test_without_a_main_reward_the_score_is_the_mean_of_the_others() -> None:
    scores = CombinedJudge("reward", None, {"ays": Count("a"), "bees": Count("b")}).score([PROMPT] * 3, TEXTS)
    assert scores.value_N.tolist() == [1.5, 0.5, 0]
    assert scores.scale is None


def test_two_components_of_one_name_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"recipe.rewards.twice: \[reward\] has a component of this name"):
        CombinedJudge("reward", Count("a"), {"twice": Count("b")}).score([PROMPT] * 3, TEXTS)
