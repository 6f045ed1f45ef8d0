"""Distributional preference learning: its likelihoods against integrals, and what it learns where people are hidden."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from accord.errors import ModelError
from accord.lm.reward_model import ScalarHeadModel
from accord.records import Pair
from accord.reward import REWARDS, Distributional, soup
from accord.reward.likelihoods import categorical_utilities, normal_utilities
from accord.reward.observations import of_pair
from accord.reward.people.distribution import DistributionalModel, explained, utilities
from accord.reward.terms.choices import Distribution, output_names
from accord.reward.terms.utilities import Utilities
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset, truth

SETTINGS = Distributional(
    base="tiny",
    dtype="float32",
    epochs=30,
    step_completions=16,
    optim=Optim(lr=5e-3, warmup_steps=3),
    head_lr_scale=1,
)
NO, YES = torch.tensor(False), torch.tensor(True)


@pytest.mark.parametrize(("means", "deviations"), [((0.3, -0.4), (1.0, 0.5)), ((-1.0, 0.5), (0.2, 2.0))])
def test_normal_utilities_are_the_integral_over_what_people_draw(
    means: tuple[float, float], deviations: tuple[float, float]
) -> None:
    """Pr(u_1 > u_2) of independent normal utilities."""
    first, second = (norm(mean, sd) for mean, sd in zip(means, deviations, strict=True))
    wins, _ = quad(lambda u: first.pdf(u) * second.cdf(u), -9, 9, points=[means[0]])
    margin, variance = torch.tensor(means[0] - means[1]), torch.tensor(deviations[0] ** 2 + deviations[1] ** 2)
    assert normal_utilities(margin, variance, NO).exp().item() == pytest.approx(1 / wins, rel=1e-4)
    tie = -(np.log(wins) + np.log(1 - wins)) / 2
    assert normal_utilities(margin, variance, YES).item() == pytest.approx(tie, rel=1e-4)
    scaled = normal_utilities(7 * margin, 49 * variance, NO)  # the unit of utility is not known
    assert scaled.item() == pytest.approx(normal_utilities(margin, variance, NO).item(), rel=1e-5)


def test_categorical_utilities_are_the_sum_over_levels() -> None:
    chosen_PK, rejected_PK = torch.randn(2, 5, 10, generator=torch.Generator().manual_seed(2)) * 3
    p_PK, q_PK = chosen_PK.softmax(1).double().numpy(), rejected_PK.softmax(1).double().numpy()
    wins = [
        sum(p_K[i] * q_K[j] * (1.0 if i > j else 0.5) for i in range(10) for j in range(i + 1))
        for p_K, q_K in zip(p_PK, q_PK, strict=True)
    ]
    no = torch.zeros(5, dtype=torch.bool)
    assert categorical_utilities(chosen_PK, rejected_PK, no).tolist() == pytest.approx((-np.log(wins)).tolist())
    turned = categorical_utilities(rejected_PK, chosen_PK, no)
    assert turned.tolist() == pytest.approx((-np.log1p(-np.array(wins))).tolist(), rel=1e-4)
    tied = categorical_utilities(chosen_PK, rejected_PK, ~no)
    assert tied.tolist() == pytest.approx((-(np.log(wins) + np.log1p(-np.array(wins))) / 2).tolist(), rel=1e-4)


def test_far_apart_levels_stay_finite() -> None:
    low_PK, high_PK = torch.tensor([[80.0, 0.0, -80.0]]), torch.tensor([[-80.0, 0.0, 80.0]], requires_grad=True)
    loss = categorical_utilities(low_PK, high_PK, torch.tensor([False])).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    assert 50 < loss.item() < 200
    assert high_PK.grad is not None
    assert torch.isfinite(high_PK.grad).all()


def test_moments_and_quantiles() -> None:
    raw_NM = np.array([[0.5, 1.0, np.log(4.0), np.log(0.25)]])  # two members: means, then log variances
    mean_NS, deviation_NS, low_NS = utilities(raw_NM, 2, "normal", 0.1)
    assert mean_NS.tolist() == [[0.5, 1.0]]
    assert deviation_NS[0] == pytest.approx([2.0, 0.5])
    assert low_NS[0] == pytest.approx([norm(0.5, 2).ppf(0.1), norm(1, 0.5).ppf(0.1)])
    share_K = np.array([0.5, 0.0, 0.0, 0.0, 0.5])
    mean_NS, deviation_NS, median_NS = utilities(np.log(share_K + 1e-30)[None], 1, "categorical")
    assert (mean_NS[0, 0], deviation_NS[0, 0], median_NS[0, 0]) == pytest.approx((0.5, 0.5, 0.5), abs=0.4)
    assert utilities(np.log(share_K + 1e-30)[None], 1, "categorical", 0.25)[2][0, 0] == pytest.approx(0.0)
    assert explained(np.array([1.0, -1.0]), np.array([1.0, 1.0])) == pytest.approx(0.5)
    assert explained(np.array([1.0, -1.0]), np.zeros(2)) == 1.0
    assert explained(np.zeros(2), np.zeros(2)) == 0.0


@pytest.mark.parametrize("distribution", ["normal", "categorical"])
def test_where_hidden_people_disagree_utilities_are_spread(distribution: Distribution) -> None:
    """Texts of quality q; of those with a mark half the people think best and half worst, and nobody says who does."""
    draw = np.random.default_rng(7)
    texts = np.stack([draw.normal(size=200), draw.random(200) < 0.4, np.ones(200)], axis=1)
    sides_P2 = draw.integers(0, 200, size=(4000, 2))
    worth_P2 = texts[sides_P2, 0] + 6 * draw.choice([-1, 1], size=(4000, 2)) * texts[sides_P2, 1]
    first_P = worth_P2[:, 0] - worth_P2[:, 1] + draw.logistic(size=4000) * 0.5 > 0
    pairs = [Pair(prompt="p", chosen="c-1", rejected="c-2", evaluator="e")] * 4000
    places = [[int(a), int(b)] if won else [int(b), int(a)] for (a, b), won in zip(sides_P2, first_P, strict=True)]
    torch.manual_seed(1)
    head = torch.nn.Linear(3, len(output_names(distribution)), bias=False)
    with torch.no_grad():  # the same start whatever ran before
        head.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=400, line_search_fn="strong_wolfe")
    term, said = Utilities(distribution), [of_pair(pair) for pair in pairs]

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        total = term.nll(head(torch.tensor(texts).float()), said, places).mean() + 1e-5 * head.weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)
    with torch.no_grad():
        raw_NM = head(torch.tensor(texts).float()).double().numpy()
    mean_NS, deviation_NS, low_NS = utilities(raw_NM, 1, distribution, 0.1)
    marked = texts[:, 1] == 1
    assert np.corrcoef(mean_NS[~marked, 0], texts[~marked, 0])[0, 1] > 0.9
    assert deviation_NS[marked].mean() > 1.5 * deviation_NS[~marked].mean()
    assert low_NS[marked].mean() < low_NS[~marked].mean() - 0.5 * mean_NS.std()  # averse to risk
    r2 = [explained(mean_NS[some, 0], deviation_NS[some, 0] ** 2) for some in (~marked, marked)]
    assert r2[0] > 2 * r2[1]  # texts tell less of what people want where people are hidden


@pytest.mark.parametrize("distribution", ["normal", "categorical"])
def test_a_fit_is_kept_with_its_distribution(
    distribution: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = letters_dataset(prompts=12)
    settings = SETTINGS.model_copy(update={"distribution": distribution, "ensemble_size": 2})
    with RunDirectory.create(tmp_path / "run") as run:
        mean = settings.fit(data, run)
        low = settings.model_copy(update={"utility_quantile": 0.1}).load(run)
    assert isinstance(mean, DistributionalModel)
    texts = [data.completions[name] for pair in data.pairs["train"] for name in (pair.chosen, pair.rejected)]
    texts = list({each.id: each for each in texts}.values())
    prompts = [data.prompts[each.prompt] for each in texts]
    scores, cautious = mean.score(prompts, texts), low.score(prompts, texts)
    assert (scores.value_N.mean(), scores.value_N.std()) == pytest.approx((0, 1), abs=1e-4)
    assert scores.value_N == pytest.approx(scores.components["mean"].value_N)
    assert np.corrcoef(scores.value_N, [truth(each.text) for each in texts])[0, 1] > 0.7
    assert (cautious.value_N < scores.value_N).all()
    assert scores.members_NS is not None
    assert scores.std_N == pytest.approx(scores.members_NS.std(1, ddof=1))
    if distribution == "normal":
        gap = 1.2815515655446004 * scores.components["disagreement"].value_N
        assert scores.value_N - cautious.value_N == pytest.approx(gap)
    assert 0 < mean.r2(prompts, texts) < 1
    passes: list[int] = []
    raw = mean._raw
    monkeypatch.setattr(mean, "_raw", lambda answers: (passes.append(len(answers)), raw(answers))[1])
    again = mean.score(prompts, texts)
    assert passes == [len(texts)]  # the decoder reads every text once
    assert again.tokens_N is not None
    assert (again.tokens_N == ScalarHeadModel.score(mean, prompts, texts).tokens_N).all()
    with pytest.raises(ModelError, match="describe a distribution of utility"):
        soup([run.path / "reward/model"] * 2)


def test_groups_are_for_another_kind() -> None:
    assert REWARDS.get("distributional") is Distributional
    with pytest.raises(ValueError, match="distributional is for where nobody can"):
        Distributional.model_validate({"group_by": "pool"})
