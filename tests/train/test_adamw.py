"""The compiled pass of AdamW: torch's very bits, whatever the gradients come in; norms that lose nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from accord.lm.native import build
from accord.train import adamw, optimiser
from accord.train.adamw import AdamWPass, adamw_pass, norm_of
from accord.train.optimiser import Optim, Optimiser

needs_compiler = pytest.mark.skipif(build.compiled(build.ADAMW).functions is None, reason=build.compiled().about)
SETTINGS = Optim(lr=3e-3, warmup_steps=2, lr_schedule="cosine", weight_decay=0.1, max_grad_norm=0.5)
SHAPES = ((300, 70), (17,), (1,), (40_000,))


def drawn(dtype: torch.dtype) -> list[nn.Parameter]:
    """Weights of which the last ones, as heads are, are float32 whatever the others are in."""
    generator = torch.Generator().manual_seed(0)
    weights = [nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in SHAPES]
    return [*weights, nn.Parameter(torch.randn(33, generator=generator))]


def train(made: Optimiser, weights: list[nn.Parameter], steps: range) -> list[float]:
    """Steps of one micro-batch and of two, at times with a weight that has no gradient, and one drawn to zero."""
    norms = []
    for step in steps:
        for part in range(1 + step % 2):
            generator = torch.Generator().manual_seed(10 * step + part)
            used = [weight for i, weight in enumerate(weights) if i != 1 or step % 3]
            by = [torch.randn(weight.shape, generator=generator) for weight in used]
            made.add(sum(((w.float() * x).sum() for w, x in zip(used, by, strict=True)), torch.zeros(())))
        if step % 4 == 3:
            made.pull({weights[3]: torch.zeros_like(weights[3])}, 0.1)
        norms.append(made.step())
    return norms


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Optimiser]:
    """An optimiser as it is where nothing was compiled."""

    def make(*arguments: object, **named: object) -> Optimiser:
        with monkeypatch.context() as uncompiled:
            uncompiled.setattr(optimiser, "adamw_pass", lambda: None)
            return Optimiser(*arguments, **named)  # type: ignore[arg-type]

    return make


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_steps_are_those_of_torch_to_the_bit(
    dtype: torch.dtype, without: Callable[..., Optimiser], tmp_path: Path
) -> None:
    """Masters, moments, weights and norms; and one goes on from what the other kept."""
    ours, theirs, changed = drawn(dtype), drawn(dtype), drawn(dtype)
    made, plain = (
        Optimiser(SETTINGS, ours, 9, heads=ours[-1:], head_scale=5.0),
        without(SETTINGS, theirs, 9, heads=theirs[-1:], head_scale=5.0),
    )
    assert made._pass is not None
    assert plain._pass is None
    assert train(made, ours, range(4)) == train(plain, theirs, range(4))
    plain.save(tmp_path / "plain.safetensors")
    went_on = Optimiser(SETTINGS, changed, 9, heads=changed[-1:], head_scale=5.0)
    went_on.load(tmp_path / "plain.safetensors")
    norms = [train(one, of, range(4, 9)) for one, of in ((made, ours), (plain, theirs), (went_on, changed))]
    assert norms[0] == norms[1] == norms[2]
    for one, of in ((made, ours), (went_on, changed)):
        assert all(map(torch.equal, of, theirs))
        mine, other = one.tensors(), plain.tensors()
        assert mine.keys() == other.keys()
        assert all(torch.equal(mine[name], other[name]) for name in mine)


@needs_compiler
@pytest.mark.parametrize("threads", [1, 3])
def test_a_step_is_the_one_of_the_paper(threads: int) -> None:
    """Algorithm 2 of Loshchilov & Hutter (2019) in float64, with any number of threads."""
    found = adamw_pass()
    assert found is not None
    generator = torch.Generator().manual_seed(1)
    master = nn.Parameter(torch.randn(70_001, generator=generator))
    adam = torch.optim.AdamW([master], lr=1e-2, betas=(0.8, 0.99), weight_decay=0.2)
    wanted, mean, square = master.detach().double(), torch.zeros(()).double(), torch.zeros(()).double()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for step in range(1, 5):
            gradient = torch.randn(len(master), generator=generator)
            found.step(adam, {master: gradient}, {}, 0.3)
            wide = 0.3 * gradient.double()
            mean, square = 0.8 * mean + 0.2 * wide, 0.99 * square + 0.01 * wide**2
            root = (square / (1 - 0.99**step)).sqrt() + 1e-8
            wanted = wanted - 1e-2 * (mean / (1 - 0.8**step) / root + 0.2 * wanted)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(master.detach().double(), wanted, rtol=1e-6, atol=1e-6)


def test_a_norm_of_many_numbers_loses_nothing() -> None:
    """Where torch's sum over eight numbers of float32 side by side is a ten-thousandth too small."""
    gradient = torch.randn(6_000_000, generator=torch.Generator().manual_seed(0))
    exact = float(gradient.double().norm())
    assert abs(float(torch.nn.utils.get_total_norm([gradient])) / exact - 1) > 1e-5
    assert float(norm_of([gradient[:7], gradient[7:]])) == pytest.approx(exact, rel=1e-7)
    if (found := adamw_pass()) is not None:
        assert found.norm([gradient[:7], gradient[7:]]) == pytest.approx(exact, rel=1e-7)
        narrow = gradient[:100_001].bfloat16()
        assert found.norm([narrow]) == pytest.approx(float(narrow.double().norm()), rel=1e-7)
        assert (found.norm([]), found.norm([torch.tensor([1.0, torch.inf])])) == (0.0, torch.inf)
    assert float(norm_of([])) == 0.0


@needs_compiler
def test_a_pass_that_gives_other_bits_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = AdamWPass._move

    def move(self: AdamWPass, master: Tensor, state: object, gradient: Tensor, shown: object, by: object) -> None:
        exact(self, master, state, gradient, shown, by)  # type: ignore[arg-type]
        master[-1:].nextafter_(torch.tensor(torch.inf))

    monkeypatch.setattr(AdamWPass, "_move", move)
    assert adamw.adamw_pass.__wrapped__() is None


def test_moments_in_a_byte_and_weights_of_another_kind_take_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = [nn.Parameter(torch.ones(3, dtype=torch.float16))]
    assert Optimiser(SETTINGS, halves, 1)._pass is None
    monkeypatch.setattr(optimiser, "new_adam", lambda *_, **__: None)
    assert Optimiser(SETTINGS.model_copy(update={"moments": "8bit"}), drawn(torch.float32), 1)._pass is None
