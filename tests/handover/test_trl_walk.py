"""The walk of docs/hand-over.md with TRL itself: from a run's reward to GRPO, to the audit of what TRL wrote.

Skipped where TRL (the extra `bench`) is not installed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accord.artefacts import Verdict
from accord.audit.examine import examine
from accord.feedback import export_run
from accord.foreign.settings import ReadingSettings
from accord.lm.tiny import tiny_model, tiny_tokenizer
from accord.loop.audited import audited_run
from accord.run import RunDirectory
from handed_runs import learnt_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # what TRL and its libraries warn of is theirs
]
trl = pytest.importorskip("trl", reason="TRL is not installed (the extra `bench`)")
PAGE = Path(__file__).parents[2] / "docs/hand-over.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run with the files that are handed over, and a base model; the tests work in it."""
    path = tmp_path_factory.mktemp("walk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        _prepare()
        yield path


def _prepare() -> None:
    learnt_run(Path("runs/first"))
    with RunDirectory.open(Path("runs/first"), write=False) as run:
        for name, form, split in (
            ("prompts", "trl_prompt", "train"),
            ("pairs", "trl_preference", "train"),
            ("held-out", "trl_preference", "held_out"),
        ):
            export_run(run, f"{name}.jsonl", form, split=split)
        export_run(run, "texts.jsonl", "trl_preference", split="train", as_texts=True)
    model = tiny_model()
    model.generation_config.eos_token_id = tiny_tokenizer().eos_token_id
    model.save_pretrained("base")
    tiny_tokenizer().save_pretrained("base")


def test_grpo_with_the_reward_of_a_run_is_audited(folder: Path) -> None:
    (code,) = (block for block in re.findall(r"```py\n(.*?)```", PAGE.read_text(), re.S) if "GRPOTrainer" in block)
    on_a_cpu = 'report_to="none", use_cpu=True, bf16=False, disable_tqdm=True, num_completions_to_print=0,'
    exec(code.replace('report_to="none",', on_a_cpu), {})
    reading = ReadingSettings(preferences=folder / "pairs.jsonl", held_out=folder / "held-out.jsonl")
    with audited_run("grpo", write=True, reading=reading) as audited:
        report = examine(audited.run, judges=audited.judges, elsewhere=audited.elsewhere)
        notes = audited.notes
    findings: dict[str, Any] = {finding.id: finding for finding in report.findings}
    assert "48 completions of 6 steps; columns of scores: reward, eval_reward, eval_reward_std, reward_std." in notes
    assert "'eval_reward' counts nothing in what was learnt from: it is taken for the independent judge." in notes
    assert findings["RE1 same judge"].verdict is Verdict.QUIET, findings["RE1 same judge"].result
    assert findings["P-KL sign"].verdict is Verdict.QUIET, findings["P-KL sign"].result
    assert findings["P-SPLIT overlap"].verdict is Verdict.QUIET, findings["P-SPLIT overlap"].result


@pytest.mark.parametrize("name", ["pairs", "texts"])
def test_trl_learns_from_both_shapes(folder: Path, name: str) -> None:
    from datasets import load_dataset

    common: dict[str, Any] = {"report_to": "none", "use_cpu": True, "bf16": False, "max_steps": 2, "logging_steps": 1}
    arguments = trl.DPOConfig(output_dir=name, per_device_train_batch_size=4, save_strategy="no", **common)
    rows = load_dataset("json", data_files=f"{name}.jsonl", split="train")
    assert {"accord_feedback_ids", "accord_weight"} <= set(rows.column_names)
    trl.DPOTrainer(model="base", args=arguments, train_dataset=rows, processing_class=tiny_tokenizer()).train()
