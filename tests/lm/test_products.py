"""Products of bfloat16 where the processor has no instructions for it, against the same in float64."""

import pytest
import torch
from torch import Tensor, nn

from accord.lm import products
from accord.lm.products import WideLinear, batched, multiply, use_wide_products

ROUNDING = 0.005  # of bfloat16, once; twice as much where a product is one of two


@pytest.fixture(autouse=True)
def without_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "computes_bfloat16", lambda: False)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16()


def off(found: Tensor | None, wanted: Tensor | None) -> float:
    assert found is not None
    assert wanted is not None
    assert found.dtype == torch.bfloat16
    return float((found.detach().double() - wanted.detach().double()).norm() / wanted.detach().double().norm())


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_and_its_gradients_are_rounded_once(bias: bool) -> None:
    layer = nn.Linear(70, 33, bias=bias, dtype=torch.bfloat16)
    exact = nn.Linear(70, 33, bias=bias, dtype=torch.float64)
    exact.load_state_dict(layer.state_dict())
    model = nn.Sequential(layer)
    use_wide_products(model)
    assert type(model[0]) is WideLinear
    assert isinstance(model[0], nn.Linear)
    x_BTD, g_BTE = drawn(0, 2, 9, 70).requires_grad_(), drawn(1, 2, 9, 33)
    wide_BTD = x_BTD.detach().double().requires_grad_()
    found, wanted = model(x_BTD), exact(wide_BTD)
    found.backward(g_BTE)
    wanted.backward(g_BTE.double())
    assert off(found, wanted) < ROUNDING
    assert off(x_BTD.grad, wide_BTD.grad) < ROUNDING
    assert off(layer.weight.grad, exact.weight.grad) < ROUNDING
    if bias:
        assert off(layer.bias.grad, exact.bias.grad) < 2 * ROUNDING


def test_batches_of_products_and_their_gradients() -> None:
    a, b, g = drawn(0, 3, 5, 40).requires_grad_(), drawn(1, 3, 40, 7).requires_grad_(), drawn(2, 3, 5, 7)
    wide_a, wide_b = (x.detach().double().requires_grad_() for x in (a, b))
    found, wanted = batched(a, b), torch.bmm(wide_a, wide_b)
    found.backward(g)
    wanted.backward(g.double())
    for pair in ((found, wanted), (a.grad, wide_a.grad), (b.grad, wide_b.grad)):
        assert off(*pair) < ROUNDING


def test_what_is_frozen_gets_no_gradient_and_float32_is_the_library_s() -> None:
    layer = nn.Linear(8, 4, dtype=torch.bfloat16).requires_grad_(False)
    use_wide_products(layer)
    x = drawn(0, 3, 8).requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None
    assert layer.weight.grad is None
    plain = nn.Linear(8, 4)
    use_wide_products(plain)
    assert type(plain) is nn.Linear
    assert torch.equal(multiply(x.float(), x.float().mT), x.float() @ x.float().mT)
