"""Compiled kernels of layers that learn: right by themselves, in a model and with adapters; left out where wrong."""

import pytest
import torch
from torch import Tensor

from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.fused import _run, use_kernels
from accord.lm.logprobs import token_logprobs
from accord.lm.native import build, layers, proven
from accord.lm.native.layers import LayerKernels, NormedRows
from accord.lm.packed import TokenizedCompletion, pack
from families import ours

pytestmark = pytest.mark.skipif(
    build.compiled(build.LAYERS).functions is None, reason=build.compiled(build.LAYERS).about
)
DTYPES = [torch.float32, torch.bfloat16]


def gradients(causal: CausalModel, *, used: bool) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Log-probabilities and entropies of some answers, and the gradients of every weight, with kernels or without."""
    use_kernels(causal.model, used=used)
    causal.kernels = used
    causal.model.zero_grad()
    answers = [TokenizedCompletion((1, 2, 3), tuple(range(4, 4 + 3 * size)), size) for size in range(1, 4)]
    (batch,) = pack(causal, answers)
    found = token_logprobs(causal, batch, batch.hidden(causal), temperature=0.8)
    found.logprob_N.mul(torch.arange(len(found.logprob_N)).cos()).sum().backward()
    named = causal.model.named_parameters()
    return [found.logprob_N.detach(), found.entropy_N], {n: w.grad.clone() for n, w in named if w.grad is not None}


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_is_its_definition_with_any_number_of_threads(dtype: torch.dtype) -> None:
    """Held against float64, by itself: the trial that decides whether they are taken."""
    kernels = layers.compiled_kernels(dtype)
    assert kernels is not None
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            assert proven._is_right(kernels, dtype)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["norm_forward", "norm_backward", "gate_backward", "turn_forward", "turn_backward",
                                  "choose_forward", "choose_backward"])  # fmt: skip
def test_a_kernel_that_is_wrong_is_not_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = LayerKernels.call

    def call(self: LayerKernels, which: str, *arguments: Tensor | float | None) -> None:
        exact(self, which, *arguments)
        if which == name:
            assert isinstance(arguments[0], Tensor)
            arguments[0][..., -1:].mul_(1.5).add_(0.1)

    monkeypatch.setattr(LayerKernels, "call", call)
    assert proven.layer_kernels.__wrapped__(torch.float32) is None


@pytest.mark.parametrize("family", ["llama", "qwen3"])
@pytest.mark.parametrize("adapted", [False, True])
def test_a_model_gives_the_numbers_that_it_gives_without(family: str, adapted: bool) -> None:
    causal = ours(family)
    assert causal.kernels
    if adapted:
        add_lora(causal, LoRA(rank=2), seed=0)
        with torch.no_grad():
            for weight in causal.trainable():
                weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(len(weight)))
    (numbers, wanted), (plain, expected) = gradients(causal, used=True), gradients(causal, used=False)
    for mine, other in zip(numbers, plain, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)
    assert wanted.keys() == expected.keys()
    for name, gradient in expected.items():
        assert float((wanted[name] - gradient).norm()) <= 2e-5 * float(gradient.norm()) + 1e-7, name


def test_what_is_kept_for_the_backward_pass_is_no_more_than_without() -> None:
    causal = ours("llama")
    kept: dict[bool, int] = {}
    for used in (True, False):
        seen: dict[int, int] = {}

        def pack_hook(tensor: Tensor, seen: dict[int, int] = seen) -> Tensor:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack_hook, lambda tensor: tensor):
            gradients(causal, used=used)
        kept[used] = sum(seen.values())
    assert kept[True] <= kept[False]


def test_tokens_that_are_not_there_and_gradients_of_gradients_are_refused() -> None:
    kernels = proven.layer_kernels(torch.float32)
    assert kernels is not None
    for target in (-1, 5):
        with pytest.raises(IndexError, match="beyond the 5 tokens"):
            kernels.chosen(torch.zeros(1, 5), torch.tensor([target]), 1.0, False)
    x = torch.ones(2, 4, requires_grad=True)
    (first,) = torch.autograd.grad(
        _run(NormedRows, x, torch.ones(4), 1e-5, kernels).square().sum(), x, create_graph=True
    )
    with pytest.raises(RuntimeError):
        first.sum().backward()


def test_other_tensors_have_no_kernels() -> None:
    assert proven.kernels_of(torch.zeros(2, dtype=torch.float64)) is None
    assert proven.kernels_of(torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16)) is None
    assert proven.kernels_of(torch.zeros(2, device="meta")) is None
