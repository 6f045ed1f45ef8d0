"""Whether bfloat16 is worth its while follows from products that were measured, once a process."""

import pytest
import torch

from accord.lm import machine
from accord.lm.machine import Products, computes_bfloat16, has_tiles, products


def test_products_are_measured_once_and_leave_the_threads_alone() -> None:
    threads = torch.get_num_threads()
    first = products()
    assert products() is first
    assert first.float32 > 0
    assert first.bfloat16 > 0
    assert torch.get_num_threads() == threads
    assert str(Products(97.4, 1492.0)) == "float32 97 GFLOP/s a core, bfloat16 1,492"


@pytest.mark.parametrize(("bfloat16", "worth"), [(37.0, False), (187.0, False), (240.0, False), (490.0, True)])
def test_the_flag_of_the_processor_does_not_decide(
    bfloat16: float, worth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AVX-512 without instructions for it says yes, and is slower than float32."""
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(machine, "products", lambda: Products(187.0, bfloat16))
    computes_bfloat16.cache_clear()
    try:
        assert computes_bfloat16() == worth
    finally:
        computes_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("there", "limit", "taken"),
    [(True, "", True), (True, "AVX512_CORE_AMX", True), (True, "avx512_core_bf16", False), (False, "", False)],
)
def test_tiles_may_be_hidden(there: bool, limit: str, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: there)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert has_tiles() == taken
