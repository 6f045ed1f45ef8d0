"""Rewards between rewards: one model whose weights, the head's too, are weighted sums of those of several.

Reward models that were tuned from one start on other orders of the data, other draws of evaluators or other settings
disagree where they have learnt noise; the mean of their weights keeps what they share, costs one model, and is harder
to exploit than any of them (WARM: Rame et al. 2024, arXiv 2401.12187). Weights that are not alike, because the models
began elsewhere, do not average.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from accord.errors import ModelError
from accord.lm.adapter_ensemble import AdapterEnsemble
from accord.lm.dtypes import DType
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.reward_model_files import load_reward_model
from accord.lm.weighted_sums import check_weights, weighted_sum, weighted_tensors
from accord.reward.terms.choices import Distribution, output_names

__all__ = ["soup"]


def soup(
    models: Sequence[Path | str],
    weights: Sequence[float] | None = None,
    *,
    name: str = "soup",
    dtype: DType = "float32",
    device: str = "cpu",
    trust_remote_code: bool = False,
) -> ScalarHeadModel:
    """The reward model whose decoder and head are the weighted means of those in the folders `models`.

    Equal weights where none are given. Adapters are merged first. Its scores are placed and scaled by the weighted
    means of the models' own places and scales. Raises `ModelError` where a folder holds no reward model, where
    decoders, components or members are not alike, or where `weights` are not one a model or do not sum to 1.
    """
    weights = [1 / len(models)] * len(models) if weights is None and models else list(weights or ())
    check_weights(len(models), weights)
    first, *others = (
        load_reward_model(
            Path(each), name=str(each), dtype=dtype, device=device, trust_remote_code=trust_remote_code, merge=True
        )
        for each in models
    )
    if apart := [each.name for each in (first, *others) if isinstance(each, AdapterEnsemble)]:
        raise ModelError(f"{apart[0]}: its members have layers of their own, which do not average; see ensemble")
    for other in others:
        if _layout(other) != _layout(first):
            raise ModelError(
                f"{other.name}: {_layout(other)}, and {first.name} has {_layout(first)}; a soup needs the same heads"
            )
        if problem := _read_otherwise(other, first):
            raise ModelError(
                f"{other.name}: its {problem} is not that of {first.name}; a soup needs the same texts read"
            )
    rest = list(zip(others, weights[1:], strict=True))
    causal = weighted_sum(first.causal, weights[0], ((other.causal, weight) for other, weight in rest))
    heads = ((other.name, other.head.state_dict(), weight) for other, weight in rest)
    first.head.load_state_dict(weighted_tensors(first.head.state_dict(), weights[0], heads))
    every = [first, *others]
    if first.aggregation.rule == "mean" and first.components in {output_names(each) for each in get_args(Distribution)}:
        raise ModelError(
            f"{first.name}: its outputs describe a distribution of utility, whose parameters do not average"
        )
    if first.aggregation.needs_reference:
        raise ModelError(f"{first.name}: {_layout(first)}; models that compare with texts of their own do not average")
    return replace(
        first,
        causal=causal,
        name=name,
        posterior=None,  # that of one model says nothing of their mean
        mean_M=tuple(np.average([each.mean_M for each in every], axis=0, weights=weights).tolist()),
        score_scale=float(np.average([each.score_scale for each in every], weights=weights)),
    )


def _layout(model: ScalarHeadModel) -> str:
    aggregation = model.aggregation
    components = f"components {', '.join(model.components)}" if model.components else "no components"
    counted = f" of {', '.join(f'{each:g}' for each in aggregation.weights)}" if aggregation.weights else ""
    rule = f"{aggregation.rule} {aggregation.quantile:g}" if aggregation.rule == "quantile" else aggregation.rule
    listed = "" if model.listed is None else f", {', '.join(model.listed) or 'none'} listed"
    by_rule = f" by {rule}{counted}{listed}" if rule != "mean" or counted or listed else ""
    return f"{components} with {model.members} members{by_rule}"


def _read_otherwise(model: ScalarHeadModel, first: ScalarHeadModel) -> str:
    """What of two models makes them read one text as other tokens; empty where nothing does."""
    one, other = model.causal.tokenizer, first.causal.tokenizer
    if one.get_vocab() != other.get_vocab():
        return "tokenizer"
    return "chat template" if one.chat_template != other.chat_template else ""
