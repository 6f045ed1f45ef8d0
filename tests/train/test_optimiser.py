"""The optimiser against torch's AdamW, in float32 and over bfloat16 weights; resuming; what stops it."""

import math
import pickle
import resource
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from accord.errors import ArtefactError, StorageError, TrainingStopped
from accord.lm.loading import load
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.train.optimiser import Optim, Optimiser

CONSTANT = Optim(lr=1e-2, warmup_steps=0, lr_schedule="constant", weight_decay=0.1, max_grad_norm=1e9)


def weights(dtype: torch.dtype = torch.float32) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in ((4, 3), (3,))]


def loss_of(params: list[nn.Parameter], x_N3: Tensor) -> Tensor:
    return ((x_N3 @ params[0].float().T).square().sum(-1) + (x_N3 * params[1].float()).sum(-1).cos()).mean()


X = torch.randn((8, 3), generator=torch.Generator().manual_seed(1))


def test_steps_are_those_of_adamw() -> None:
    ours, theirs = weights(), weights()
    optimiser = Optimiser(CONSTANT, ours, 5)
    reference = torch.optim.AdamW(theirs, lr=1e-2, betas=CONSTANT.betas, weight_decay=0.1)
    for _ in range(5):
        optimiser.add(loss_of(ours, X))
        norm = optimiser.step()
        reference.zero_grad()
        loss_of(theirs, X).backward()
        assert norm == pytest.approx(
            float(torch.nn.utils.get_total_norm([p.grad for p in theirs if p.grad is not None]))
        )
        reference.step()
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)


def test_the_norm_is_clipped() -> None:
    """With SGD-like first moments the direction stays; the clipped gradient has the wanted norm."""
    ours, theirs = weights(), weights()
    optimiser = Optimiser(CONSTANT.model_copy(update={"max_grad_norm": 0.1}), ours, 5)
    reference = torch.optim.AdamW(theirs, lr=1e-2, betas=CONSTANT.betas, weight_decay=0.1)
    for scale in (1.0, 100.0):
        optimiser.add(scale * loss_of(ours, X))
        assert optimiser.step() > 0.1
        reference.zero_grad()
        (scale * loss_of(theirs, X)).backward()
        torch.nn.utils.clip_grad_norm_(theirs, 0.1)
        reference.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


def test_a_step_does_not_depend_on_how_it_was_split() -> None:
    causal, split = load("tiny", seed=3), load("tiny", seed=3)
    answers = [TokenizedCompletion((1, 2, 3), tuple(range(4, 4 + size)), size) for size in range(1, 9)]
    tokens = sum(len(answer.completion) for answer in answers)
    moved = []
    for model, batch_tokens in ((causal, 4096), (split, 8)):
        optimiser = Optimiser(CONSTANT, model.trainable(), 3)
        batches = pack(model, answers, row_tokens=8, batch_tokens=batch_tokens)
        parts = [optimiser.add(-token_logprobs(model, b, b.hidden(model)).logprob_N.sum() / tokens) for b in batches]
        total = float(sum(parts))
        moved.append((len(batches), total, optimiser.step()))
    assert moved[0][0] < moved[1][0]
    assert moved[0][1:] == pytest.approx(moved[1][1:], rel=1e-5)
    for mine, other in zip(causal.trainable(), split.trainable(), strict=True):
        # The first Adam step is lr * sign: where a gradient is all rounding its sign is free.
        assert float((mine - other).abs().gt(1e-4).float().mean()) < 0.01


def test_small_updates_add_up_over_bfloat16_weights() -> None:
    """One update is under half of a bfloat16's spacing at 1: plain bfloat16 would stay where it is for ever."""
    settings = Optim(lr=1e-4, warmup_steps=0, lr_schedule="constant")
    weight = nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    naive = nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    optimiser, reference = Optimiser(settings, [weight], 200), torch.optim.AdamW([naive], lr=1e-4, weight_decay=0.0)
    for _ in range(200):
        optimiser.add(weight.float().sum())
        optimiser.step()
        reference.zero_grad()
        naive.float().sum().backward()
        reference.step()
    assert naive.tolist() == [1.0] * 4
    torch.testing.assert_close(weight.float(), torch.full((4,), 0.98), atol=4e-3, rtol=0)
    assert weight.dtype == torch.bfloat16


def test_bfloat16_gradients_are_summed_in_float32() -> None:
    weight = nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    optimiser = Optimiser(CONSTANT, [weight], 1)
    for _ in range(1000):
        optimiser.add(0.001 * weight.float().sum())
    assert optimiser.step() == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_resuming_gives_the_same_numbers(tmp_path: Path, dtype: torch.dtype) -> None:
    def run(params: list[nn.Parameter], optimiser: Optimiser, steps: int) -> None:
        for _ in range(steps):
            optimiser.add(loss_of(params, X))
            optimiser.step()

    settings = Optim(lr=1e-2, warmup_steps=3, lr_schedule="cosine")
    whole = weights(dtype)
    run(whole, Optimiser(settings, whole, 12), 12)
    first = weights(dtype)
    optimiser = Optimiser(settings, first, 12)
    run(first, optimiser, 5)
    optimiser.save(tmp_path / "optimiser.pt")
    second = weights(dtype)
    resumed = Optimiser(settings, second, 12)
    resumed.load(tmp_path / "optimiser.pt")
    assert resumed.done == 5
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    run(second, resumed, 7)
    assert all(torch.equal(a, b) for a, b in zip(whole, second, strict=True))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_before_a_weight_moves(bad: float) -> None:
    params = weights()
    before = [weight.detach().clone() for weight in params]
    optimiser = Optimiser(CONSTANT, params, 5)
    optimiser.add(loss_of(params, X) * bad)
    optimiser.add(loss_of(params, X))
    with pytest.raises(TrainingStopped, match=rf"the loss became {bad} at update 1") as caught:
        optimiser.step()
    assert caught.value.exit_status == 3
    assert all(torch.equal(a, b) for a, b in zip(params, before, strict=True))


def test_a_gradient_that_is_no_number_stops_before_a_weight_moves() -> None:
    params = weights()
    with torch.no_grad():
        params[1].zero_()
    before = [weight.detach().clone() for weight in params]
    optimiser = Optimiser(CONSTANT, params, 5)
    optimiser.add(params[1].sqrt().sum() + 0 * params[0].sum())  # 0 with an infinite slope
    with pytest.raises(TrainingStopped, match="the gradient norm became inf at update 1"):
        optimiser.step()
    assert all(torch.equal(a, b) for a, b in zip(params, before, strict=True))
    assert optimiser.done == 0


@pytest.mark.parametrize(
    ("decay", "last"),
    [("constant", [1.0] * 4), ("linear", [1.0, 0.7, 0.4, 0.1]), ("cosine", [1, 0.775, 0.325, 0.1])],
)
def test_the_schedule(decay: str, last: list[float]) -> None:
    """Two steps of warm-up (1/3, 2/3), then from the full rate to a tenth of it at the last step."""
    params = weights()
    optimiser = Optimiser(Optim(lr=1.0, warmup_steps=2, lr_schedule=decay, final_lr_ratio=0.1), params, 6)  # type: ignore[arg-type]
    rates = []
    for _ in range(6):
        rates.append(optimiser.rate)
        optimiser.add(loss_of(params, X))
        optimiser.step()
    assert rates == pytest.approx([1 / 3, 2 / 3, *last], abs=1e-3)
    assert optimiser.rate == pytest.approx(1.0 if decay == "constant" else 0.1)


@pytest.mark.parametrize(
    ("warmup", "steps", "last"),
    [(10, 12, [1.0, 0.1]), (10, 11, [10 / 11, 1.0]), (10, 4, [3 / 11, 4 / 11]), (0, 1, [1])],
)
def test_the_last_step_is_at_the_final_rate(warmup: int, steps: int, last: list[float]) -> None:
    """Where no two steps are beyond the warm-up there is nothing to fall from."""
    optimiser = Optimiser(Optim(lr=1.0, warmup_steps=warmup, final_lr_ratio=0.1), weights(), steps)
    rates = []
    for optimiser.done in range(steps):
        rates.append(optimiser.rate)
    assert rates[-2:] == pytest.approx(last)


def test_weights_without_a_gradient_stay_whatever_momentum_they_have() -> None:
    """Neither decay nor momentum moves what has nothing to learn; the heads beside it move on."""
    params = weights()
    optimiser = Optimiser(CONSTANT, params, 9, heads=[params[1]])
    optimiser.add(loss_of(params, X))
    optimiser.step()
    trunk, head = (weight.detach().clone() for weight in params)
    optimiser.add(0 * params[0].sum() + params[1].sum())
    assert optimiser.step() == pytest.approx(3**0.5)
    assert torch.equal(params[0], trunk)
    assert not torch.equal(params[1], head)
    optimiser.add(0 * params[0].sum() + 0 * params[1].sum())
    head = params[1].detach().clone()
    assert optimiser.step() == 0
    assert torch.equal(params[1], head)
    assert optimiser.done == 3


def test_heads_learn_at_their_own_rate() -> None:
    params = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    settings = Optim(lr=1e-3, warmup_steps=0, lr_schedule="constant")
    optimiser = Optimiser(settings, params, 1, heads=[params[1]], head_scale=10.0)
    optimiser.add(params[0].sum() + params[1].sum())
    optimiser.step()
    assert [p.item() for p in params] == pytest.approx([-1e-3, -1e-2], rel=1e-3)


def test_weights_apart_learn_at_a_rate_of_their_own_on_the_same_schedule() -> None:
    params = [nn.Parameter(torch.zeros(1)) for _ in range(3)]
    settings = Optim(lr=1e-3, warmup_steps=1, lr_schedule="constant")
    optimiser = Optimiser(settings, params, 1, heads=[params[1]], head_scale=10.0, apart=[params[2]], apart_lr=0.05)
    optimiser.add(params[0].sum() + params[1].sum() + params[2].sum())
    optimiser.step()  # half way up
    assert [p.item() for p in params] == pytest.approx([-5e-4, -5e-3, -0.025], rel=1e-3)


def test_a_file_that_the_system_refuses_is_one_clear_line(tmp_path: Path) -> None:
    """The system's reason is said, and the file that was there before is whole."""
    optimiser = Optimiser(CONSTANT, [nn.Parameter(torch.zeros(100_000))], 1)
    optimiser.save(tmp_path / "optimiser.safetensors")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StorageError, match=r"optimiser\.safetensors: the file is larger than .* a limit allows"):
            optimiser.save(tmp_path / "optimiser.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    optimiser.load(tmp_path / "optimiser.safetensors")


class Executed:
    """What a pickle can do to whoever reads it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


def test_a_state_that_is_no_file_of_tensors_is_refused_and_never_unpickled(tmp_path: Path) -> None:
    optimiser = Optimiser(CONSTANT, [nn.Parameter(torch.zeros(3))], 1)
    file = tmp_path / "optimiser.safetensors"
    for content in (pickle.dumps(Executed()), b"", b"PK\x03\x04"):
        file.write_bytes(content)
        with pytest.raises(ArtefactError, match="not a file of tensors"):
            optimiser.load(file)
    torch.save({"done": 1, "masters": Executed(), "adam": {}}, file)
    with pytest.raises(ArtefactError, match="not a file of tensors"):
        optimiser.load(file)
    Optimiser(CONSTANT, [nn.Parameter(torch.zeros(4))], 1).save(file)
    with pytest.raises(ArtefactError, match="the state of other weights"):
        optimiser.load(file)


# -- moments that go on -----------------------------------------------------------------------------------------------


def stepped(optimiser: Optimiser, params: list[nn.Parameter], steps: int) -> list[nn.Parameter]:
    for _ in range(steps):
        optimiser.add(loss_of(params, X))
        optimiser.step()
    return params


def test_with_moments_taken_over_the_steps_are_those_of_one_optimiser(tmp_path: Path) -> None:
    at_once, in_two = weights(), weights()
    stepped(Optimiser(CONSTANT, at_once, 6), at_once, 6)
    first = Optimiser(CONSTANT, in_two, 3)
    stepped(first, in_two, 3)
    first.save_moments(tmp_path)
    anew = [nn.Parameter(weight.detach().clone()) for weight in in_two]
    second = Optimiser(CONSTANT, in_two, 3)
    second.take_over_moments(tmp_path)
    assert second.done == 0  # the schedule of the learning rate begins anew
    stepped(second, in_two, 3)
    assert all(torch.equal(mine, other) for mine, other in zip(at_once, in_two, strict=True))
    stepped(Optimiser(CONSTANT, anew, 3), anew, 3)
    assert not all(torch.equal(mine, other) for mine, other in zip(anew, in_two, strict=True))


def test_moments_of_other_weights_or_by_other_betas_are_refused(tmp_path: Path) -> None:
    params = weights()
    optimiser = Optimiser(CONSTANT, params, 3)
    stepped(optimiser, params, 1)
    optimiser.save_moments(tmp_path)
    for others in ([*weights(), nn.Parameter(torch.zeros(2))], [nn.Parameter(torch.zeros(2, 2)), weights()[1]]):
        with pytest.raises(ArtefactError, match="moments of other weights than these; begin without them"):
            Optimiser(CONSTANT, others, 3).take_over_moments(tmp_path)
    betas = CONSTANT.model_copy(update={"betas": (0.9, 0.999)})
    with pytest.raises(ArtefactError, match=r"moments by betas \(0\.9, 0\.98\)"):
        Optimiser(betas, weights(), 3).take_over_moments(tmp_path)
    with pytest.raises(ArtefactError, match=r"no moments are there; .*keep_moments"):
        Optimiser(CONSTANT, weights(), 3).take_over_moments(tmp_path / "nowhere")
