"""An evaluator of whom it was not recorded who it is stands for any number of people."""

from dataclasses import replace

import numpy as np
import pytest

from accord.feedback import unknown_evaluator
from accord.records import Evaluator
from accord.reward import BradleyTerry, Distributional
from accord.reward.observations import of_pair
from accord.reward.people.unknown_groups import UnknownGroups
from small_data import letters_dataset

CROWD = unknown_evaluator("web")
PEOPLE = [Evaluator(kind="simulated", pseudonym=f"p-{i}") for i in range(2)]
LETTERS = letters_dataset(prompts=12)
PAIRS = [pair.model_copy(update={"evaluator": CROWD.id, "session": None}) for pair in LETTERS.pairs["train"]]
PAIRS[:20] = [pair.model_copy(update={"evaluator": PEOPLE[i % 2].id}) for i, pair in enumerate(PAIRS[:20])]
DATA = replace(LETTERS, pairs={"train": tuple(PAIRS)}, evaluators={each.id: each for each in (CROWD, *PEOPLE)})
SAID = list(map(of_pair, PAIRS))


@pytest.mark.parametrize("kind", [BradleyTerry, Distributional])
def test_its_answers_are_drawn_by_prompt(kind: type[BradleyTerry]) -> None:
    heads = kind(base="tiny", ensemble_size=3).heads(DATA, SAID, seed=1, stage="reward")
    of_crowd = [each for each in SAID if each.evaluator == CROWD.id]
    weight_OS = heads.weights(of_crowd).numpy()
    assert len(np.unique(weight_OS[:, 0])) == len({each.prompt for each in of_crowd}) > 1
    of_person = [each for each in SAID if each.evaluator == PEOPLE[0].id]
    assert len(np.unique(heads.weights(of_person).numpy()[:, 0])) == 1


def test_it_has_no_head_of_its_own() -> None:
    heads = BradleyTerry(base="tiny", head_per="person").heads(DATA, SAID, seed=1, stage="reward")
    assert set(heads.names) == {"shared", *(each.id for each in PEOPLE)}
    crowd = next(each for each in SAID if each.evaluator == CROWD.id)
    assert heads.shares(crowd) == {0: 1.0}


def test_resuming_moves_nothing() -> None:
    loglik_EK = np.random.default_rng(2).normal(size=(5, 2))
    heads = UnknownGroups([f"e-{i}" for i in range(5)], [3] * 5, loglik_EK)
    kept: dict[str, object] = {}
    heads.resume(kept)
    before, shares = heads.responsibilities, list(heads.state["shares"])
    again = UnknownGroups([f"e-{i}" for i in range(5)], [3] * 5, loglik_EK)
    again.resume(kept)
    assert again.responsibilities == before
    assert again.state["shares"] == shares
