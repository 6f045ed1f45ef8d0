"""The packaged demo."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from accord.recipe import Recipe, parse

__all__ = ["demo_recipe", "dtype_note"]

TINY = {
    "data.max_pairs": "6000",
    "sft.base": "tiny",
    "sft.dtype": "float32",
    "sft.trained_layers": "1",
    "sft.max_examples": "640",
    "sft.epochs": "2",
    "sft.optim.lr": "1e-2",
    "reward.base": "tiny",
    "reward.dtype": "float32",
    "reward.trained_layers": "1",
    "reward.layers": "2",
    "reward.epochs": "0.25",
    "reward.optim.lr": "3e-3",
    "policy.dtype": "float32",
    "policy.trained_layers": "1",
    "policy.max_steps": "6",
    "policy.prompts_per_step": "4",
    "policy.optim.lr": "1e-3",
    "policy.save_every": "2",
    "policy.sampling.max_tokens": "24",
    "evaluate.samples_per_prompt": "6",
    "evaluate.curve_samples": "16",
    "evaluate.sampling.max_tokens": "24",
    "evaluate.judge.base": "tiny",
    "evaluate.judge.dtype": "float32",
    "evaluate.judge.trained_layers": "1",
    "evaluate.judge.layers": "2",
    "evaluate.judge.epochs": "0.25",
    "evaluate.judge.optim.lr": "3e-3",
}


def demo_recipe(out: Path | str, overrides: Mapping[str, str] | None = None, *, tiny: bool = False) -> Recipe:
    """The recipe of `accord demo` for a run at `out`; its ledger lies beside the run. `tiny` changes sizes alone.

    Without a GPU it is in the dtype in which this machine was measured to multiply faster (`accord.lm.machine`).
    """
    text = files("accord.loop").joinpath("demo.toml").read_text(encoding="utf-8")
    ledger = Path(out).resolve().parent / "ratings.db"
    values = {"data.ledger": f'"{ledger}"', **(TINY if tiny else _dtypes()), **(overrides or {})}
    return parse(text, values, place="demo.toml")


def _dtypes() -> dict[str, str]:
    if _in_bfloat16():
        return {}
    return {f"{section}.dtype": "float32" for section in ("sft", "reward", "policy", "evaluate.judge")}


def _in_bfloat16() -> bool:
    from torch import cuda

    from accord.lm import machine

    return cuda.is_available() or machine.computes_bfloat16()


def dtype_note() -> str:
    """In what the demo computes on this machine, and how fast the machine multiplies: what its time rests on."""
    from torch import cuda

    from accord.lm import machine

    chosen = "bfloat16" if _in_bfloat16() else "float32"
    return f"in {chosen}: " + (
        "on a GPU" if cuda.is_available() else f"matrix products here reach {machine.products()}"
    )
