"""Small folders as TRL, verl and OpenRLHF leave them: exactly their files and columns, by their own sources."""

import json
import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas

__all__ = [
    "callback_of_the_documents",
    "chat",
    "dpo_log",
    "event",
    "grpo_folder",
    "grpo_step",
    "ppo_step",
    "verl_files",
    "verl_step",
    "write_events",
    "write_lines",
    "write_state",
]

DOCUMENT = Path(__file__).parents[1] / "docs/other-runs.md"
WORDS = ("rain", "sun", "wind", "snow", "hail", "fog")
Score = Callable[[int, int], float | None]


def callback_of_the_documents() -> Any:
    """The class in the documents, as it stands there."""
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (code,) = (block for block in blocks if "TrainerCallback" in block)
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    return namespace["AuditSamples"]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """JSON lines, as Python writes them: with NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def chat(text: str) -> list[dict[str, str]]:
    """A prompt of one message."""
    return [{"role": "user", "content": text}]


# -- TRL 1.16 ----------------------------------------------------------------------------------------------------


def grpo_step(step: int, means: Mapping[str, float], total: float, **others: Any) -> dict[str, Any]:
    """An entry of GRPO's log: what `GRPOTrainer.log` adds to what transformers' Trainer writes."""
    entry: dict[str, Any] = {
        "clip_ratio/high_max": 0.0,
        "clip_ratio/high_mean": 0.0,
        "clip_ratio/low_mean": 0.0,
        "clip_ratio/low_min": 0.0,
        "clip_ratio/region_mean": 0.0,
        "completions/clipped_ratio": 0.25,
        "completions/max_length": 12.0,
        "completions/max_terminated_length": 11.0,
        "completions/mean_length": 10.0,
        "completions/mean_terminated_length": 9.0,
        "completions/min_length": 7.0,
        "completions/min_terminated_length": 7.0,
        "entropy": 2.5,
        "epoch": step / 10,
        "frac_reward_zero_std": 0.0,
        "grad_norm": 0.5,
        "kl": 0.01 * step,
        "learning_rate": 1e-6,
        "loss": 0.0,
        "num_tokens": 232.0 * step,
        "reward": total,
        "reward_std": 0.3,
        "step": step,
        "step_time": 0.2,
    }
    for name, mean in means.items():
        entry |= {f"rewards/{name}/mean": mean, f"rewards/{name}/std": 0.1}
    return entry | others


def grpo_folder(
    folder: Path,
    scores: Mapping[str, Score],
    *,
    weights: Mapping[str, float] | None = None,
    steps: int = 12,
    conversations: bool = False,
    log: Mapping[str, Any] | None = None,
) -> Path:
    """GRPO with `log_completions`: a table a step, six prompts of two completions each, and a checkpoint with its log.

    `scores[name](step, prompt)` is what a reward function gives; `log` are columns of all entries, for the usual ones.
    """
    weights = dict.fromkeys(scores, 1.0) if weights is None else weights
    (folder / "completions").mkdir(parents=True)
    history = []
    for step in range(1, steps + 1):
        asked = [f"Write about {word}." for word in WORDS for _ in range(2)]
        texts = [f"{word} {step} {number} {word}" for word in WORDS for number in range(2)]
        given = {name: [score(step, number // 2) for number in range(12)] for name, score in scores.items()}
        table = {
            "step": [step] * 12,
            "prompt": [chat(text) for text in asked] if conversations else asked,
            "completion": [[{"role": "assistant", "content": text}] for text in texts] if conversations else texts,
            **given,
            "advantage": [0.0] * 12,
        }
        pandas.DataFrame(table).to_parquet(folder / "completions" / f"completions_{step:05d}.parquet")
        known = {name: [one for one in column if one is not None] for name, column in given.items()}
        means = {name: sum(column) / max(1, len(column)) for name, column in known.items()}
        total = sum(weights[name] * mean for name, mean in means.items())
        history.append(grpo_step(step, means, total, **(log or {})))
    write_state(folder / f"checkpoint-{steps}" / "trainer_state.json", history)
    return folder


def write_state(path: Path, history: Sequence[Mapping[str, Any]], **others: Any) -> Path:
    """`trainer_state.json` of transformers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = [entry["step"] for entry in history] or [0]
    content = {"epoch": 1.0, "global_step": max(steps), "log_history": list(history), "max_steps": max(steps)}
    path.write_text(json.dumps(content | others, indent=2))
    return path


def dpo_log(steps: int = 6) -> list[dict[str, Any]]:
    """DPO's log, with an evaluation and the summary at the end."""
    numbers = {"logits/chosen": 0.1, "logits/rejected": 0.1, "logps/chosen": -90.0, "logps/rejected": -80.0}
    rewards = {"rewards/accuracies": 0.75, "rewards/chosen": 0.2, "rewards/margins": 0.3, "rewards/rejected": -0.1}
    usual = {"loss": 0.6, "grad_norm": 1.0, "learning_rate": 1e-6, "entropy": 2.0, "mean_token_accuracy": 0.5}
    log = [{"step": step, "epoch": step / steps, **usual, **numbers, **rewards} for step in range(1, steps + 1)]
    log.append({"step": steps, "epoch": 1.0, "eval_loss": 0.5, "eval_rewards/margins": 0.4})
    log.append({"step": steps, "epoch": 1.0, "train_runtime": 1.0, "train_loss": 0.6, "total_flos": 0.0})
    return log


# -- verl 0.9 ----------------------------------------------------------------------------------------------------


def verl_files(folder: Path, steps: Iterable[int], score: Score, *, validation: bool = False, **others: Score) -> Path:
    """Files of generations, six prompts of two answers each; a validation repeats its score as `reward`."""
    for step in steps:
        rows = []
        for number in range(12):
            word = WORDS[number // 2]
            row: dict[str, Any] = {
                "input": f"user\n{'Tell' if validation else 'Write'} of {word}.\nassistant\n",
                "output": f"{word} {step} {number} is {word}",
                "gts": word,
                "score": score(step, number // 2),
                "step": step,
            }
            row |= {"reward": row["score"]} if validation else {}
            rows.append(row | {name: other(step, number // 2) for name, other in others.items()})
        write_lines(folder / f"{step}.jsonl", rows)
    return folder


def verl_step(step: int, **others: Any) -> dict[str, Any]:
    """A line of verl's logger `file`."""
    data = {
        "actor/entropy": 0.5,
        "actor/grad_norm": 0.1,
        "actor/kl_loss": 0.001 * step,
        "actor/lr": 1e-6,
        "actor/pg_clipfrac": 0.0,
        "actor/pg_loss": -0.01,
        "critic/score/mean": 0.1 * step,
        "response_length/clip_ratio": 0.1,
        "response_length/mean": 200.0,
        "timing_s/step": 3.0,
        "training/global_step": step,
    }
    return {"step": step, "data": data | others}


# -- TensorBoard, as OpenRLHF 0.11 writes for it -----------------------------------------------------------------


def event(step: int, numbers: Mapping[str, float]) -> bytes:
    """An `Event` with its time, its step and a summary of numbers."""
    values = b"".join(
        _bytes(1, _bytes(1, tag.encode()) + b"\x15" + struct.pack("<f", number)) for tag, number in numbers.items()
    )
    return b"\x09" + struct.pack("<d", 1.0) + b"\x10" + _whole(step) + _bytes(5, values)


def write_events(path: Path, events: Iterable[bytes]) -> Path:
    """Records with their lengths and checksums."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for record in (b"\x09" + struct.pack("<d", 1.0) + _bytes(3, b"brain.Event:2"), *events):
            length = struct.pack("<Q", len(record))
            file.write(length + _checksum(length) + record + _checksum(record))
    return path


def ppo_step(step: int, **others: float) -> bytes:
    """What `PPOTrainer.fit` logs of a step."""
    numbers = {
        "train/policy_loss": -0.01,
        "train/actor_lr": 1e-6,
        "train/kl": 0.002,
        "train/logprobs_diff": 0.002,
        "train/ppo_clip_ratio": 0.05,
        "train/response_length": 100.0,
        "train/rollout/reward_mean": 0.1 * step,
        "train/rollout/reward_std": 0.5,
        "train/rollout/response_length_mean": 100.0,
        "train/rollout/truncated_rate": 0.05,
        "train/rollout/num_samples": 64.0,
    }
    return event(step, numbers | {f"train/{name}": number for name, number in others.items()})


def _bytes(field: int, content: bytes) -> bytes:
    return _whole(field << 3 | 2) + _whole(len(content)) + content


def _whole(number: int) -> bytes:
    done = b""
    while number > 127:
        done += bytes([number & 127 | 128])
        number >>= 7
    return done + bytes([number])


def _checksum(content: bytes) -> bytes:
    """CRC-32C bit by bit, rotated and shifted."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)
