"""Losses on pairs against cases worked out by hand, and their trainers on a real small model."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.policy import DPO, IPO, KTO, ORPO, SimPO
from accord.policy.materials import Materials
from accord.policy.pairwise import PairLogprobs, Pairwise, _Scorer
from accord.run import RunDirectory
from accord.train.memory_planner import BatchLimits
from accord.train.optimiser import Optim
from small_data import letters_dataset

DATA = letters_dataset()
COMMON: dict[str, Any] = {
    "dtype": "float32",
    "batch_size": 8,
    "epochs": 4,
    "save_every": 4,
    "optim": Optim(lr=3e-4, warmup_steps=2),
}
SETTINGS: dict[str, Any] = {
    "dpo": DPO(**COMMON, beta=0.5),
    "dpo, noise": DPO(**COMMON, beta=0.5, noise=0.1),
    "dpo, a token": DPO(**COMMON, beta=2.0, normalised=True),
    "ipo": IPO(**COMMON, beta=0.2),
    "simpo": SimPO(**COMMON),
    "orpo": ORPO(**COMMON, beta=1.0),
    "kto": KTO(**COMMON, beta=0.5),
}


def sides(chosen: float, rejected: float, *, reference: tuple[float, float] = (0.0, 0.0), **more: Any) -> PairLogprobs:
    """One pair: log-probabilities, lengths of 4 and 2 tokens."""
    at = [torch.tensor([each], dtype=torch.float64) for each in (chosen, rejected, *reference, 4.0, 2.0)]
    return PairLogprobs(*at, torch.tensor([more.pop("tie", False)]), **more)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# chosen -8 (reference -9), rejected -6 (reference -4): log-ratios 1 and -2, margin 3; a token .25 and -1
AT = {"chosen": -8.0, "rejected": -6.0, "reference": (-9.0, -4.0)}
ODDS = [math.exp(p) / (1 - math.exp(p)) for p in (-2.0, -3.0)]


@pytest.mark.parametrize(
    ("settings", "margin", "loss"),
    [
        (DPO(beta=0.1), 0.3, -math.log(sigmoid(0.3))),
        (DPO(beta=0.1, noise=0.2), 0.3, (-0.8 * math.log(sigmoid(0.3)) + 0.2 * math.log(sigmoid(-0.3))) / 0.6),
        (DPO(beta=2.0, normalised=True), 2.5, -math.log(sigmoid(2.5))),
        (IPO(beta=0.1), 3.0, (3 - 5) ** 2),
        (SimPO(beta=2.0, gamma=0.5), 2.0 * (-2 + 3), -math.log(sigmoid(2.0 - 0.5))),
        (ORPO(beta=0.1), math.log(ODDS[0] / ODDS[1]), 2 - 0.1 * math.log(sigmoid(math.log(ODDS[0] / ODDS[1])))),
        (KTO(beta=0.5), 1.5, (sigmoid(-0.5) + sigmoid(-1.0)) / 2),
    ],
)
def test_written_out(settings: Any, margin: float, loss: float) -> None:
    assert float(settings.margin(sides(**AT))) == pytest.approx(margin, rel=1e-6)
    assert float(settings.loss(sides(**AT))) == pytest.approx(loss, rel=1e-6)


def test_kto_weighs_gains_and_losses_apart_from_a_reference_point() -> None:
    settings = KTO(beta=0.5, desirable=2.0, undesirable=3.0)
    found = float(settings.loss(sides(**AT, kl_baseline=1.0)))
    assert found == pytest.approx((2 * sigmoid(0.5 * (1 - 1)) + 3 * sigmoid(0.5 * (-2 - 1))) / 2)


@pytest.mark.parametrize("settings", [KTO(), ORPO()])
def test_a_tie_teaches_nothing_where_there_is_no_half_a_preference(settings: Any) -> None:
    at = sides(**AT, tie=True)
    policy = at._replace(chosen_P=at.chosen_P.requires_grad_(), rejected_P=at.rejected_P.requires_grad_())
    loss = settings.loss(policy)
    loss.sum().backward()
    assert float(loss.detach()) == 0
    assert float(policy.chosen_P.grad) == float(policy.rejected_P.grad) == 0


@pytest.mark.parametrize("settings", [DPO(), DPO(normalised=True), DPO(noise=0.3), IPO(), SimPO()])
def test_a_tie_is_least_costly_where_nothing_is_told_apart(settings: Any) -> None:
    """Equal log-ratios and equal log-probabilities a token: any difference costs more."""
    even = sides(-4.0, -2.0, reference=(-4.0, -2.0), tie=True)
    odd = sides(-4.5, -1.5, reference=(-4.0, -2.0), tie=True)
    assert float(settings.margin(even)) == pytest.approx(0)
    assert float(settings.loss(even)) < float(settings.loss(odd))


@given(st.floats(-6, 6), st.floats(0.01, 0.45))
def test_the_noise_corrected_loss_is_unbiased(margin: float, noise: float) -> None:
    """Over labels of which a share `noise` is turned round its mean is the clean loss (Chowdhury et al. 2024)."""
    clean, corrected = DPO(beta=1.0), DPO(beta=1.0, noise=noise)
    right, wrong = sides(margin, 0.0), sides(0.0, margin)
    expected = (1 - noise) * float(corrected.loss(right)) + noise * float(corrected.loss(wrong))
    assert expected == pytest.approx(float(clean.loss(right)), abs=1e-6)


def test_ipo_is_settled_at_its_margin_and_dpo_never_is() -> None:
    chosen = torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
    IPO(beta=0.25).loss(sides(0.0, -2.0)._replace(chosen_P=chosen)).sum().backward()
    assert float(chosen.grad) == pytest.approx(0)
    other = torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
    DPO(beta=1.0).loss(sides(0.0, -20.0)._replace(chosen_P=other)).sum().backward()
    assert float(other.grad) < 0


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_policy_comes_to_tell_chosen_from_rejected(kind: str, start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        made = list(SETTINGS[kind].steps(Materials(data=DATA, start=start), run))
        assert load(run.verified("policy/model")).vocabulary
    first, last = (sum(step.metrics.accuracy for step in some) / len(some) for some in (made[:3], made[-5:]))
    assert last > max(0.7, first)
    assert made[-1].metrics.margin > made[0].metrics.margin


@pytest.mark.parametrize("kind", ["kto", "simpo"])
def test_a_broken_off_stage_goes_on_to_the_same_numbers(kind: str, start: Path, tmp_path: Path) -> None:
    rows = []
    for name, taken in (("whole", None), ("broken", 6)):
        with RunDirectory.create(tmp_path / name) as run:
            list(itertools.islice(SETTINGS[kind].steps(Materials(data=DATA, start=start), run), taken))
        if taken is not None:
            with RunDirectory.open(tmp_path / name) as run:
                list(SETTINGS[kind].steps(Materials(data=DATA, start=start), run))
        lines = (tmp_path / name / "policy/metrics.jsonl").read_text().splitlines()
        rows.append([{**json.loads(line), "seconds": 0} for line in lines])
    assert rows[0] == rows[1]


def test_both_sides_are_measured_as_one_by_one_and_the_kl_under_the_prompts_of_others(start: Path) -> None:
    policy, reference = load("tiny", seed=4), load(start)
    pairs = list({pair.prompt: pair for pair in DATA.pairs["train"]}.values())[:3]
    scorer = _Scorer(DPO(), policy, reference, DATA, BatchLimits())
    ((held, answers),) = scorer.together(pairs)
    assert held == pairs
    found = scorer.sides(held, answers, 0.0)
    for row, pair in enumerate(pairs):
        prompt = policy.encode_prompt(DATA.prompts[pair.prompt])
        for side, name in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            written = policy.encode_completion(DATA.completions[name].text)
            for model, field in ((policy, f"{side}_P"), (reference, f"{side}_reference_P")):
                (alone,) = completion_logprobs(model, [prompt], [written])
                assert float(getattr(found, field)[row].detach()) == pytest.approx(float(sum(alone)), abs=1e-4)
            assert float(getattr(found, f"{side}_tokens_P")[row]) == len(written)
    gaps = []
    for row, pair in enumerate(pairs):
        other = policy.encode_prompt(DATA.prompts[pairs[(row + 1) % 3].prompt])
        for name in (pair.chosen, pair.rejected):
            written = policy.encode_completion(DATA.completions[name].text)
            one, two = (completion_logprobs(model, [other], [written])[0] for model in (policy, reference))
            gaps.append(float(sum(one)) - float(sum(two)))
    assert scorer.kl_baseline(pairs) == pytest.approx(max(0.0, sum(gaps) / len(gaps)), abs=1e-4)
    assert scorer.kl_baseline([pairs[0]]) == 0.0


def test_a_pair_counts_by_its_weight(start: Path, tmp_path: Path) -> None:
    """Twice a pair is a pair of weight two."""
    (one, other) = DATA.pairs["train"][:2]
    twice = (one, one, other)
    heavy = (one.model_copy(update={"weight": 2.0}), other)
    norms = []
    for pairs in (twice, heavy):
        data = type(DATA)(**{**vars(DATA), "pairs": {"train": pairs}})
        settings = DPO(**{**COMMON, "batch_size": len(pairs), "epochs": 1.0})
        with RunDirectory.create(tmp_path / str(len(pairs))) as run:
            (made,) = list(settings.steps(Materials(data=data, start=start), run))
        norms.append(made.metrics.grad_norm)
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_settings_share_what_they_share() -> None:
    for settings in SETTINGS.values():
        assert isinstance(settings, Pairwise)
