"""Inverse reinforcement learning: the written-out likelihoods, the enumerated world, and a small real model."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from accord.artefacts import CANDIDATES
from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lab.enumerated import EnumWorld, draw_world
from accord.recipe import parse
from accord.records import Completion, Demonstration, Evaluator, Feedback, Prompt, Sampling
from accord.reward import InverseRL
from accord.reward.likelihoods import choice, counted_choice, maximum_entropy, noise_contrast
from accord.reward.terms.inverse import InverseDemonstrations
from accord.run import RunDirectory
from accord.train import Optim

BETA = 0.5


def test_counts_stand_for_texts_that_were_drawn_several_times() -> None:
    score = torch.tensor([[[0.3, -1.0, 0.3, 0.3, 2.0]]])
    there = torch.ones(1, 5, dtype=torch.bool)
    merged = counted_choice(torch.tensor([[[0.3, -1.0, 2.0]]]), torch.tensor([[3, 1, 1]]))
    assert float(merged) == pytest.approx(float(choice(score, there)))
    padded = counted_choice(torch.tensor([[[0.3, -1.0, 2.0, 9.0]]]), torch.tensor([[3, 1, 1, 0]]))
    assert float(padded) == pytest.approx(float(merged))


def test_noise_contrast_written_out() -> None:
    """One demonstration (drawn once by the start too) and three samples; log Z = 0.2, K = 3."""
    found = noise_contrast(torch.tensor([[[1.0, -0.5]]]), torch.tensor([[2, 2]]), torch.tensor([0.2]))
    one, other = 1.0 - 0.2 - math.log(3), -0.5 - 0.2 - math.log(3)
    sigmoid = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    expected = -math.log(sigmoid(one)) - math.log(sigmoid(-one)) - 2 * math.log(sigmoid(-other))
    assert float(found) == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6), st.floats(-3, 3))
def test_a_constant_of_the_prompt_is_not_seen(rewards: list[float], constant: float) -> None:
    score = torch.tensor([[rewards]], dtype=torch.float64)
    count = torch.full((1, len(rewards)), 2)
    log_partition = torch.tensor([0.4], dtype=torch.float64)
    assert float(counted_choice(score + constant, count)) == pytest.approx(float(counted_choice(score, count)))
    moved = noise_contrast(score + constant, count, log_partition + constant)
    assert float(moved) == pytest.approx(float(noise_contrast(score, count, log_partition)))
    exact = maximum_entropy(score[0, 0], log_partition)
    assert maximum_entropy(score[0, 0] + constant, log_partition + constant).tolist() == pytest.approx(exact.tolist())


# -- in the enumerated world: the demonstrators draw from the optimum of a reward that is linear in features -------


def features(world: EnumWorld) -> Tensor:
    """How often each symbol stands in a text, and its length, [N, D]."""
    symbols = world.child_MA.shape[1]
    count_ND = torch.stack([((world.action_NT == a) & world.mask_NT).sum(1) for a in range(symbols)], 1)
    feature_ND = torch.cat([count_ND, world.mask_NT.sum(1, keepdim=True)], 1).double()
    return feature_ND - feature_ND.mean(0)


def demonstrated(seed: int, demonstrations: int, samples: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features, log-probabilities of the start and of the optimum [P, N]; demonstrations [P, O], samples [P, O, K]."""
    world = draw_world(seed=seed)
    feature_ND = features(world)
    generator = torch.Generator().manual_seed(seed)
    true_D = torch.randn(feature_ND.shape[1], generator=generator, dtype=torch.float64)
    best_PN = (world.ref_PN + feature_ND @ true_D).log_softmax(1)
    demonstration_PO = torch.multinomial(best_PN.exp(), demonstrations, replacement=True, generator=generator)
    prompts = len(best_PN)
    drawn = torch.multinomial(world.ref_PN.exp(), demonstrations * samples, replacement=True, generator=generator)
    return feature_ND, world.ref_PN, best_PN, demonstration_PO, drawn.view(prompts, demonstrations, samples)


def minimised(loss: Any, parameters: list[Tensor]) -> None:
    optimiser = torch.optim.LBFGS(parameters, max_iter=300, line_search_fn="strong_wolfe", tolerance_grad=1e-10)

    def closure() -> Tensor:
        optimiser.zero_grad()
        value: Tensor = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(closure)


def divergence(best_PN: Tensor, ref_PN: Tensor, reward_N: Tensor) -> float:
    """KL of the demonstrators' policy to the one that the reward makes best, nats a text."""
    found_PN = (ref_PN + reward_N).log_softmax(1)
    return float((best_PN.exp() * (best_PN - found_PN)).sum(1).mean())


def test_the_exact_partition_function_is_the_start_s_mean_of_the_exponential() -> None:
    """At the maximum the policy's features are the demonstrations' (Ziebart et al. 2008)."""
    feature_ND, ref_PN, best_PN, demonstration_PO, _ = demonstrated(3, 400, 1)
    weight_D = torch.zeros(feature_ND.shape[1], dtype=torch.float64, requires_grad=True)

    def loss() -> Tensor:
        reward_N = feature_ND @ weight_D
        log_partition_P = torch.logsumexp(ref_PN + reward_N, 1)
        return (
            maximum_entropy(reward_N[demonstration_PO], log_partition_P[:, None]).mean()
            + 1e-6 * weight_D.square().sum()
        )

    minimised(loss, [weight_D])
    policy_PN = (ref_PN + feature_ND @ weight_D.detach()).softmax(1)
    wanted_D = feature_ND[demonstration_PO].mean((0, 1))
    assert (policy_PN @ feature_ND).mean(0).tolist() == pytest.approx(wanted_D.tolist(), abs=1e-3)
    assert divergence(best_PN, ref_PN, feature_ND @ weight_D.detach()) < 0.01


def likelihood_by_samples(reward_N: Tensor, text_PON: Tensor, log_partition_P: Tensor, partition: str) -> Tensor:
    """Demonstrations first, then samples, each text once; the mean over all prompts."""
    count_OI = torch.ones(text_PON.shape[1:], dtype=torch.long)
    parts = []
    for text_ON, log_partition in zip(text_PON, log_partition_P, strict=True):
        score_OMI = reward_N[text_ON][:, None]
        if partition == "samples":
            parts.append(counted_choice(score_OMI, count_OI))
        else:
            parts.append(noise_contrast(score_OMI, count_OI, log_partition.expand(len(text_ON))))
    return torch.cat(parts).mean()


@pytest.mark.parametrize("seed", [3, 11, 29])
@pytest.mark.parametrize("partition", ["samples", "learnt"])
def test_samples_of_the_start_find_the_same_reward(partition: str, seed: int) -> None:
    """Within .05 nats of the demonstrators' policy, and ten times as near to it as the start."""
    feature_ND, ref_PN, best_PN, demonstration_PO, sample_POK = demonstrated(seed, 300, 8)
    text_PON = torch.cat([demonstration_PO[:, :, None], sample_POK], 2)
    weight_D = torch.zeros(feature_ND.shape[1], dtype=torch.float64, requires_grad=True)
    log_partition_P = torch.zeros(len(ref_PN), dtype=torch.float64, requires_grad=True)

    def loss() -> Tensor:
        nll = likelihood_by_samples(feature_ND @ weight_D, text_PON, log_partition_P, partition)
        return nll + 1e-6 * weight_D.square().sum()

    minimised(loss, [weight_D, log_partition_P])
    found = divergence(best_PN, ref_PN, feature_ND @ weight_D.detach())
    start = divergence(best_PN, ref_PN, torch.zeros(len(feature_ND), dtype=torch.float64))
    assert found < 0.05
    assert start > 10 * found
    if partition == "learnt":
        exact_P = torch.logsumexp(ref_PN + feature_ND @ weight_D.detach(), 1)
        assert log_partition_P.tolist() == pytest.approx(exact_P.tolist(), abs=0.25)


# -- on a real small model ----------------------------------------------------------------------------------------


def demonstrating(texts: dict[str, list[str]]) -> Dataset:
    """What one person would answer to each prompt, half of the prompts held out."""
    person = Evaluator(kind="person", pseudonym="writer")
    prompts = [Prompt.ask(text) for text in texts]
    split_of = {prompt.id: "held_out" if number % 2 else "train" for number, prompt in enumerate(prompts)}
    feedback: dict[str, list[Feedback]] = {"train": [], "held_out": []}
    for prompt in prompts:
        for text in texts[prompt.text]:
            judgement = Demonstration(text=text)
            record = Feedback(evaluator=person.id, prompt=prompt.id, completions=(), judgement=judgement)
            feedback[split_of[prompt.id]].append(record)
    return Dataset(
        prompts={prompt.id: prompt for prompt in prompts},
        completions={},
        evaluators={person.id: person},
        split_of=split_of,
        pairs={"train": (), "held_out": ()},
        feedback=feedback,
    )


SETTINGS = InverseRL(
    base="tiny",
    start="tiny",
    samples=4,
    dtype="float32",
    epochs=20,
    step_completions=16,
    sampling=Sampling(max_tokens=6),
    optim=Optim(lr=5e-3, warmup_steps=3),
    head_lr_scale=1,
)
TEXTS = {f"Write text {number}": ["aaaa", "aa a" if number % 3 else "a a a"] for number in range(12)}


@pytest.mark.parametrize("partition", ["samples", "learnt"])
def test_what_was_demonstrated_scores_above_what_the_start_writes(partition: str, tmp_path: Path) -> None:
    data = demonstrating(TEXTS)
    with RunDirectory.create(tmp_path / "run") as run:
        judge = SETTINGS.model_copy(update={"partition": partition}).fit(data, run)
        rows = list(CANDIDATES.read(run, "reward"))
        (term,) = SETTINGS.model_copy(update={"partition": partition}).load_terms(data, run).values()
    assert len(rows) == 6 * 4
    assert isinstance(term, InverseDemonstrations)
    assert len(term.read(data, "train").observations) == sum(len(texts) for texts in TEXTS.values()) / 2
    assert (term.log_partition is not None) == (partition == "learnt")
    assert term.log_partition is None or bool(term.log_partition.abs().max() > 0)
    held_out = [prompt for prompt in data.prompts.values() if data.split_of[prompt.id] == "held_out"]
    written = [Completion(prompt=prompt.id, text=row.text) for prompt, row in zip(held_out, rows, strict=False)]
    shown = [Completion(prompt=prompt.id, text="aaaa") for prompt in held_out]
    assert judge.score(held_out, shown).value_N.mean() > judge.score(held_out, written).value_N.mean() + 0.5


def test_a_sample_that_is_the_demonstration_counts_twice_and_no_sample_says_nothing() -> None:
    data = demonstrating({"One": ["ab"], "Held out": ["ab"], "Two": ["ba"]})
    one, two = (next(name for name, prompt in data.prompts.items() if prompt.text == text) for text in ("One", "Two"))
    term = InverseDemonstrations({one: ["ab", "b", "b"], two: []})
    (observation,) = term.read(data, "train").observations
    assert observation.prompt == one
    assert observation.content == (2, 2)
    assert len(observation.completions) == 2
    nll = term.nll(torch.tensor([[0.5], [-0.5]]), [observation], [[0, 1]])
    assert float(nll) == pytest.approx(math.log(2 * math.exp(0.5) + 2 * math.exp(-0.5)) - 0.5, abs=1e-5)


def test_what_cannot_be_learnt_is_refused(tmp_path: Path) -> None:
    empty = demonstrating({"One": []})
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(RecipeError, match="no demonstration to learn"):
        SETTINGS.fit(empty, run)
    with pytest.raises(RecipeError, match="drawn when the stage is run"):
        SETTINGS.terms(empty)
    text = '[reward]\nkind = "inverse_rl"\nbase = "tiny"\n'
    with pytest.raises(RecipeError, match=r"recipe\.reward\.start"):
        parse(text)
    with pytest.raises(RecipeError, match="leave top_p and top_k out, and temperature at 1"):
        parse(text + 'start = "tiny"\nsampling = { temperature = 0.7 }\n')
