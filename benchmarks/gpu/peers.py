"""The same stages by TRL, and writing by transformers: on the same device, with the same texts, at their defaults.

TRL's defaults on GPUs: bfloat16 autocast over float32 weights, gradient checkpointing; here with weights in the dtype
that accord has, and as many steps.
"""

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

from accord.lm import load
from benchmarks.gpu.speed import Measured, clock
from benchmarks.gpu.work import Work, items, tokens_of
from benchmarks.texts import rows

__all__ = ["PEERS", "peer"]


def peer(name: str, work: Work) -> Measured:
    """A stage of `PEERS`."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TRL_EXPERIMENTAL_SILENCE="1")
    return PEERS[name](work)


def _timed(work: Work, trainer_of: Callable[[dict[str, Any]], Any], tokens: float | None = None) -> Measured:
    from transformers import TrainerCallback

    seconds: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            if work.device != "cpu":
                import torch

                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - self.began)

    def make() -> tuple[float, list[float]]:
        with tempfile.TemporaryDirectory() as folder:
            trainer = trainer_of(_common(work, folder))
            trainer.add_callback(Clock())
            trainer.train()
            if tokens is not None:
                return tokens, seconds
            history = [row for row in trainer.state.log_history if "step_time" in row]
            lengths = [row["completions/mean_length"] * work.batch * work.group for row in history]
            return sum(lengths) / len(lengths), [row["step_time"] for row in history]

    return clock(work, make)


def _common(work: Work, folder: str) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "max_steps": work.steps,
        "per_device_train_batch_size": work.batch,
        "learning_rate": 1e-5,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": work.device == "cpu",
        "bf16": work.dtype == "bfloat16",
        "model_init_kwargs": {"dtype": work.dtype},
    }


def _texts(work: Work, answers: int) -> tuple[Any, float]:
    """TRL's data set, and the tokens of a step."""
    from datasets import Dataset

    texts = items(work.batch * work.steps, work, answers=answers)
    tokens = tokens_of(load(work.source, device=work.device), texts) / work.steps
    if answers == 2:
        return Dataset.from_list(rows(texts)), tokens
    turns = [item.turns() for item in texts]
    return Dataset.from_list([{"prompt": prompt, "completion": answer} for prompt, (answer,) in turns]), tokens


def _sft(work: Work) -> Measured:
    from trl import SFTConfig, SFTTrainer

    data, tokens = _texts(work, 1)
    return _timed(
        work,
        lambda common: SFTTrainer(str(work.source), args=SFTConfig(**common, max_length=None), train_dataset=data),
        tokens,
    )


def _reward(work: Work) -> Measured:
    from trl import RewardConfig, RewardTrainer

    data, tokens = _texts(work, 2)
    return _timed(
        work,
        lambda common: RewardTrainer(
            str(work.source), args=RewardConfig(**common, max_length=None), train_dataset=data
        ),
        tokens,
    )


def _dpo(work: Work, *, adapters: bool = False) -> Measured:
    from peft import LoraConfig
    from trl import DPOConfig, DPOTrainer

    data, tokens = _texts(work, 2)
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM") if adapters else None
    return _timed(
        work,
        lambda common: DPOTrainer(
            str(work.source), args=DPOConfig(**common, max_length=None), train_dataset=data, peft_config=lora
        ),
        tokens,
    )


def _grpo(work: Work) -> Measured:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    texts = items(work.batch * work.steps, work, answers=1)
    data = Dataset.from_list([{"prompt": item.turns()[0]} for item in texts])

    def trainer_of(common: dict[str, Any]) -> Any:
        common["per_device_train_batch_size"] = work.batch * work.group
        args = GRPOConfig(**common, num_generations=work.group, max_completion_length=work.new_tokens, beta=0.0)
        return GRPOTrainer(str(work.source), reward_funcs=_length_reward, args=args, train_dataset=data)

    return _timed(work, trainer_of)


def _length_reward(completions: list[Any], **_: Any) -> list[float]:
    return [-abs(len(completion[0]["content"]) - 300) / 100 for completion in completions]


def _write(work: Work) -> Measured:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(work.source), padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(str(work.source), dtype=getattr(torch, work.dtype))
    model.to(work.device).eval()
    turns = [item.turns()[0] for item in items(2 * work.batch, work, answers=1)]
    prompts = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=True, padding=True
    ).to(work.device)

    def make() -> tuple[float, list[float]]:
        seconds, counts = [], []
        for seed in range(work.steps):
            torch.manual_seed(seed)
            began = time.perf_counter()
            with torch.no_grad():
                written_BT = model.generate(**prompts, max_new_tokens=work.new_tokens, do_sample=True, top_k=0)
            new_BT = written_BT[:, prompts["input_ids"].shape[1] :]
            ended_BT = (new_BT == tokenizer.eos_token_id).cumsum(-1) - (new_BT == tokenizer.eos_token_id).long()
            counts.append(int((ended_BT == 0).sum()))
            seconds.append(time.perf_counter() - began)
        return sum(counts) / len(counts), seconds

    return clock(work, make)


PEERS: dict[str, Callable[[Work], Measured]] = {
    "sft": _sft,
    "reward": _reward,
    "dpo": _dpo,
    "dpo, lora": lambda work: _dpo(work, adapters=True),
    "grpo": _grpo,
    "writing": _write,
}
