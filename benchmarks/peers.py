"""TRL's side and plain transformers': the same work by their own trainers, each at a named setting."""

import os
from typing import Any

from accord.lm.packaged import packaged
from benchmarks import texts
from benchmarks.ours import TOLD_BY_LOSS, held_out, lengths_of
from benchmarks.stages import GROUP, NEW_TOKENS, SETTINGS, SIZES, Setting
from benchmarks.turns import Turns

__all__ = ["serve"]


def serve(stage: str, name: str, steps: int, turns: Turns) -> None:
    """Make the steps of a stage with a peer's named setting, when they are asked for."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TRL_EXPERIMENTAL_SILENCE="1")
    setting = SETTINGS[name]
    if setting.of == "transformers":
        _generate(stage, setting.dtype, turns)
    else:
        _train(stage, setting, steps, turns)


def _train(stage: str, setting: Setting, steps: int, turns: Turns) -> None:
    from datasets import Dataset
    from transformers import TrainerCallback

    class Turn(TrainerCallback):
        """Sleeps before each step until it is asked for."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = not turns.wait()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            made.append(state.global_step)
            turns.done(loss=None, tokens=sum(written) if stage == "grpo" else None)
            written.clear()
            control.should_training_stop = not turns.wait()

    made: list[int] = []
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
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": True,
        "model_init_kwargs": {"dtype": setting.dtype},
        **setting.trl,
    }
    written: list[int] = []
    trainer = _trainer(stage, str(packaged()), common, Dataset, written)
    trainer.add_callback(Turn())
    trainer.train()
    found: dict[str, Any] = {"peak_gb": turns.peak_gb()}
    found["losses"] = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    if stage in TOLD_BY_LOSS and len(made) == steps:
        found["held_out"] = _held_out(trainer)
    turns.finish(**found)


def _trainer(stage: str, source: str, common: dict[str, Any], datasets: Any, written: list[int]) -> Any:
    """A trainer of the texts of a stage; that of GRPO adds the lengths of what it writes to `written`."""
    size = SIZES[stage]
    if stage == "sft":
        from trl import SFTConfig, SFTTrainer

        rows = []
        for item in texts.items(size, answers=1, seed=1):
            prompt, (answer,) = item.turns()
            rows.append({"prompt": prompt, "completion": answer})
        args = SFTConfig(**{"max_length": None, **common})
        return SFTTrainer(source, args=args, train_dataset=datasets.from_list(rows))
    if stage == "grpo":
        from trl import GRPOConfig, GRPOTrainer

        def length_reward(completions: list[Any], completion_ids: list[list[int]], **_: Any) -> list[float]:
            written.extend(map(len, completion_ids))
            return [-abs(len(completion[0]["content"]) - 300) / 100 for completion in completions]

        rows = [{"prompt": item.turns()[0]} for item in texts.items(size, answers=1, seed=1)]
        common["per_device_train_batch_size"] = size * GROUP
        args = GRPOConfig(**common, num_generations=GROUP, max_completion_length=NEW_TOKENS, beta=0.0)
        return GRPOTrainer(source, reward_funcs=length_reward, args=args, train_dataset=datasets.from_list(rows))
    rows = texts.rows(texts.pairs(size, seed=1))
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


def _held_out(trainer: Any) -> float:
    """By accord's scorer, on the model that the peer trained."""
    folder = os.environ["BENCH_FOLDER"] + "/trained"
    trainer.save_model(folder)
    return held_out(folder)


def _generate(stage: str, dtype: str, turns: Turns) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = str(packaged())
    tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype)).eval()
    lengths = lengths_of(stage)
    said = [item.turns()[0] for item in texts.items(len(lengths), answers=1, seed=2)]
    prompts = tokenizer.apply_chat_template(
        said, add_generation_prompt=True, return_tensors="pt", return_dict=True, padding=True
    )

    @torch.no_grad()
    def write(rows: int, count: int) -> None:
        part = {name: tensor[:rows] for name, tensor in prompts.items()}
        model.generate(**part, max_new_tokens=count, min_new_tokens=count, do_sample=True, top_k=0)

    write(1, 2)
    while turns.wait():
        # Every row runs to the longest: what is beyond a row's own length is not counted as a token.
        write(len(lengths), max(lengths))
        turns.done(loss=None, tokens=sum(lengths))
    turns.finish(peak_gb=turns.peak_gb())
