"""TRL's side and plain transformers': the same work by their own trainers, each at a named setting."""

import os
import time
from typing import Any

from benchmarks import texts
from benchmarks.ours import held_out, lengths_of
from benchmarks.stages import GROUP, NEW_TOKENS, SIZES

__all__ = ["MALLOC", "SETTINGS", "measure"]

# Large buffers kept by glibc, as accord sets for itself in the process: here by the environment.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "2147483647", "MALLOC_TOP_PAD_": "67108864"}
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "GC off, malloc": {"gradient_checkpointing": False, "malloc": True},
    "GC off, malloc, bf16 weights": {"gradient_checkpointing": False, "malloc": True, "dtype": "bfloat16"},
    "generate fp32": {"malloc": True},
    "generate bf16": {"malloc": True, "dtype": "bfloat16"},
}


def measure(stage: str, setting: str, steps: int) -> dict[str, Any]:
    """Seconds and tokens of each step."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TRL_EXPERIMENTAL_SILENCE="1")
    chosen = {name: value for name, value in SETTINGS[setting].items() if name != "malloc"}
    if stage.startswith("generate"):
        return _generate(stage, chosen.get("dtype", "float32"), steps)
    return _train(stage, chosen, steps)


def _train(stage: str, chosen: dict[str, Any], steps: int) -> dict[str, Any]:
    from datasets import Dataset
    from transformers import TrainerCallback

    from accord.lm.packaged import packaged

    seconds: list[float] = []
    tokens: list[float | None] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            seconds.append(time.perf_counter() - self.began)

    dtype = chosen.pop("dtype", "float32")
    size = SIZES[stage]
    common: dict[str, Any] = {
        "output_dir": os.environ["BENCH_FOLDER"],
        "max_steps": steps,
        "per_device_train_batch_size": size,
        "learning_rate": 1e-5,
        "lr_scheduler_type": "constant",
        "adam_beta2": 0.999,
        "max_grad_norm": 1.0,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": True,
        "model_init_kwargs": {"dtype": dtype},
        **chosen,
    }
    source = str(packaged())
    trainer = _trainer(stage, source, common, Dataset, steps)
    trainer.add_callback(Clock())
    trainer.train()
    history = [row for row in trainer.state.log_history if "loss" in row]
    if stage == "grpo":
        tokens = [row["completions/mean_length"] * size * GROUP for row in history]
        # Writing happens before the step's own clock starts: the step's time is TRL's own.
        seconds = [row["step_time"] for row in history]
    found: dict[str, Any] = {"seconds": seconds, "tokens": tokens, "losses": [row["loss"] for row in history]}
    if stage in ("sft", "dpo", "dpo_lora"):
        found["held_out"] = _held_out(trainer)
    return found


def _trainer(stage: str, source: str, common: dict[str, Any], datasets: Any, steps: int) -> Any:
    size = SIZES[stage]
    if stage == "sft":
        from trl import SFTConfig, SFTTrainer

        rows = []
        for item in texts.items(size * steps, answers=1, seed=1):
            prompt, (answer,) = item.turns()
            rows.append({"prompt": prompt, "completion": answer})
        return SFTTrainer(source, args=SFTConfig(**common, max_length=None), train_dataset=datasets.from_list(rows))
    if stage == "grpo":
        from trl import GRPOConfig, GRPOTrainer

        rows = [{"prompt": item.turns()[0]} for item in texts.items(size * steps, answers=1, seed=1)]
        common["per_device_train_batch_size"] = size * GROUP
        args = GRPOConfig(**common, num_generations=GROUP, max_completion_length=NEW_TOKENS, beta=0.0)
        return GRPOTrainer(source, reward_funcs=_length_reward, args=args, train_dataset=datasets.from_list(rows))
    rows = texts.rows(texts.pairs(size * steps, seed=1))
    if stage == "reward":
        from trl import RewardConfig, RewardTrainer

        args = RewardConfig(**common, max_length=None)
        return RewardTrainer(source, args=args, train_dataset=datasets.from_list(rows))
    from trl import DPOConfig, DPOTrainer

    adapters = None
    if stage == "dpo_lora":
        from peft import LoraConfig

        adapters = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    args = DPOConfig(**common, max_length=None, beta=0.1)
    return DPOTrainer(source, args=args, train_dataset=datasets.from_list(rows), peft_config=adapters)


def _length_reward(completions: list[Any], **_: Any) -> list[float]:
    return [-abs(len(completion[0]["content"]) - 300) / 100 for completion in completions]


def _held_out(trainer: Any) -> float:
    """By accord's scorer, on the model that the peer trained."""
    folder = os.environ["BENCH_FOLDER"] + "/trained"
    trainer.save_model(folder)
    return held_out(folder)


def _generate(stage: str, dtype: str, steps: int) -> dict[str, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from accord.lm.packaged import packaged

    source = str(packaged())
    tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype)).eval()
    lengths = lengths_of(stage)
    turns = [item.turns()[0] for item in texts.items(len(lengths), answers=1, seed=2)]
    prompts = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=True, padding=True
    )
    seconds = []
    for _ in range(steps):
        began = time.perf_counter()
        with torch.no_grad():
            # Every row runs to the longest: what is beyond a row's own length is not counted as a token.
            model.generate(**prompts, max_new_tokens=max(lengths), min_new_tokens=max(lengths), do_sample=True, top_k=0)
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "tokens": [sum(lengths)] * steps, "losses": []}
