"""Models of evaluators: against crowd-kit, a closed form, and votes whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import MACE, DawidSkene, OneCoinDawidSkene
from simulated_votes import votes_of

from accord.feedback.statistics.preferences import collect_preferences
from accord.feedback.statistics.workers.confusion import WorkerModel, one_coin_confusion
from accord.feedback.statistics.workers.estimates import model_estimates
from accord.feedback.statistics.workers.fitting import MODELS, dawid_skene, one_coin
from accord.feedback.statistics.workers.held_out import held_out_gain
from accord.feedback.statistics.workers.mace import mace
from accord.feedback.statistics.workers.shrinkage import beta_prior, shrunk_rates, tail_above, tail_below
from accord.feedback.statistics.workers.signal import agreement_with_others
from accord.feedback.statistics.workers.votes import Votes, votes_of_preferences
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt

MIXED = np.where(np.arange(20) < 5, 0.5, 0.85)


def table_of(votes: Votes) -> pd.DataFrame:
    return pd.DataFrame({"task": votes.item_N, "worker": votes.evaluator_N, "label": votes.vote_N})


@pytest.mark.parametrize("classes", [2, 3])
def test_without_a_prior_the_models_are_those_of_crowd_kit(classes: int) -> None:
    votes, _ = votes_of(MIXED, items=60, each=5, classes=classes)
    theirs = DawidSkene(n_iter=150, tol=-1.0).fit(table_of(votes))
    ours = dawid_skene(votes, strength=0.0)
    for evaluator in range(20):
        by_vote_KK = theirs.errors_.loc[evaluator].sort_index().sort_index(axis=1).to_numpy()
        difference_KK = ours.confusion_EKK[evaluator].T - by_vote_KK
        assert np.abs(difference_KK).max() < 1e-3
    skills = OneCoinDawidSkene(n_iter=150, tol=-1.0).fit(table_of(votes)).skills_
    assert one_coin(votes, strength=0.0).confusion_EKK[:, 0, 0] == pytest.approx(skills.sort_index(), abs=1e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_mace_is_crowd_kits_but_for_probabilities_that_add_up_to_one(classes: int) -> None:
    """Theirs gives an evaluator the habit of another one unless the rows are in order."""
    votes, _ = votes_of(MIXED, items=100, each=5, classes=classes)
    theirs = MACE(n_restarts=1, n_iter=200).fit(table_of(votes).sort_values(["worker", "label"])).probas_
    ours = mace(votes).posterior(votes)
    assert ours == pytest.approx(theirs.sort_index().sort_index(axis=1).to_numpy(), abs=0.01)


def test_mace_reads_neither_names_nor_the_order_of_evaluators_and_votes() -> None:
    votes, _ = votes_of(MIXED, items=100, each=5)
    random = np.random.default_rng(0)
    place_E, order_N = random.permutation(20), random.permutation(votes.vote_N.size)
    codes = place_E[votes.evaluator_N[order_N]], votes.item_N[order_N], votes.vote_N[order_N]
    turned = Votes(votes.evaluators, votes.classes, *codes, votes.text_I2)
    assert mace(turned).confusion_EKK[place_E] == pytest.approx(mace(votes).confusion_EKK, abs=1e-9)


def test_mace_knows_nothing_of_whoever_has_not_voted_and_survives_no_votes() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert mace(Votes(["x"], ("a", "b"), none, none, none, np.zeros((0, 2), dtype=np.int64))).confusion_EKK == (
        pytest.approx(np.full((1, 2, 2), 0.5))
    )


def test_two_votes_on_one_item_written_out() -> None:
    """P(a | a, b) by two accuracies: .9 x .3 against .1 x .7, under a prior of 1/2."""
    text_I2 = np.array([[0, 1]])
    votes = Votes(["x", "y"], ("a", "b"), np.array([0, 1]), np.array([0, 0]), np.array([0, 1]), text_I2)
    model = WorkerModel(one_coin_confusion(np.array([0.9, 0.7]), 2), np.array([0.5, 0.5]))
    assert model.posterior(votes)[0, 0] == pytest.approx(0.27 / 0.34)
    assert model.posterior_of_others(votes)[:, 0] == pytest.approx([0.3, 0.9])
    assert np.exp(model.log_likelihood(votes)) == pytest.approx([0.17])
    assert model.of_witnesses(np.array([True, False])).posterior_of_others(votes)[:, 0] == pytest.approx([0.5, 0.9])


@pytest.mark.parametrize("name", MODELS)
def test_who_answers_at_random_is_known_from_who_does_not(name: str) -> None:
    votes, _ = votes_of(MIXED, items=400, each=5)
    estimates = model_estimates(votes, name)
    assert estimates.helps
    value_E = np.array([estimates.accuracy[f"e{number}"].value for number in range(20)])
    assert value_E[:5].max() < value_E[5:].min()
    assert np.abs(value_E - MIXED).mean() < 0.06
    assert all(estimate.low < estimate.value < estimate.high for estimate in estimates.accuracy.values())


@pytest.mark.parametrize("seed", range(5))
def test_where_all_are_alike_no_model_helps_and_all_are_drawn_to_the_pool(seed: int) -> None:
    votes, _ = votes_of(np.full(20, 0.8), items=100, each=4, seed=seed)
    for name in ("one_coin", "dawid_skene"):
        estimates = model_estimates(votes, name)
        assert not estimates.helps
        agreement = agreement_with_others(votes, MODELS[name](votes))
        raw = np.std(agreement.right_E / agreement.count_E)
        assert np.std([estimate.value for estimate in estimates.accuracy.values()]) < 0.8 * raw


def test_agreement_with_the_others_has_no_bias_of_its_own_votes() -> None:
    """Over 60 panels of three, whoever answers at random agrees in half of what their votes are worth."""
    accuracy_E = np.array([0.5, 0.9, 0.9, 0.9, 0.9, 0.9])
    shares = []
    for seed in range(60):
        votes, _ = votes_of(accuracy_E, items=60, each=3, seed=seed)
        agreement = agreement_with_others(votes, one_coin(votes))
        shares.append(agreement.right_E[0] / agreement.count_E[0])
    assert np.mean(shares) == pytest.approx(0.5, abs=3 * np.std(shares) / 60**0.5)


def test_whoever_rates_at_random_is_worth_as_many_votes_as_their_agreement_varies() -> None:
    """All pairs of 15 texts in random orders: the variance of their agreement is that of fewer independent votes."""
    random, pair_I2 = np.random.default_rng(0), np.array([(i, j) for i in range(15) for j in range(i)])
    truth_T, size = np.arange(15.0), 400
    value_ET = np.concatenate([np.tile(truth_T, (20, 1)), random.permuted(np.tile(truth_T, (size, 1)), axis=1)])
    vote_EI = (value_ET[:, pair_I2[:, 0]] < value_ET[:, pair_I2[:, 1]]).astype(np.int64)
    evaluator_N = np.repeat(np.arange(20 + size), 105)
    names = [f"e{number}" for number in range(20 + size)]
    votes = Votes(names, ("a", "b"), evaluator_N, np.tile(np.arange(105), 20 + size), vote_EI.ravel(), pair_I2)
    accuracy_E = np.where(np.arange(20 + size) < 20, 0.99, 0.5)
    agreement = agreement_with_others(votes, WorkerModel(one_coin_confusion(accuracy_E, 2), np.array([0.5, 0.5])))
    share_M = (agreement.right_E / agreement.count_E)[20:]
    worth = 0.25 / float(share_M.var())
    assert float(np.mean(agreement.count_E[20:])) == pytest.approx(worth, rel=0.25)
    assert worth < 40


def test_no_text_stands_in_two_folds_and_pairs_of_their_own_all_stand_in_one() -> None:
    votes, _ = votes_of(MIXED, items=50, each=3)
    assert set(votes.folds(5).tolist()) == {0, 1, 2, 3, 4}
    pair_I2 = np.array([(i, j) for i in range(12) for j in range(i)])
    dense = Votes(["x"], ("a", "b"), np.zeros(66, int), np.arange(66), np.zeros(66, int), pair_I2)
    fold_I = dense.folds(3)
    in_fold = [set(pair_I2[fold_I == fold].ravel().tolist()) for fold in range(3)]
    assert all(in_fold)
    assert not in_fold[0] & in_fold[1] | in_fold[1] & in_fold[2] | in_fold[0] & in_fold[2]


def test_single_votes_tell_nothing_of_anybody() -> None:
    votes, _ = votes_of(MIXED, items=50, each=1)
    assert held_out_gain(votes, one_coin) is None
    assert model_estimates(votes, "one_coin").accuracy == {}


@pytest.mark.parametrize("name", MODELS)
def test_who_votes_alone_is_left_out_and_changes_nothing_for_the_others(name: str) -> None:
    """Items of a single vote, all for one class: that class is frequent, and nobody is right by that."""
    votes, _ = votes_of(np.full(6, 0.85), items=40, each=3)
    alone = Votes(
        [*votes.evaluators, "alone"],
        votes.classes,
        np.concatenate([votes.evaluator_N, np.full(30, 6), np.zeros(30, int)]),
        np.concatenate([votes.item_N, 40 + np.arange(60)]),
        np.concatenate([votes.vote_N, np.zeros(60, int)]),
        np.arange(200).reshape(-1, 2),
    )
    estimates = model_estimates(alone, name).accuracy
    assert set(estimates) == set(votes.evaluators)
    for evaluator, estimate in model_estimates(votes, name).accuracy.items():
        assert estimates[evaluator].value == pytest.approx(estimate.value, abs=1e-6)


def test_the_prior_is_as_strong_as_evaluators_are_alike() -> None:
    random = np.random.default_rng(0)
    count_E = np.full(2000, 40.0)
    mean, strength = beta_prior(random.binomial(40, random.beta(14, 6, 2000)).astype(float), count_E)
    assert (mean, strength) == (pytest.approx(0.7, abs=0.01), pytest.approx(20, rel=0.15))
    assert beta_prior(random.binomial(40, np.full(2000, 0.7)).astype(float), count_E)[1] > 400
    with pytest.raises(ValueError, match="no answers"):
        beta_prior(np.zeros(2), np.zeros(2))


def test_rates_of_few_answers_lie_near_the_pools() -> None:
    rates = shrunk_rates(["few", "many", "none"], np.array([0.0, 90.0, 0.0]), np.array([1.0, 100.0, 0.0]), method="m")
    assert set(rates) == {"few", "many"}
    fixed = shrunk_rates(["few"], np.array([0.0]), np.array([1.0]), prior=(0.8, 9.0), method="m")["few"]
    assert fixed.value == pytest.approx(0.72)
    assert shrunk_rates(["none"], np.zeros(1), np.zeros(1), method="m") == {}


def test_tails_are_those_of_the_binomial_distribution() -> None:
    right_E, count_E = np.array([3.0, 0.0, 10.0]), np.full(3, 10.0)
    assert tail_below(right_E, count_E, 0.5) == pytest.approx([0.171875, 0.0009765625, 1.0])
    assert tail_above(right_E, count_E, 0.5) == pytest.approx([0.9453125, 1.0, 0.0009765625])


def test_preferences_become_votes() -> None:
    prompt = Prompt.ask("Which?")
    texts = sorted((Completion(prompt=prompt.id, text=text) for text in "abc"), key=lambda text: text.id)
    who = [Evaluator(kind="person", pseudonym=name) for name in "xy"]

    def compared(person: int, left: int, right: int, preferred: str, **fields: object) -> Feedback:
        names = (texts[left].id, texts[right].id)
        judgement = Comparison(preferred=preferred)
        return Feedback(evaluator=who[person].id, prompt=prompt.id, completions=names, judgement=judgement, **fields)

    answers = [compared(0, 1, 0, "left"), compared(1, 0, 1, "left"), compared(1, 1, 2, "tie")]
    again = compared(1, 1, 0, "left", study="asked once more")
    preferences = collect_preferences([*answers, again])
    votes = votes_of_preferences(preferences)
    assert votes.items == 1
    assert [votes.classes[vote] for vote in votes.vote_N] == ["second", "first"]
