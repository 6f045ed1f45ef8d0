"""What large machines would hold, move and work out, by arithmetic alone: the formulas of docs/large-machines.md.

Nothing here is measured. Models and machines are as they were published, the job is an assumption that is written down,
and every number of docs/large-machines.md comes from a function of this file. GB is 1e9 bytes throughout.
"""

from dataclasses import dataclass

__all__ = [
    "COUNTS",
    "GB",
    "H100",
    "JOB",
    "LINKS",
    "MICRO",
    "MODELS",
    "STATES",
    "STATE_BYTES",
    "Job",
    "Machine",
    "Shape",
]
__all__ += ["comparison_tokens", "covering_tokens", "decode_seconds", "people_hours", "roles", "sample_tokens"]
__all__ += ["samplers", "shard_bytes", "shard_rates", "sharded_traffic", "training_seconds", "works"]

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
