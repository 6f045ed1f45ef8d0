"""What is to be known before anything is measured: the machine's limits, the stages' work, prompts of what is written.

Worked out in a process of its own, so that the one that measures holds no model.
"""

import json
import re
from pathlib import Path
from typing import Any

__all__ = ["gather"]

BYTES_A_WEIGHT = 2  # bfloat16


def gather(file: Path, *, limits: bool = True) -> None:
    """Write all of it as JSON; without the limits, which take the longest, where they are not asked for."""
    import torch

    from accord.lm import load
    from accord.lm.machine import computes_bfloat16, products
    from accord.lm.native.build import compiled
    from accord.lm.native_decoder import build_decoder
    from accord.lm.packaged import packaged
    from benchmarks.limits import machine_limits
    from benchmarks.ours import MODEL, TOLD_BY_LOSS, lengths_of, prompts_of
    from benchmarks.stages import GENERATED
    from benchmarks.work import flops_of

    causal = load(MODEL, dtype="bfloat16")
    onednn = re.search(r"MKL-DNN v(\S+)|oneDNN v(\S+)", torch.__config__.show())
    facts: dict[str, Any] = {
        "limits": machine_limits() if limits else {},
        "path": {
            "decoder": type(build_decoder(causal)).__name__,
            "kernels": compiled().about,
            "native": causal.native,
            "computes_bfloat16": computes_bfloat16(),
            "products": str(products()),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "onednn": next((found for found in onednn.groups() if found), None) if onednn else None,
            "threads": torch.get_num_threads(),
        },
        "flops": {stage: flops_of(stage, causal) for stage in (*TOLD_BY_LOSS, "reward")},
        "weight_bytes": BYTES_A_WEIGHT * sum(weight.numel() for weight in causal.model.parameters()),
        "writing": {
            "model": str(packaged()),
            "stages": {
                stage: {"prompts": prompts_of(causal, stage), "lengths": lengths_of(stage)} for stage in GENERATED
            },
        },
    }
    facts["writing"]["likeliest"] = _likeliest(facts["writing"]["stages"][GENERATED[0]]["prompts"])
    file.write_text(json.dumps(facts))


def _likeliest(prompts: list[list[int]]) -> list[int]:
    """The likeliest token after each prompt by transformers in float32: what every peer's model must say mostly."""
    import torch
    from transformers import AutoModelForCausalLM

    from accord.lm.packaged import packaged

    model = AutoModelForCausalLM.from_pretrained(str(packaged()), dtype=torch.float32).eval()
    with torch.no_grad():
        return [int(model(torch.tensor([prompt])).logits[0, -1].argmax()) for prompt in prompts]
