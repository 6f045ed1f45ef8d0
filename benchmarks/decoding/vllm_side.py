"""vLLM's build for CPUs, in this process, writing the same prompts to the same lengths.

New weights come to it by reading a folder again (`reload_weights`): its linear layers are packed copies.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.turns import Turns

GIB = 1  # of keys and values
EAGER = "BENCH_EAGER"  # "1": as it is without a compiler


def opened(model: str, dtype: str, count: int, length: int) -> tuple[Any, Callable[[int, float], Any]]:
    """The engine, and a function of how many tokens are to be written at which temperature.

    Every prompt stands alone in its cache: what steps share would be read once.
    """
    threads = int(os.environ["BENCH_THREADS"])
    os.environ.update(
        VLLM_ENABLE_V1_MULTIPROCESSING="0",
        VLLM_CPU_KVCACHE_SPACE=str(GIB),
        VLLM_CPU_OMP_THREADS_BIND="nobind",
        VLLM_NO_USAGE_STATS="1",
        HF_HUB_OFFLINE="1",
        OMP_NUM_THREADS=str(threads),
    )
    import torch
    import vllm

    torch.set_num_threads(threads)
    engine = vllm.LLM(
        model=model,
        dtype=dtype,
        max_model_len=length,
        max_num_seqs=count,
        enable_prefix_caching=False,
        enforce_eager=os.environ.get(EAGER) == "1",
    )

    def how(tokens: int, temperature: float) -> Any:
        return vllm.SamplingParams(temperature=temperature, max_tokens=tokens, ignore_eos=True, detokenize=False)

    return engine, how


def main(stage: str) -> None:
    """As asked for, in turn."""
    turns = Turns()
    written = json.loads(Path(os.environ["BENCH_WRITING"]).read_text())
    prompts, lengths = written["stages"][stage]["prompts"], written["stages"][stage]["lengths"]
    engine, how = opened(written["model"], "bfloat16", len(prompts), max(map(len, prompts)) + max(lengths))
    asked = [{"prompt_token_ids": prompt} for prompt in prompts]

    def write(counts: list[int], temperature: float) -> list[list[int]]:
        answers = engine.generate(asked, [how(count, temperature) for count in counts], use_tqdm=False)
        return [list(answer.outputs[0].token_ids) for answer in answers]

    write([2] * len(prompts), 1.0)
    while turns.wait():
        turns.done(loss=None, tokens=sum(map(len, write(lengths, 1.0))))
    found: dict[str, Any] = {"peak_gb": turns.peak_gb(), "about": f"vllm-cpu {version('vllm-cpu')}"}
    first = len(written["likeliest"])
    if len(prompts) == first:
        found["likeliest"] = [ids[0] for ids in write([1] * first, 0.0)]
    turns.finish(**found)


if __name__ == "__main__":
    main(sys.argv[1])
