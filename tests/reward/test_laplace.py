"""Last-layer Laplace: the exact Hessian, a numerical posterior, coverage, a fitted model's scores and files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import expit
from torch import Tensor

from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lm.head_posterior import DRAWS, HeadPosterior
from accord.records import Pair
from accord.reward import BradleyTerry
from accord.reward.learnt import placing
from accord.reward.observations import Observation, completions_of, of_pair
from accord.reward.posterior.laplace import laplace, score_curvature
from accord.reward.terms.comparisons import Comparisons
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset


def said(pairs: Sequence[tuple[int, int]], weights: Sequence[float] | None = None) -> list[Observation]:
    return [
        of_pair(Pair(prompt="p", chosen=str(one), rejected=str(other), weight=1.0 if weights is None else weights[row]))
        for row, (one, other) in enumerate(pairs)
    ]


def fitted_head(feature_AD: Tensor, pairs: Sequence[tuple[int, int]], prior_std: float) -> Tensor:
    """The MAP of a linear Bradley-Terry by Newton's method."""
    chosen, rejected = torch.tensor(pairs).T
    difference_PD = feature_AD[chosen] - feature_AD[rejected]
    weight_D = torch.zeros(feature_AD.shape[1], dtype=torch.float64)
    for _ in range(50):
        p_P = torch.sigmoid(difference_PD @ weight_D)
        gradient_D = difference_PD.T @ (p_P - 1) + weight_D / prior_std**2
        hessian_DD = difference_PD.T @ ((p_P * (1 - p_P))[:, None] * difference_PD)
        hessian_DD += torch.eye(len(weight_D)) / prior_std**2
        weight_D = weight_D - torch.linalg.solve(hessian_DD, gradient_D)
    return weight_D


def world(seed: int, completions: int, width: int, judged: int) -> tuple[Tensor, Tensor, list[tuple[int, int]]]:
    """Features, a true head, and pairs of completions that Bradley-Terry evaluators ordered by it."""
    random = np.random.default_rng(seed)
    feature_AD = torch.tensor(random.normal(size=(completions, width)))
    truth_D = torch.tensor(random.normal(size=width))
    side_P2 = np.array([random.choice(completions, 2, replace=False) for _ in range(judged)])
    margin_P = ((feature_AD[side_P2[:, 0]] - feature_AD[side_P2[:, 1]]) @ truth_D).numpy()
    swap_P = random.random(judged) > expit(margin_P)
    side_P2[swap_P] = side_P2[swap_P][:, ::-1]
    return feature_AD, truth_D, [(int(one), int(other)) for one, other in side_P2]


def test_the_posterior_is_the_inverse_of_the_exact_hessian() -> None:
    feature_AD, truth_D, pairs = world(1, 12, 4, 40)
    weights = [0.5 + (row % 3) for row in range(40)]
    observations = said(pairs, weights)
    places = [list(pair) for pair in pairs]
    posterior = laplace(Comparisons(), feature_AD, (feature_AD @ truth_D)[:, None], observations, places, prior_std=0.7)

    def negative_log_posterior(weight_D: Tensor) -> Tensor:
        chosen, rejected = torch.tensor(pairs).T
        margin_P = (feature_AD[chosen] - feature_AD[rejected]) @ weight_D
        nll_P = -torch.nn.functional.logsigmoid(margin_P)
        return (torch.tensor(weights) * nll_P).sum() + weight_D.square().sum() / (2 * 0.7**2)

    hessian_DD = torch.autograd.functional.hessian(negative_log_posterior, truth_D)
    covariance_DD = torch.linalg.inv(hessian_DD).numpy()
    assert posterior.root_MDD[0] @ posterior.root_MDD[0].T == pytest.approx(covariance_DD, rel=1e-6, abs=1e-9)
    away_AD = (feature_AD - feature_AD.mean(0)).numpy()
    wanted_A = np.sqrt(np.einsum("ad,de,ae->a", away_AD, covariance_DD, away_AD))
    assert posterior.std(feature_AD.numpy())[:, 0] == pytest.approx(wanted_A, rel=1e-6)
    gap_D = (feature_AD[0] - feature_AD[5]).numpy()
    margin = posterior.margin_std(feature_AD[:1].numpy(), feature_AD[5:6].numpy())[0, 0]
    assert margin == pytest.approx(np.sqrt(gap_D @ covariance_DD @ gap_D), rel=1e-6)


def test_outputs_have_their_own_weights_and_points() -> None:
    feature_AD, truth_D, pairs = world(2, 8, 3, 20)
    score_AM = torch.stack([feature_AD @ truth_D, feature_AD @ -truth_D], 1)
    weight_OM = torch.rand((20, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    form: dict[str, Any] = {"prior_std": 1.0}
    places = [list(pair) for pair in pairs]
    both = laplace(Comparisons(), feature_AD, score_AM, said(pairs), places, weight_OM=weight_OM, **form)
    for output in range(2):
        weights = weight_OM[:, output].tolist()
        alone = laplace(Comparisons(), feature_AD, score_AM[:, [output]], said(pairs, weights), places, **form)
        assert both.root_MDD[output] == pytest.approx(alone.root_MDD[0], rel=1e-6, abs=1e-9)


def test_many_judgements_give_the_deviation_of_the_whole_posterior() -> None:
    """One feature: the posterior is an integral of one dimension."""
    feature_AD = torch.tensor([[0.5], [-0.5]], dtype=torch.float64)
    pairs = [(0, 1)] * 140 + [(1, 0)] * 60
    weight = fitted_head(feature_AD, pairs, 2.0)

    def density(w: float) -> float:
        return float(np.exp(140 * np.log(expit(w) / 0.7) + 60 * np.log(expit(-w) / 0.3) - w * w / 8))

    total, mean, square = (quad(lambda w, k=k: w**k * density(w), -3, 5)[0] for k in range(3))
    wanted = np.sqrt(square / total - (mean / total) ** 2)
    places = [list(pair) for pair in pairs]
    found = laplace(Comparisons(), feature_AD, (feature_AD @ weight)[:, None], said(pairs), places, prior_std=2.0)
    margin_std = found.margin_std(feature_AD[:1].numpy(), feature_AD[1:].numpy())[0, 0]
    assert margin_std == pytest.approx(wanted, rel=0.01)


def test_intervals_of_margins_hold_the_truth_as_often_as_they_say() -> None:
    held = []
    for seed in range(12):
        feature_AD, truth_D, pairs = world(100 + seed, 60, 6, 150)
        weight_D = fitted_head(feature_AD, pairs, 1.0)
        score_AM = (feature_AD @ weight_D)[:, None]
        posterior = laplace(
            Comparisons(), feature_AD, score_AM, said(pairs), [list(pair) for pair in pairs], prior_std=1.0
        )
        fresh_PD = np.random.default_rng(seed).normal(size=(2, 200, 6))
        std_P = posterior.margin_std(*fresh_PD)[:, 0]
        error_P = (fresh_PD[0] - fresh_PD[1]) @ (weight_D - truth_D).numpy()
        held.append(np.mean(np.abs(error_P) <= 1.96 * std_P))
    assert 0.9 <= np.mean(held) <= 0.99


def test_what_was_not_said_anything_of_has_the_prior_doubt() -> None:
    feature_AD = torch.zeros((2, 3), dtype=torch.float64)
    feature_AD[:, 0] = torch.tensor([1.0, -1.0])
    pairs = [(0, 1)] * 9
    posterior = laplace(
        Comparisons(), feature_AD, feature_AD[:, :1], said(pairs), [list(pair) for pair in pairs], prior_std=0.5
    )
    unseen = np.array([[0.0, 2.0, 0.0]])
    assert posterior.std(unseen)[0, 0] == pytest.approx(2 * 0.5)
    assert posterior.std(np.array([[1.0, 0.0, 0.0]]))[0, 0] < 0.5


def test_negative_curvature_counts_nothing() -> None:
    curvature_MAA = score_curvature(
        lambda score_AM: -(score_AM[:2] ** 2).sum() + score_AM[2].square().sum(), torch.ones(3, 2)
    )
    assert curvature_MAA.numpy() == pytest.approx(np.broadcast_to(np.diag([0.0, 0.0, 2.0]), (2, 3, 3)), abs=1e-12)


def test_draws_are_opposite_two_by_two_and_spread_as_the_covariance_says(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    posterior = HeadPosterior(random.normal(size=(2, 200, 200)) / 14, random.normal(size=200))
    feature_ND = random.normal(size=(300, 200))
    offset_RNM = posterior.offsets(feature_ND)
    assert offset_RNM.shape == (DRAWS, 300, 2)
    assert offset_RNM.sum(0) == pytest.approx(0.0, abs=1e-9)
    ratio_NM = np.sqrt((offset_RNM**2).mean(0)) / posterior.std(feature_ND)
    assert np.sqrt((ratio_NM**2).mean()) == pytest.approx(1.0, abs=0.1)
    posterior.save(tmp_path)
    again = HeadPosterior.load(tmp_path)
    assert again is not None
    assert (again.offsets(feature_ND, 4) == posterior.offsets(feature_ND, 4)).all()
    assert (posterior.offsets(feature_ND, 4)[:2] == offset_RNM[:2]).all()
    with pytest.raises(ValueError, match="even number"):
        posterior.offsets(feature_ND, 3)


SETTINGS: dict[str, Any] = {
    "base": "tiny",
    "dtype": "float32",
    "epochs": 6,
    "step_completions": 16,
    "optim": Optim(lr=5e-3, warmup_steps=3),
    "doubt": "laplace",
}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return letters_dataset(prompts=12)


@pytest.mark.parametrize("size", [1, 4])
def test_a_fitted_model_scores_with_its_doubt_and_keeps_it(size: int, data: Dataset, tmp_path: Path) -> None:
    settings = BradleyTerry(**SETTINGS, ensemble_size=size)
    completions = list(data.completions.values())[:20]
    prompts = [data.prompts[each.prompt] for each in completions]
    with RunDirectory.create(tmp_path / "run") as run:
        judge = settings.fit(data, run)
        scores, again = judge.score(prompts, completions), settings.load(run).score(prompts, completions)
    with RunDirectory.create(tmp_path / "plain") as run:
        plain = settings.model_copy(update={"doubt": "none"}).fit(data, run).score(prompts, completions)
    assert scores.members_NS is not None
    assert scores.std_N is not None
    assert scores.members_NS.shape == (20, DRAWS)
    assert scores.members_NS.mean(1) == pytest.approx(scores.value_N)
    assert scores.value_N == pytest.approx(plain.value_N, abs=1e-4)
    assert (again.members_NS == scores.members_NS).all()
    single = [judge.score([prompts[row]], [completions[row]]) for row in range(3)]  # whatever else is in the call
    assert [float(each.members_NS[0, 5]) for each in single] == pytest.approx(scores.members_NS[:3, 5], abs=1e-4)  # type: ignore[index]
    between_N = np.zeros(20) if plain.std_N is None else plain.std_N
    assert (scores.std_N > between_N).all()
    assert judge.posterior is not None
    state_ND = judge.states(prompts, completions)
    within_NS = judge.posterior.std(state_ND) / judge.score_scale
    assert scores.std_N == pytest.approx(np.sqrt(between_N**2 + (within_NS**2).mean(1)), rel=1e-3)


def test_a_fitted_model_has_the_posterior_of_its_features(data: Dataset, tmp_path: Path) -> None:
    """What is gathered group by group while it is saved, against `laplace` of all features at once."""
    settings = BradleyTerry(**SETTINGS, head_prior_std=0.3)
    with RunDirectory.create(tmp_path / "run") as run:
        judge = settings.fit(data, run)
    observations = [of_pair(pair) for pair in data.pairs["train"]]
    names = completions_of(observations)
    completions = [data.completions[name] for name in names]
    feature_AD = torch.tensor(judge.states([data.prompts[each.prompt] for each in completions], completions))
    placed = [names.index(name) for name in placing(names)]
    found = laplace(
        Comparisons(),
        feature_AD,
        judge.head(feature_AD.float()).double(),
        observations,
        [[names.index(name) for name in each.completions] for each in observations],
        prior_std=0.3,
        centre_D=feature_AD[placed].mean(0),
    )
    assert judge.posterior is not None
    assert judge.posterior.centre_D == pytest.approx(found.centre_D, abs=1e-5)
    assert judge.posterior.std(feature_AD.numpy()) == pytest.approx(found.std(feature_AD.numpy()), rel=1e-3)


def test_heads_that_are_not_independent_are_refused(data: Dataset, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(RecipeError, match="takes each head for itself"):
        BradleyTerry(**SETTINGS, head_per="person").fit(data, run)
