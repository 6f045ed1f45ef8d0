"""By check, the keys of a recipe that its remedy changes; one that a kind of reward or algorithm lacks is left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CHANGES", "Change"]


@dataclass(frozen=True)
class Change:
    """One key of a section, and what becomes of it: one of four.

    to        this value
    at_least  this value, where it is lower
    times     so many times the value that it has, a whole number where it is one
    with_ids  what it has, and the finding's ids of this kind

    Of a key with `|` in it the first is meant that the section has; a key `anchor` of `policy` stands for the setting
    that holds the algorithm near its start. `beside` is another key of the section that must have been set.
    """

    section: str
    key: str
    to: Any = None
    at_least: float | None = None
    times: float | None = None
    with_ids: str = ""
    beside: str = ""


_NEARER = (Change("policy", "anchor", times=3),)
"""Hold the policy nearer to its start."""

_CAUTIOUS = (Change("reward", "ensemble_size", at_least=5), Change("policy", "caution", to=1.0))
"""Learn several members, and count on the low end of what they say."""

_WITHOUT_THEM = (Change("data", "exclude", with_ids="evaluators"),)
_WITHOUT_THESE = (Change("data", "exclude", with_ids="feedback"),)
_ONE_COIN = (Change("data", "trust", to="one_coin"),)
_EXACT = (Change("policy", "dtype", to="float32"),)
_LESS_FORGOTTEN = (Change("policy", "pretrain_coef", to=0.1), *_NEARER)
_RAKED = (Change("data", "raking", to=True, beside="population"),)
_STOP_EARLIER = (Change("policy", "max_steps|epochs", times=0.5),)
_APART = (Change("data", "split_by", to="prompt"),)

CHANGES: Mapping[str, tuple[Change, ...]] = {
    "P-EOS stopping": (Change("policy", "missing_eos_penalty", times=2),),
    "P-RATIO rollout": _EXACT,
    "P-RATIO remeasured": _EXACT,
    "P-RATIO reference": _EXACT,
    "P-SPLIT overlap": _APART,
    "MH1 composition": _RAKED,
    "MH1 consequence": _RAKED,
    "MH1 opinions": _RAKED,
    "MH2 labels": _WITHOUT_THEM,
    "MH3 words": _WITHOUT_THESE,
    "MH3 triggered reward": _WITHOUT_THESE,
    "MH3 people": _WITHOUT_THEM,
    "MH3 bursts": _WITHOUT_THEM,
    "OV1 careless": _ONE_COIN,
    "OV1 straight lines": _WITHOUT_THEM,
    "OV1 time": _WITHOUT_THESE,
    "OV1 change": _WITHOUT_THEM,
    "OV1 control": (Change("data", "trust", to="control"),),
    "OV4 strata": _WITHOUT_THEM,
    "X5 untyped": _WITHOUT_THESE,
    "X5 machine-written": _WITHOUT_THESE,
    "FT1 bits": (Change("reward", "kind", to="joint"),),
    "PM2 one reward": (Change("reward", "head_per", to="unknown_group"), Change("reward", "aggregation", to="maxmin")),
    "RG1 shift": _CAUTIOUS,
    "RG1 underspecified": _CAUTIOUS,
    "RG1 gameable": (*_CAUTIOUS, *_NEARER),
    "RG2 turnover": (*_CAUTIOUS, *_NEARER),
    "RG2 divergence": (*_CAUTIOUS, *_NEARER),
    "RG2 gain": _NEARER,
    "RE1 accuracy": (Change("data", "max_pairs", times=2),),
    "RE1 calibration": (Change("reward", "epochs", times=0.5), Change("reward", "calibrate", to="temperature")),
    "RE1 leakage": (*_APART, Change("data", "eval_reward", at_least=0.44)),
    "RL1 reached": (Change("policy", "max_steps|epochs", times=2),),
    "RL1 coverage": (Change("policy", "group_size", times=2),),
    "RL1 seeds": (Change("policy", "optim.lr", times=0.5), Change("policy", "whiten", to=True)),
    "RL2 canaries": (Change("sft", "epochs", times=0.5), *_STOP_EARLIER),
    "MG1 cue": _CAUTIOUS,
    "X7 undetermined": _CAUTIOUS,
    "X9 toxicity": (*_STOP_EARLIER, *_NEARER),
    "DC2 excess": (Change("policy", "optim.lr", times=0.5), *_NEARER),
    "DC2 diversity": _NEARER,
    "DC2 semantic diversity": _NEARER,
    "DC2 entropy": _NEARER,
    "DC2 calibration": _NEARER,
    "DC1 stereotypes": _LESS_FORGOTTEN,
    "X3 guessing": (Change("policy", "kind", to="abstaining"),),
    "X6 ability": _LESS_FORGOTTEN,
    "X6 held-out loss": _LESS_FORGOTTEN,
}
