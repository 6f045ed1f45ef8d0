"""`python -m benchmarks.paper [--write]`: what large machines would hold, move and work out, by arithmetic alone.

Nothing here is measured. Models and machines are as they were published, the job is an assumption that is written down,
and every number of docs/large-machines.md comes from a function of this file. GB is 1e9 bytes throughout.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["H100", "JOB", "MODELS", "Job", "Machine", "Shape", "tables"]

BEGIN, END = "<!-- computed: begin -->", "<!-- computed: end -->"
PAGE = Path(__file__).parents[1] / "docs/large-machines.md"
GB = 1e9


@dataclass(frozen=True)
class Shape:
    """A decoder of the Llama 3 family (Grattafiori et al. 2024, arXiv 2407.21783, table 3)."""

    name: str
    layers: int
    width: int
    inner: int
    kv_width: int
    vocabulary: int

    @property
    def layer_weights(self) -> int:
        """Queries and output D^2 each, keys and values D x kv each, three matrices of the gate, two norms."""
        d = self.width
        return 2 * d * d + 2 * d * self.kv_width + 3 * d * self.inner + 2 * d

    @property
    def weights(self) -> int:
        """All of them; embedding and head are two matrices."""
        return self.layers * self.layer_weights + 2 * self.vocabulary * self.width + self.width

    @property
    def kv_bytes(self) -> int:
        """Keys and values of a token in bfloat16."""
        return 2 * self.layers * self.kv_width * 2

    def activation_bytes(self, *, checkpointed: bool) -> int:
        """What a token keeps for the backward pass, bfloat16, with attention that keeps no scores.

        A layer keeps its input, both norms' outputs, queries, attention's output and the middle residual (6 D), keys
        and values (2 kv), and of the gate both products, the activation and what goes down (4 F). Checkpointed it keeps
        its input alone, and one layer at a time is made again.
        """
        whole = 2 * (6 * self.width + 2 * self.kv_width + 4 * self.inner)
        return 2 * self.width * self.layers + whole if checkpointed else whole * self.layers

    def logit_bytes(self, predicted: int, chunk: int) -> int:
        """Logits of a micro-batch in bfloat16, kept for the backward pass, and a chunk's gradient and float32 copy."""
        return self.vocabulary * (2 * predicted + (2 + 4) * min(chunk, predicted))


@dataclass(frozen=True)
class Machine:
    """A GPU and what it is linked by; bytes and operations a second, one way."""

    memory: float
    operations: float
    read: float
    nvlink: float
    network: float
    node: int = 8


@dataclass(frozen=True)
class Job:
    """What is to be done; all of it assumed."""

    comparisons: int = 1_000_000
    prompt_tokens: int = 256
    answer_tokens: int = 256
    prompts: int = 100_000
    samples: int = 8
    prompts_per_step: int = 128
    comparison_seconds: float = 45.0
    paid_hours: float = 6.0
    train_share: float = 0.40
    decode_share: float = 0.60
    running: int = 256


MODELS = (
    Shape("8B", layers=32, width=4096, inner=14336, kv_width=1024, vocabulary=128_256),
    Shape("70B", layers=80, width=8192, inner=28672, kv_width=1024, vocabulary=128_256),
)
H100 = Machine(memory=80e9, operations=989.4e12, read=3.35e12, nvlink=450e9, network=50e9)
"""H100 SXM5 80 GB: dense bfloat16, HBM3; NVLink 900 GB/s both ways; a 400 Gb/s port a GPU, as in a DGX H100."""
JOB = Job()
COUNTS = (8, 64)
MICRO = 8192  # tokens of a micro-batch, half of them answers

# -- memory ------------------------------------------------------------------------------------------------------------

STATES = (
    ("weights, bfloat16", 2),
    ("masters, float32", 4),
    ("summed gradients, float32", 4),
    ("two moments of AdamW, float32", 8),
    ("gradients of a micro-batch, bfloat16, until they are added", 2),
)
"""What accord keeps of each weight that is trained in bfloat16 (`train/optimiser.py`), bytes."""
STATE_BYTES = sum(number for _, number in STATES)
WHOLE_LAYERS = 2  # gathered at once where a model is sharded: the one at work and the next


def shard_bytes(shape: Shape, processes: int) -> float:
    """A process's share of a model that is trained in shards of equal size, and the layers that are gathered."""
    return STATE_BYTES * shape.weights / processes + 2 * WHOLE_LAYERS * shape.layer_weights


def samplers(shape: Shape) -> int:
    """GPUs of one sampler: as few (a power of two) as its weights take a quarter of, beside what is trained there."""
    size = 1
    while 2 * shape.weights / size > H100.memory / 4:
        size *= 2
    return size


def roles(shape: Shape, processes: int) -> list[tuple[str, float]]:
    """What each GPU holds of every role, in bytes, where all share all GPUs."""
    return [
        ("policy, trained in shards", shard_bytes(shape, processes)),
        ("reference, in shards", 2 * shape.weights / processes),
        ("reward, in shards", 2 * shape.weights / processes),
        ("a sampler's weights, on 1 GPU (8B) or 8 (70B)", 2 * shape.weights / samplers(shape)),
        ("activations of a micro-batch, checkpointed", MICRO * shape.activation_bytes(checkpointed=True)),
        ("logits of a micro-batch", shape.logit_bytes(MICRO // 2, 1024)),
    ]


# -- moving ------------------------------------------------------------------------------------------------------------

LINKS = (
    ("NVLink, 450 GB/s", H100.nvlink),
    ("8 InfiniBand ports of 400 Gb/s", 8 * H100.network),
    ("1 InfiniBand port of 400 Gb/s", H100.network),
    ("Ethernet, 100 Gb/s", 12.5e9),
    ("Ethernet, 10 Gb/s", 1.25e9),
)


def sharded_traffic(shape: Shape, processes: int) -> float:
    """Bytes that each process receives in a micro-batch: weights for both passes, and gradients once, as rings do it.

    (N - 1) / N of the model each time, in bfloat16 (Rajbhandari et al. 2020, arXiv 1910.02054, section 7).
    """
    return 3 * 2 * shape.weights * (processes - 1) / processes


def shard_rates(processes: int) -> list[tuple[str, float]]:
    """By which links, and at which rate each process receives: several rings share a node's ports evenly."""
    if processes <= H100.node:
        return [("NVLink", H100.nvlink)]
    return [
        ("8 InfiniBand ports a node", min(H100.nvlink, H100.node * H100.network)),
        ("Ethernet of 100 Gb/s a node", 12.5e9),
    ]


def covering_tokens(shape: Shape, processes: int, rate: float, job: Job = JOB) -> float:
    """Tokens of a micro-batch whose operations take as long as this traffic."""
    seconds = sharded_traffic(shape, processes) / rate
    return seconds * H100.operations * job.train_share / (6 * shape.weights)


# -- working -----------------------------------------------------------------------------------------------------------


def training_seconds(shape: Shape, tokens: float, gpus: int, job: Job = JOB, *, a_weight: float = 6.0) -> float:
    """6 operations a weight and token (Kaplan et al. 2020, arXiv 2001.08361), 2 of them forward."""
    return a_weight * shape.weights * tokens / (gpus * H100.operations * job.train_share)


def decode_seconds(shape: Shape, gpus: int, job: Job = JOB) -> float:
    """All samples of the job: a step reads the weights and the keys and values of all that is running.

    Every sampler runs `job.running` texts; half of an answer is there on average. The larger of reading and of
    operations (2 a weight and token) counts.
    """
    size = samplers(shape)
    context = job.prompt_tokens + job.answer_tokens / 2
    read = (2 * shape.weights + job.running * context * shape.kv_bytes) / (size * H100.read)
    work = 2 * shape.weights * job.running / (size * H100.operations)
    tokens = job.prompts * job.samples * job.answer_tokens
    return tokens / job.running / (gpus / size) * max(read, work) / job.decode_share


def comparison_tokens(job: Job = JOB) -> float:
    """Tokens of all comparisons, each prompt read once for both answers."""
    return job.comparisons * (job.prompt_tokens + 2 * job.answer_tokens)


def sample_tokens(job: Job = JOB) -> float:
    """Tokens of all samples, each prompt read once for its group."""
    return job.prompts * (job.prompt_tokens + job.samples * job.answer_tokens)


def people_hours(job: Job = JOB) -> float:
    """Hours of people for all comparisons, one person each."""
    return job.comparisons * job.comparison_seconds / 3600


def works(shape: Shape, gpus: int, job: Job = JOB) -> list[tuple[str, float]]:
    """Seconds of each part of the job on all GPUs, one after the other."""
    forward = {"a_weight": 2.0}
    return [
        ("reward: one pass over the comparisons", training_seconds(shape, comparison_tokens(job), gpus, job)),
        (
            "DPO instead: the same, and the reference's pass",
            training_seconds(shape, comparison_tokens(job), gpus, job, a_weight=8.0),
        ),
        ("online: writing the samples", decode_seconds(shape, gpus, job)),
        ("online: the reward reads them", training_seconds(shape, sample_tokens(job), gpus, job, **forward)),
        ("online: the reference reads them", training_seconds(shape, sample_tokens(job), gpus, job, **forward)),
        ("online: one update by each", training_seconds(shape, sample_tokens(job), gpus, job)),
    ]


# -- tables ------------------------------------------------------------------------------------------------------------


def tables() -> str:
    """All tables of the page, in Markdown."""
    return "\n\n".join("\n".join(part) for part in (_models(), _roles(), _moving(), _covering(), _works(), _people()))


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | list[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _models() -> list[str]:
    first, second = MODELS
    both = (first, second)
    numbers = (
        ("weights", [f"{each.weights:,}" for each in both]),
        ("in bfloat16", [_gb(2 * each.weights) for each in both]),
        *((f"{name} ({number} B)", [_gb(number * each.weights) for each in both]) for name, number in STATES[1:]),
        (f"all that is kept of a trained model ({STATE_BYTES} B)", [_gb(STATE_BYTES * each.weights) for each in both]),
        ("keys and values of a token", [f"{each.kv_bytes:,} B" for each in both]),
        ("of 256 texts of 512 tokens", [_gb(256 * 512 * each.kv_bytes) for each in both]),
        ("activations of a token, all kept", [_mb(each.activation_bytes(checkpointed=False)) for each in both]),
        (f"of {MICRO:,} tokens, all kept", [_gb(MICRO * each.activation_bytes(checkpointed=False)) for each in both]),
        (
            f"of {MICRO:,} tokens, checkpointed",
            [_gb(MICRO * each.activation_bytes(checkpointed=True)) for each in both],
        ),
        (f"logits of {MICRO // 2:,} predictions", [_gb(each.logit_bytes(MICRO // 2, 1024)) for each in both]),
        ("the same as float32 with a softmax beside", [_gb(8 * each.vocabulary * MICRO // 2) for each in both]),
    )
    return _table(["", first.name, second.name], [[name, *values] for name, values in numbers])


def _roles() -> list[str]:
    columns = [(shape, count) for shape in MODELS for count in COUNTS]
    found = [roles(shape, count) for shape, count in columns]
    rows: list[Sequence[str]] = [[name, *(_gb(each[i][1]) for each in found)] for i, (name, _) in enumerate(found[0])]
    sums = [sum(number for _, number in each) for each in found]
    left = [H100.memory - number for number in sums]
    rows.append(["together", *map(_gb, sums)])
    rows.append(["left of 80 GB for keys and values", *(_gb(each) if each > 0 else "does not fit" for each in left)])
    return _table(["GB a GPU", *(f"{shape.name}, {count} GPUs" for shape, count in columns)], rows)


def _moving() -> list[str]:
    steps = JOB.prompts / JOB.prompts_per_step
    rows = [
        [
            name,
            *(_seconds(2 * shape.weights / rate) for shape in MODELS),
            *(_hours(steps * 2 * shape.weights / rate) for shape in MODELS),
        ]
        for name, rate in LINKS
    ]
    head = [f"{s.name} ({_gb(2 * s.weights)}), once" for s in MODELS]
    head += [f"{s.name}, {steps:,.0f} steps, hours" for s in MODELS]
    return _table(["weights to a sampler over", *head], iter(rows))


def _covering() -> list[str]:
    rows = []
    for shape in MODELS:
        for count in COUNTS:
            received = sharded_traffic(shape, count)
            for link, rate in shard_rates(count):
                tokens = f"{covering_tokens(shape, count, rate):,.0f}"
                name = f"{shape.name}, {count} GPUs"
                rows.append([name, link, _gb(received), _seconds(received / rate), tokens])
    head = ["sharded training", "over", "received by each GPU", "seconds", "tokens a GPU that take as long"]
    return _table(head, iter(rows))


def _works() -> list[str]:
    columns = [(shape, count) for shape in MODELS for count in COUNTS]
    found = [works(shape, count) for shape, count in columns]
    rows = [[name, *(_hours(each[i][1]) for each in found)] for i, (name, _) in enumerate(found[0])]
    return _table(["hours", *(f"{shape.name}, {count} GPUs" for shape, count in columns)], iter(rows))


def _people() -> list[str]:
    hours = people_hours()
    rows = [[f"{number:,}", f"{hours:,.0f}", f"{hours / number / JOB.paid_hours:,.0f}"] for number in (10, 100, 1000)]
    return _table(["people", "hours together", "days of 6 hours each"], iter(rows))


def _gb(number: float) -> str:
    return f"{number / GB:,.1f} GB"


def _mb(number: float) -> str:
    return f"{number / 1e6:,.2f} MB"


def _seconds(number: float) -> str:
    return f"{number:.2g} s" if number < 100 else f"{number:,.0f} s"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f}" if seconds < 36_000 else f"{seconds / 3600:.1f}"


def main() -> None:
    """Print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(prog="benchmarks.paper")
    parser.add_argument("--write", action="store_true", help="put them into docs/large-machines.md")
    if not parser.parse_args().write:
        print(tables())
        return
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{tables()}\n{END}{after}")


if __name__ == "__main__":
    main()
