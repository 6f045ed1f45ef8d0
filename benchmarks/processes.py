"""`python -m benchmarks.processes`: the memory of N processes that train one model, each with all of it or with a part.

The model is built in code (Llama's layers, `--layers` of them, float32), large enough that its weights dominate. Each
process makes three steps of AdamW on two short batches of its own. What is told is that of the largest process: bytes
of the weights, gradients and moments that it holds when a step begins its update; the most memory that it took while it
opened the model; and the most while it made steps.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

MB = 1e6
ROW = "| {processes} | {how} | {weights:.0f} | {gradients:.0f} | {moments:.0f} | {opening:.0f} | {steps:.0f} |"


@dataclass(frozen=True)
class _Task:
    shards: bool


def main() -> int:
    """Print the table, a row for each number of processes and way."""
    parser = argparse.ArgumentParser(prog="benchmarks.processes")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--worker", nargs=2, metavar=("HOW", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        _work(arguments.worker[0] == "sharded", Path(arguments.worker[1]), arguments.layers)
        return 0
    print("| processes | | weights | gradients | moments | most while opening | most in steps |")
    print("|---|---|---|---|---|---|---|")
    for count in arguments.processes:
        for how in ("whole", "sharded") if count > 1 else ("whole",):
            print(ROW.format(processes=count, how=how, **_measured(count, how, arguments.layers)), flush=True)
    return 0


def _measured(count: int, how: str, layers: int) -> dict[str, float]:
    """Megabytes of the largest of some processes."""
    with TemporaryDirectory() as folder:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
        worker = ["-m", "benchmarks.processes", "--layers", str(layers), "--worker", how, folder]
        subprocess.run([sys.executable, *launcher, *worker], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        rows = [json.loads(file.read_text()) for file in Path(folder).iterdir()]
    assert len(rows) == count
    return {name: max(row[name] for row in rows) for name in rows[0]}


def _work(shards: bool, folder: Path, layers: int) -> None:
    """What one process does."""
    from accord.lm.memory import keep_large_buffers
    from accord.train.ranks import next_task, process_count, process_group, sharing

    keep_large_buffers()
    with process_group() as launch:
        if not launch.is_first:
            next_task()
        task = sharing(_Task(shards)) if launch.count > 1 and launch.is_first else nullcontext()
        with task:
            assert process_count() == launch.count
            row = _train(layers)
        (folder / f"{launch.rank}.json").write_text(json.dumps(row))
        if not launch.is_first:
            next_task()  # there is none


def _train(layers: int) -> dict[str, float]:
    """Steps of a model, and what they took in megabytes."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from accord.lm.loading import wrap
    from accord.lm.logprobs import token_logprobs
    from accord.lm.memory import release_memory
    from accord.lm.packed import TokenizedCompletion, pack
    from accord.lm.sharding import own_part
    from accord.lm.tiny import tiny_tokenizer
    from accord.train.optimiser import Optim, Optimiser
    from accord.train.sharding import evened, shard_model

    torch.manual_seed(0)
    sizes = {"hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8, "num_key_value_heads": 8}
    config: Any = LlamaConfig(vocab_size=258, num_hidden_layers=layers, max_position_embeddings=512, **sizes)
    causal = wrap(LlamaForCausalLM(config).eval(), tiny_tokenizer(), "benchmark")
    shard_model(causal)
    optimiser = Optimiser(Optim(lr=1e-5), causal.trainable(), 3)
    release_memory()
    opening = _most_memory()
    Path("/proc/self/clear_refs").write_text("5")  # the most is counted anew
    held: dict[str, float] = {}
    for _ in range(3):
        for start in (5, 9):
            answers = [TokenizedCompletion((1, 2, 3), tuple(range(start, start + 24)), 0)]
            for batch in evened(causal, pack(causal, answers)):
                optimiser.add(-token_logprobs(causal, batch, batch.hidden(causal), entropy=False).logprob_N.sum())
        masters = [master for group in optimiser._adam.param_groups for master in group["params"]]
        held["weights"] = sum(own_part(weight).nbytes for weight in causal.model.parameters())
        held["gradients"] = sum(master.grad.nbytes for master in masters if master.grad is not None)
        optimiser.step()
    held["moments"] = sum(tensor.nbytes for tensor in optimiser.tensors().values()) - sum(m.nbytes for m in masters)
    return {name: size / MB for name, size in {**held, "opening": opening, "steps": _most_memory()}.items()}


def _most_memory() -> float:
    """The most bytes that this process has held since they are counted."""
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * float(status.read_text().partition("VmHWM:")[2].split()[0])
    return 1024 * float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    sys.exit(main())
