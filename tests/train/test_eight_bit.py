"""Moments in a byte each: near AdamW, resumed bit for bit, a quarter of the memory; refused where they do not fit."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from accord import extras
from accord.errors import ArtefactError, MissingExtraError, TrainingStopped
from accord.train.eight_bit import state_of
from accord.train.optimiser import Optim, Optimiser

FLOAT = Optim(lr=3e-3, warmup_steps=0, lr_schedule="constant", betas=(0.9, 0.99), weight_decay=0.01)
BYTES = FLOAT.model_copy(update={"moments": "8bit"})
X = torch.randn((64, 96), generator=torch.Generator().manual_seed(1))
GOAL = X @ torch.randn((96, 64), generator=torch.Generator().manual_seed(2)) / 10


@pytest.fixture
def bitsandbytes() -> None:
    if extras.missing(extras.QUANTISED):
        pytest.skip("bitsandbytes (the extra `quantised`) is not installed")


def regression(dtype: torch.dtype = torch.float32) -> list[nn.Parameter]:
    """A matrix whose moments are quantised, and a bias that is too small for that."""
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter((torch.randn(shape, generator=generator) / 10).to(dtype)) for shape in ((64, 96), (64,))]


def loss_of(weights: list[nn.Parameter]) -> Tensor:
    return (X @ weights[0].float().T + weights[1].float() - GOAL).square().mean()


def fitted(settings: Optim, steps: int, weights: list[nn.Parameter]) -> Optimiser:
    optimiser = Optimiser(settings, weights, 100)
    for _ in range(steps):
        optimiser.add(loss_of(weights))
        optimiser.step()
    return optimiser


@pytest.mark.usefixtures("bitsandbytes")
def test_a_regression_goes_as_with_adamw_in_a_quarter_of_the_memory() -> None:
    ours, theirs = regression(), regression()
    begun = float(loss_of(ours).detach())
    kept = {name: state_of(fitted(s, 60, w)._adam)[0] for name, s, w in (("8bit", BYTES, ours), ("32", FLOAT, theirs))}
    ends = float(loss_of(ours).detach()), float(loss_of(theirs).detach())
    assert max(ends) < begun / 20
    assert ends[0] == pytest.approx(ends[1], rel=0.1)
    moved = theirs[0] - regression()[0]
    assert float(((ours[0] - theirs[0]).norm() / moved.norm()).detach()) < 0.1
    assert {name: each.dtype for name, each in kept["8bit"].items() if name.startswith("state")} == {
        "state1": torch.uint8,
        "state2": torch.uint8,
    }
    of_each = {name: sum(each.nbytes for each in state.values()) for name, state in kept.items()}
    assert of_each["8bit"] < 0.3 * of_each["32"]  # and the codes' meanings, which all weights share


@pytest.mark.usefixtures("bitsandbytes")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_resumed_fit_is_the_fit_that_was_never_stopped(dtype: torch.dtype, tmp_path: Path) -> None:
    whole = regression(dtype)
    fitted(BYTES, 9, whole)
    fitted(BYTES, 4, regression(dtype)).save(tmp_path / "optimiser.safetensors")
    again = regression(dtype)
    optimiser = Optimiser(BYTES, again, 100)
    optimiser.load(tmp_path / "optimiser.safetensors")
    assert optimiser.done == 4
    for _ in range(5):
        optimiser.add(loss_of(again))
        optimiser.step()
    assert all(torch.equal(mine, other) for mine, other in zip(again, whole, strict=True))


@pytest.mark.usefixtures("bitsandbytes")
def test_moments_go_on_in_what_they_were_kept_in_alone(tmp_path: Path) -> None:
    weights = regression()
    first = fitted(BYTES, 4, weights)
    first.save_moments(tmp_path)
    second = Optimiser(BYTES, weights, 100)
    second.take_over_moments(tmp_path)
    for mine, other in zip(state_of(second._adam).values(), state_of(first._adam).values(), strict=True):
        assert mine.keys() == other.keys()
        assert all(torch.equal(mine[name], other[name]) for name in mine)
    with pytest.raises(ArtefactError, match=r"moments in 8bit, and optim.moments = float32"):
        Optimiser(FLOAT, weights, 100).take_over_moments(tmp_path)


@pytest.mark.usefixtures("bitsandbytes")
def test_what_is_not_finite_moves_nothing_and_the_norm_is_clipped() -> None:
    weights = regression()
    optimiser = fitted(BYTES.model_copy(update={"max_grad_norm": 0.01}), 2, weights)
    optimiser.add(1e3 * loss_of(weights))
    assert optimiser.step() > 1
    before = [weight.clone() for weight in weights]
    weights[0].register_hook(lambda gradient: gradient * torch.inf)
    optimiser.add(loss_of(weights))
    with pytest.raises(TrainingStopped, match="gradient norm became"):
        optimiser.step()
    assert all(torch.equal(mine, other) for mine, other in zip(weights, before, strict=True))


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "_is_there", lambda module: False)
    with pytest.raises(MissingExtraError, match=r"optim.moments = \"8bit\" takes the extra 'quantised'"):
        Optimiser(BYTES, regression(), 10)
