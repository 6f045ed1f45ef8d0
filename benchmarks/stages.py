"""What is measured: one entry a stage, the same sizes for every side; the peers' settings; and accord's goals."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "AGAINST_OURSELVES",
    "ALIKE",
    "CHARACTERS",
    "EXPECTED",
    "GENERATED",
    "GOALS",
    "GROUP",
    "MALLOC",
    "NEW_TOKENS",
    "SETTINGS",
    "SIZES",
    "SMALL",
    "STAGES",
    "Goal",
    "Setting",
    "settings_of",
]

# Little work, to see that all of it runs: nothing that is measured so is kept.
SMALL = os.environ.get("BENCH_SMALL") == "1"
SIZES = {
    "sft": 8,
    "reward": 4,
    "reward5": 4,
    "dpo": 4,
    "dpo_lora": 4,
    "grpo": 2,
    "ppo": 2,
    "generate16": 16,
    "generate32": 32,
}
if SMALL:
    SIZES = {stage: max(2, size // 4) for stage, size in SIZES.items()}
STAGES = tuple(SIZES)
# About how many seconds a comparison takes on two cores without instructions for bfloat16: reckoned, not measured.
EXPECTED = {
    "sft": 120.0,
    "reward": 75.0,
    "reward5": 65.0,
    "dpo": 130.0,
    "dpo_lora": 120.0,
    "grpo": 260.0,
    "ppo": 220.0,
    "generate16": 90.0,
    "generate32": 115.0,
}
GROUP = 2 if SMALL else 8  # samples of a prompt in GRPO and PPO
NEW_TOKENS = 16 if SMALL else 128
CHARACTERS = (60, 120) if SMALL else (260, 540)  # of a passage: the latter are about 64 to 128 tokens of this text
# Nobody else has these: PPO on the samples of GRPO, and a reward model of five members beside one.
AGAINST_OURSELVES = {"ppo": "grpo", "reward5": "reward"}
TRAINED = ("sft", "reward", "dpo", "dpo_lora", "grpo")
GENERATED = ("generate16", "generate32")

# Large buffers kept by glibc, as accord sets for itself in the process: here by the environment.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "2147483647", "MALLOC_TOP_PAD_": "67108864"}


@dataclass(frozen=True)
class Setting:
    """How a peer is run.

    of         who: trl, transformers, vllm, llama.cpp
    stages     where it means something
    trl        arguments of TRL's configuration
    dtype      what the weights are in
    malloc     whether glibc is told to keep large buffers
    bfloat16   True: only where the processor computes it; False: only where it does not; None: everywhere
    weights    how new weights come to it, of peers that write: in place, or by what
    """

    of: str
    stages: tuple[str, ...]
    trl: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    malloc: bool = True
    bfloat16: bool | None = None
    weights: str | None = None


_OFF: dict[str, Any] = {"gradient_checkpointing": False}
_FLOAT32: dict[str, Any] = {"gradient_checkpointing": False, "bf16": False}
# Packing turns `padding_free` on: TRL lays packed rows end to end, so that the same texts are one row either way.
_PACKED: dict[str, Any] = {"packing": True, "max_length": 1024}
_CONTINUOUS: dict[str, Any] = {"use_transformers_continuous_batching": True}

SETTINGS: dict[str, Setting] = {
    "default": Setting("trl", TRAINED, malloc=False),
    "GC off, malloc": Setting("trl", TRAINED, _OFF, bfloat16=True),
    "GC off, malloc, bf16 weights": Setting("trl", TRAINED, _OFF, "bfloat16", bfloat16=True),
    "GC off, malloc, bf16 weights, packing": Setting("trl", ("sft",), _OFF | _PACKED, "bfloat16", bfloat16=True),
    "GC off, malloc, bf16 weights, continuous batching": Setting(
        "trl", ("grpo",), _OFF | _CONTINUOUS, "bfloat16", bfloat16=True
    ),
    "GC off, malloc, float32": Setting("trl", TRAINED, _FLOAT32, bfloat16=False),
    "GC off, malloc, float32, packing": Setting("trl", ("sft",), _FLOAT32 | _PACKED, bfloat16=False),
    "GC off, malloc, float32, continuous batching": Setting("trl", ("grpo",), _FLOAT32 | _CONTINUOUS, bfloat16=False),
    "generate fp32": Setting("transformers", GENERATED, weights="in place"),
    "generate bf16": Setting("transformers", GENERATED, dtype="bfloat16", weights="in place"),
    "vllm": Setting("vllm", GENERATED, dtype="bfloat16", weights="read again from a folder"),
    "llama.cpp": Setting("llama.cpp", GENERATED, dtype="bfloat16", weights="in place, by its mapped file"),
}
# TRL's bfloat16 weights have no float32 masters and no float32 moments. accord keeps both, always.
ALIKE = (
    "accord with masters and moments in bfloat16, as TRL's bfloat16 weights have them: accord has no such setting. "
    "TRL's autocast and its float32 keep masters and moments in float32, as accord does: those rows are alike."
)


def settings_of(stage: str, *, computes_bfloat16: bool) -> list[str]:
    """The peers' settings that mean something for a stage on this machine; the default first."""
    if stage in AGAINST_OURSELVES:
        return [AGAINST_OURSELVES[stage]]
    return [
        name
        for name, setting in SETTINGS.items()
        if stage in setting.stages and setting.bfloat16 in (None, computes_bfloat16)
    ]


@dataclass(frozen=True)
class Goal:
    """What accord set itself: times as fast as named settings and as the best; the limit's share; memory's share.

    `limit_share` is held against the product's limit in training and the bandwidth's in writing, where it depends on
    whether kernels were compiled: `limit_share_plain` is that without.
    """

    settings: Mapping[str, float] = field(default_factory=dict)
    best: float | None = None
    limit_share: float | None = None
    limit_share_plain: float | None = None
    memory: float | None = None


GOALS = {
    "sft": Goal({"default": 3.5}, 2.2, 0.60, None, 0.65),
    "reward": Goal({"default": 3.0}, 2.2, 0.60, None, 0.70),
    "reward5": Goal({"reward": 1 / 1.3}, memory=1.2),
    "dpo": Goal({"default": 4.0}, 3.0, 0.55, None, 0.55),
    "dpo_lora": Goal({"default": 4.0}, 3.5, 0.45, None, 0.35),
    "grpo": Goal({"default": 5.5}, 4.5, None, None, 0.60),
    "ppo": Goal({"grpo": 1 / 1.35}),
    "generate16": Goal({"generate fp32": 6.0, "generate bf16": 3.0, "vllm": 1.5}, None, 1 / 1.5, 1 / 4.5),
    "generate32": Goal({"generate fp32": 7.0, "generate bf16": 3.0, "vllm": 1.5}, None, 1 / 1.5, 1 / 4.5),
}
