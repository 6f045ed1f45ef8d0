"""A head for each person with partial pooling: the shared part, who is near it, and who has no head."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lm.aggregation import Aggregation, Rule
from accord.lm.loading import load
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.reward_model_files import load_reward_model
from accord.records import Completion, Evaluator, Pair, Prompt
from accord.reward import BradleyTerry, ByToken
from accord.reward.heads import Heads
from accord.reward.observations import of_pair
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset

SETTINGS = BradleyTerry(
    base="tiny",
    dtype="float32",
    epochs=12,
    step_completions=16,
    optim=Optim(lr=5e-3, warmup_steps=3),
    head_lr_scale=1,
    head_per="person",
)


def persons(likes: int, dislikes: int) -> Dataset:
    """The letters' pairs in turn by persons who like the letter a or dislike it, and one pair by a rare one."""
    data = letters_dataset(prompts=12)
    people = [Evaluator(kind="simulated", pseudonym=f"likes-{i}") for i in range(likes)]
    people += [Evaluator(kind="simulated", pseudonym=f"not-{i}") for i in range(dislikes)]
    rare = Evaluator(kind="simulated", pseudonym="rare")

    def judged(pair: Pair, person: Evaluator) -> Pair:
        sides = {"chosen": pair.rejected, "rejected": pair.chosen} if str(person.pseudonym).startswith("not") else {}
        return pair.model_copy(update={**sides, "evaluator": person.id})

    pairs = {
        split: tuple(judged(pair, person) for pair, person in zip(some, itertools.cycle(people), strict=False))
        for split, some in data.pairs.items()
    }
    first, *others = pairs["train"]
    pairs["train"] = (first.model_copy(update={"evaluator": rare.id}), *others)
    return replace(data, pairs=pairs, evaluators={each.id: each for each in [*people, rare]})


def correlation(judge: ScalarHeadModel, data: Dataset) -> float:
    """Of scores with how much of a text is the letter a."""
    texts = [each for each in data.completions.values() if data.split_of[each.prompt] == "held_out"]
    value_N = judge.score([data.prompts[each.prompt] for each in texts], texts).value_N
    return float(np.corrcoef(value_N, [each.text.count("a") / len(each.text) for each in texts])[0, 1])


def test_each_person_has_a_head_and_the_others_the_shared_one(tmp_path: Path) -> None:
    data = persons(likes=3, dislikes=1)
    with RunDirectory.create(tmp_path / "run") as run:
        fitted = SETTINGS.model_copy(update={"ensemble_size": 2}).fit(data, run)
        judge = SETTINGS.load(run)
    ids = {str(person.pseudonym): name for name, person in data.evaluators.items()}
    assert judge.components == ("shared", *sorted(ids[name] for name in ("likes-0", "likes-1", "likes-2", "not-0")))
    for name in ("likes-0", "likes-1", "likes-2"):
        assert correlation(judge.for_component(ids[name]), data) > 0.7
    assert correlation(judge.for_component(ids["not-0"]), data) < -0.5
    assert correlation(judge.for_component("shared"), data) > 0.5
    texts = list(data.completions.values())[:20]
    prompts = [data.prompts[each.prompt] for each in texts]
    scores = judge.score(prompts, texts)
    assert scores.components == {}  # thousands of persons would fill the files of a run
    assert scores.members_NS is not None
    every = [judge.for_component(name).score(prompts, texts).value_N for name in judge.components[1:]]
    assert scores.value_N == pytest.approx(np.mean(every, axis=0))
    assert scores.value_N == pytest.approx(fitted.score(prompts, texts).value_N, abs=1e-6)
    shared = judge.for_component("shared").score(prompts, texts).value_N
    for unknown in (ids["rare"], "e-nobody", None):  # one answer is no head
        assert np.array_equal(judge.for_component(unknown).score(prompts, texts).value_N, shared)


def test_components_are_kept_where_they_are_asked_for(tmp_path: Path) -> None:
    data = persons(likes=2, dislikes=1)
    name = next(name for name, each in data.evaluators.items() if each.pseudonym == "not-0")
    text = next(iter(data.completions.values()))
    with RunDirectory.create(tmp_path / "run") as run:
        judge = SETTINGS.model_copy(update={"epochs": 1, "components": (name,)}).fit(data, run)
    assert list(judge.score([data.prompts[text.prompt]], [text]).components) == [name]


def test_a_shared_head_is_the_mean_of_persons_at_the_optimum() -> None:
    """Fitted exactly on fixed features; the reference minimises over each person's own weights and their mean."""
    draw = np.random.default_rng(5)
    feature_ND = draw.normal(size=(40, 3))
    who_P, sides_P2 = draw.integers(0, 4, size=120), draw.integers(0, 40, size=(120, 2))
    prompt = Prompt.ask("x")
    said = [
        of_pair(Pair(prompt=prompt.id, chosen=f"c-{a}", rejected=f"d-{b}", evaluator=f"e-{who}"))
        for who, (a, b) in zip(who_P, sides_P2, strict=True)
    ]
    heads = Heads(names=tuple("0123"), group_of={f"e-{i}": str(i) for i in range(4)}, pooling_sd=0.7)
    judge = ScalarHeadModel.fresh(load("tiny", seed=1), name="r", components=heads.names)
    judge.head = torch.nn.Linear(3, 5).double()
    heads.prepare(judge)
    weights = list(judge.head.parameters())
    optimiser = torch.optim.LBFGS(weights, max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe")
    term = SETTINGS.terms(letters_dataset())[0]

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        score_AM = judge.head(torch.tensor(feature_ND))
        total = heads.nll(term, score_AM, said, sides_P2.tolist()).sum() + heads.prior(judge)
        total.backward()
        return total

    optimiser.step(loss)
    head_KD = judge.head.weight.detach().numpy()

    def objective(weight: np.ndarray) -> float:
        weight_KD = weight.reshape(4, 3)
        margin_P = ((feature_ND[sides_P2[:, 0]] - feature_ND[sides_P2[:, 1]]) * weight_KD[who_P]).sum(1)
        spread = ((weight_KD - weight_KD.mean(0)) ** 2).sum()
        return float(np.logaddexp(0, -margin_P).sum() + 3 * spread / (2 * 0.7**2))

    best = minimize(objective, np.zeros(12), tol=1e-10).x.reshape(4, 3)
    assert head_KD[1:] == pytest.approx(best, abs=2e-3)
    assert head_KD[0] == pytest.approx(best.mean(0), abs=2e-3)


def test_a_narrow_prior_leaves_one_reward_and_a_wide_one_as_many_as_persons(tmp_path: Path) -> None:
    data = persons(likes=2, dislikes=2)
    spread = []
    for sd in (0.01, 1.0):
        with RunDirectory.create(tmp_path / f"run-{sd}") as run:
            judge = SETTINGS.model_copy(update={"pooling_sd": sd, "epochs": 6}).fit(data, run)
        weight_KD = judge.head.weight.detach()
        spread.append(float((weight_KD[1:] - weight_KD[0]).norm() / weight_KD[0].norm()))
    assert spread[0] < 0.1 * spread[1]


def test_a_model_is_saved_with_its_heads_added_up(tmp_path: Path) -> None:
    judge = ScalarHeadModel.fresh(load("tiny", seed=1), name="r", components=("shared", "x", "y"))
    Heads(names=("x", "y"), pooling_sd=1.0).prepare(judge)
    with torch.no_grad():
        judge.head.get_parameter("parametrizations.weight.original")[1:] += 1.0
    judge.save(tmp_path / "model")
    again = load_reward_model(tmp_path / "model", name="r", dtype="float32")
    assert torch.equal(again.head.weight, judge.head.weight.detach())
    assert (again.head.weight[1] - again.head.weight[0]).tolist() == pytest.approx([1.0] * again.causal.width, abs=1e-5)
    text = Completion(prompt=Prompt.ask("a").id, text="b")
    assert again.score([Prompt.ask("a")], [text]).value_N == pytest.approx(
        judge.score([Prompt.ask("a")], [text]).value_N
    )


@pytest.mark.parametrize("rule", ["mean", "maxmin", "quantile", "borda", "nash"])
def test_every_aggregation_is_kept_with_the_model_and_read_token_by_token(rule: Rule, tmp_path: Path) -> None:
    """What tokens add sums to the score, whatever makes one score of several."""
    prompts = [Prompt.ask("Say it."), Prompt.ask("And again.")]
    texts = [Completion(prompt=prompt.id, text=text) for prompt, text in zip(prompts, ["abba", "a b"], strict=True)]
    judge = ScalarHeadModel.fresh(load("tiny", seed=1), name="r", members=2, components=("shared", "x", "y"))
    judge.aggregation = Aggregation(rule, (0.0, 1.0, 3.0), 0.3)
    judge.listed = ("y",)
    judge.reference_RM = np.random.default_rng(2).normal(size=(20, 6))
    judge.save(tmp_path / "model")
    again = load_reward_model(tmp_path / "model", name="r", dtype="float32")
    assert (again.aggregation, again.listed) == (judge.aggregation, judge.listed)
    scores = ByToken(again).score(prompts, texts)
    assert scores.value_N == pytest.approx(judge.score(prompts, texts).value_N)
    assert list(scores.components) == ["y"]
    assert scores.members_NS is not None
    by_hand = judge.normalised(judge.raw(prompts, texts)).reshape(2, 3, 2)
    if rule == "maxmin":
        assert scores.members_NS == pytest.approx(by_hand[:, 1:].min(1), abs=1e-5)
    if rule == "mean":
        assert scores.members_NS == pytest.approx((by_hand[:, 1] + 3 * by_hand[:, 2]) / 4, abs=1e-5)
    assert scores.credits is not None
    assert [sum(amount for _, amount in each) for each in scores.credits] == pytest.approx(scores.value_N, abs=1e-4)


@pytest.mark.parametrize(
    ("update", "problem"),
    [
        ({"min_answers": 10_000}, "no evaluator has it"),
        ({"group_by": "pool"}, "choose one"),
        ({"head_per": "group"}, "needs group_by"),
        ({"components": ("e-nobody",)}, "components has 'e-nobody', which is none of"),
        ({"head_per": "everybody", "aggregation": "maxmin"}, "aggregation: needs heads of groups or persons"),
    ],
)
def test_settings_that_make_no_sense_are_refused(update: dict[str, object], problem: str) -> None:
    data = persons(likes=1, dislikes=1)
    settings = BradleyTerry.model_validate({"base": "tiny", "head_per": "person", **update})
    with pytest.raises(RecipeError, match=problem):
        settings.heads(data, list(map(of_pair, data.pairs["train"])), seed=0, stage="reward")
