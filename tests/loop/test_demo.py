"""The packaged demo's recipes fit the models that they name."""

from pathlib import Path

import pytest

from accord.loop.demo import demo_recipe, dtype_note


def test_the_tiny_demo_asks_for_no_more_layers_than_the_tiny_model_has(tmp_path: Path) -> None:
    found = demo_recipe(tmp_path / "run", tiny=True)
    assert found.sft is not None
    assert found.reward is not None
    assert found.policy is not None
    assert found.evaluate is not None
    found.sft.open("tiny", train=True)
    found.policy.open("tiny", train=True)
    for settings in (found.reward, found.evaluate.judge):
        settings.open(settings.base, train=True, layers=settings.layers)


@pytest.mark.parametrize(("fast", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_the_demo_is_in_what_the_processor_computes(
    fast: bool, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accord.lm.machine.computes_bfloat16", lambda: fast)
    recipe = demo_recipe(tmp_path / "run")
    sections = (recipe.sft, recipe.reward, recipe.policy, recipe.evaluate and recipe.evaluate.judge)
    assert [each and each.dtype for each in sections] == [dtype] * 4
    assert dtype_note().startswith(f"in {dtype}: matrix products here reach float32 ")
