"""What a reward says of itself: every kind its loss or formula, with the settings that change it."""

import pytest

from accord.records import JUDGEMENT_KINDS
from accord.reward import REWARDS
from accord.reward.combine import COMBINATIONS, Veto, WeightedSum
from accord.reward.kinds.bradley_terry import BradleyTerry
from accord.reward.kinds.cumulative_rating import CumulativeRating
from accord.reward.kinds.demonstration import DemonstrationReward
from accord.reward.kinds.distributional import Distributional
from accord.reward.kinds.format import FormatReward
from accord.reward.kinds.joint import Joint
from accord.reward.kinds.person import PersonReward
from accord.reward.kinds.steps import StepReward
from accord.reward.kinds.thurstone import Thurstone
from accord.reward.objective import combination_row, objective_row


@pytest.mark.parametrize("settings", [*REWARDS, *COMBINATIONS], ids=[*REWARDS.names, *COMBINATIONS.names])
def test_every_kind_says_its_objective(settings: type) -> None:
    assert settings.objective
    assert not settings.objective.endswith(".")


def test_how_people_answer_is_part_of_the_likelihood() -> None:
    plain = objective_row(BradleyTerry())
    assert plain.likelihood.endswith("over comparisons; a tie is half a win for each side")
    noisy = objective_row(BradleyTerry(ties="davidson", lapse=0.1))
    assert noisy.likelihood.endswith(
        "a tie is an outcome of its own (Davidson); a share of 0.1 of the answers is taken to be at random"
    )
    assert "a share that is learnt of the answers" in objective_row(BradleyTerry(lapse="fitted")).likelihood
    assert "sides exchanged" in objective_row(Thurstone(flip_rate=0.2)).likelihood
    strong = objective_row(BradleyTerry(strength="margin", margin_scale=2.0)).likelihood
    assert "a least margin, 2 log-odds at most" in strong
    assert "a tie" not in objective_row(Joint(judgements=("rating",))).likelihood


def test_what_holds_the_weights_is_the_prior() -> None:
    assert objective_row(BradleyTerry()).prior == (
        "normal about its start for the head, deviation 1 a weight; none for the decoder"
    )
    held = objective_row(BradleyTerry(head_prior_std="flat", decoder_prior_std=0.5)).prior
    assert held == "flat for the head; normal about its start for the decoder, deviation 0.5 a weight"
    assert objective_row(FormatReward(pattern="a")).prior is None
    assert objective_row(StepReward()).prior is not None


def test_what_becomes_of_people_who_differ() -> None:
    assert "who differs is noise" in objective_row(BradleyTerry()).disagreement
    groups = objective_row(BradleyTerry(group_by="region", aggregation="maxmin", pooling_sd=0.5)).disagreement
    assert groups == (
        "each group by region has a reward, drawn to the one that all share (deviation 0.5); they become one score by "
        "the rule 'maxmin', counting all alike"
    )
    assert objective_row(BradleyTerry(head_per="person")).disagreement.startswith("each person has a reward")
    assert "found by their answers" in objective_row(BradleyTerry(head_per="unknown_group")).disagreement
    assert "5 members" in objective_row(BradleyTerry(ensemble_size=5)).disagreement
    assert "widens the distribution" in objective_row(Distributional()).disagreement
    assert "how each evaluator uses the scale is learnt" in objective_row(CumulativeRating()).disagreement
    assert objective_row(FormatReward(pattern="a")).disagreement == "nobody's judgement is learnt from"
    asked = PersonReward(study="s", ledger="l.db", items="i.jsonl", budget=1)
    assert objective_row(asked).disagreement == "people who differ are averaged"


def test_it_says_what_is_learnt_from_and_not_what_is_read_beside() -> None:
    assert objective_row(DemonstrationReward()).learns_from == ("demonstration",)
    assert objective_row(Joint(judgements=("rating", "comparison"))).learns_from == ("comparison", "rating")
    assert objective_row(FormatReward(pattern="a")).learns_from == ()
    assert set(objective_row(BradleyTerry()).learns_from) <= JUDGEMENT_KINDS


def test_a_combination_says_its_formula_in_its_own_units() -> None:
    assert combination_row(WeightedSum()).likelihood == "sum_k w_k z_k (v_k the score of part k = z_k)"
    standard = combination_row(Veto(limits={"a": 0.0}, floor=-1.0, normalise="standardise"))
    assert standard.likelihood.endswith("z_k the same in standard deviations from its mean)")


def test_a_kind_of_ones_own_without_a_formula_says_none() -> None:
    class Mine(BradleyTerry):
        objective = ""

    assert objective_row(Mine()).likelihood == "a tie is half a win for each side"
