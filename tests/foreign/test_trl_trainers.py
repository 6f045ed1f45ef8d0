"""Real runs of TRL on the tiny model, audited: GRPO, DPO and a reward model, the first two with the callback.

Skipped where TRL (the extra `bench`) is not installed.
"""

import copy
from pathlib import Path
from typing import Any

import pytest
from test_written_samples import callback_of_the_documents

from accord.artefacts import Finding, Verdict
from accord.audit.examine import examine
from accord.foreign.settings import ReadingSettings
from accord.lm.tiny import tiny_model, tiny_tokenizer
from accord.loop.audited import audited_run
from foreign_files import chat, write_lines

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # what TRL and its libraries warn of is theirs
]
trl = pytest.importorskip("trl", reason="TRL is not installed (the extra `bench`)")
WORDS = ("rain", "sun", "wind", "snow", "hail", "fog")
COMMON = {"report_to": "none", "use_cpu": True, "logging_steps": 1, "disable_tqdm": True, "seed": 0, "bf16": False}
HELD_OUT = [chat(f"Tell me of {word}.") for word in ("salt", "iron", "gold", "zinc", "lead", "tin")]


def low_bytes(_: object, text: str) -> float:
    return float(sum(letter < "a" for letter in text))


def shortness(_: object, text: str) -> float:
    return -float(len(text))


@pytest.fixture
def base(tmp_path: Path) -> str:
    model = tiny_model()
    model.generation_config.eos_token_id = tiny_tokenizer().eos_token_id
    model.save_pretrained(tmp_path / "base")
    tiny_tokenizer().save_pretrained(tmp_path / "base")
    return str(tmp_path / "base")


def callback(every: int) -> Any:
    start = copy.deepcopy(tiny_model())
    return callback_of_the_documents()(HELD_OUT, low_bytes, shortness, start, every=every, samples=4, max_tokens=12)


def findings_of(folder: Path, **settings: Any) -> tuple[dict[str, Finding], list[str]]:
    with audited_run(str(folder), write=True, reading=ReadingSettings(**settings)) as audited:
        report = examine(audited.run, judges=audited.judges, elsewhere=audited.elsewhere)
        return {finding.id: finding for finding in report.findings}, list(audited.notes)


def assessed(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.verdict is not Verdict.NOT_ASSESSABLE}


def test_grpo(base: str, tmp_path: Path) -> None:
    from datasets import Dataset

    def proxy(completions: list[Any], **_: object) -> list[float]:
        return [low_bytes(None, each[0]["content"]) for each in completions]

    def other(completions: list[Any], **_: object) -> list[float]:
        return [shortness(None, each[0]["content"]) for each in completions]

    out = tmp_path / "grpo"
    arguments = trl.GRPOConfig(
        output_dir=str(out), per_device_train_batch_size=8, num_generations=4, max_completion_length=10, max_steps=10,
        log_completions=True, num_completions_to_print=0, beta=0.05, learning_rate=3e-3, reward_weights=[1.0, 0.0],
        save_steps=10, **COMMON,
    )  # fmt: skip
    prompts = Dataset.from_dict({"prompt": [chat(f"Write about {word}.") for word in WORDS]})
    trl.GRPOTrainer(
        model=base, reward_funcs=[proxy, other], args=arguments, train_dataset=prompts, callbacks=[callback(5)]
    ).train()
    findings, notes = findings_of(out)
    assert "80 completions of 10 steps; columns of scores: proxy, other." in notes
    assert "'other' counts nothing in what was learnt from: it is taken for the independent judge." in notes
    assert {
        "P-BOS tokens",
        "P-EOS stopping",
        "P-KL sign",
        "P-RATIO rollout",
        "P-RATIO remeasured",
        "P-SPLIT overlap",
    } | {
        "DC2 diversity",
        "DC2 entropy",
    } <= assessed(findings)
    # TRL's arithmetic is right, and what the callback wrote is what the checkpoint says.
    for name in ("P-BOS tokens", "P-KL sign", "P-RATIO rollout", "P-RATIO remeasured", "P-SPLIT overlap"):
        assert findings[name].verdict is Verdict.QUIET, findings[name].result
    assert findings["P-EOS stopping"].verdict is Verdict.FIRES  # ten bytes of a model that nobody taught to end


def test_dpo(base: str, tmp_path: Path) -> None:
    from datasets import Dataset

    rows = [
        {
            "prompt": chat(f"Write about {word}."),
            "chosen": [{"role": "assistant", "content": f"{word} is lovely to see"}],
            "rejected": [{"role": "assistant", "content": f"no {word}"}],
        }
        for word in WORDS
    ]
    out = tmp_path / "dpo"
    arguments = trl.DPOConfig(
        output_dir=str(out), per_device_train_batch_size=3, max_steps=10, save_steps=10, learning_rate=1e-3, **COMMON
    )
    tokenizer = tiny_tokenizer()
    trl.DPOTrainer(
        model=base, args=arguments, train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
        callbacks=[callback(5)],
    ).train()  # fmt: skip
    train = write_lines(tmp_path / "train.jsonl", rows[:5])
    for held_out, verdict in ((rows[5:], Verdict.QUIET), (rows[4:], Verdict.FIRES)):
        file = write_lines(tmp_path / "held.jsonl", held_out)
        findings, notes = findings_of(out, preferences=train, held_out=file)
        assert findings["P-SPLIT overlap"].verdict is verdict
    assert "trainer_state.json of step 10: a log of DPO, 10 steps." in notes
    for name in ("P-BOS tokens", "P-RATIO rollout", "P-RATIO remeasured"):
        assert findings[name].verdict is Verdict.QUIET, findings[name].result
    assert {"DC2 diversity", "DC2 entropy"} <= assessed(findings)


def test_a_reward_model(base: str, tmp_path: Path) -> None:
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification

    rows = [
        {
            "prompt": chat(f"Write about {word}."),
            "chosen": [{"role": "assistant", "content": f"{word} is {how} to see"}],
            "rejected": [{"role": "assistant", "content": f"no {word} {how}"}],
        }
        for word in (*WORDS, "frost", "dew", "ice", "mist", "storm", "cloud")
        for how in ("lovely", "good", "fine", "nice")
    ]
    out = tmp_path / "reward"
    arguments = trl.RewardConfig(
        output_dir=str(out), per_device_train_batch_size=8, max_steps=20, save_steps=20, learning_rate=3e-3, **COMMON
    )
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    tokenizer = tiny_tokenizer()
    trl.RewardTrainer(
        model=model, args=arguments, train_dataset=Dataset.from_list(rows[:24]), processing_class=tokenizer
    ).train()
    train, held_out = (write_lines(tmp_path / f"{n}.jsonl", part) for n, part in enumerate((rows[:24], rows[24:])))
    findings, _ = findings_of(out, preferences=train, held_out=held_out)
    accuracy = findings["RE1 accuracy"].estimate
    assert accuracy is not None
    assert (accuracy.n, accuracy.clusters) == (24, 6)
    assert accuracy.value > 0.8  # it reads here what it read in training
    assert {"RG1 length", "RE1 calibration"} <= assessed(findings)
