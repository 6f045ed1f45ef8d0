"""Samples that the callback of the documents keeps: by the callback itself, then malformed ones."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from accord.artefacts import Verdict
from accord.audit.examine import examine
from accord.errors import RecordError
from accord.foreign.settings import ReadingSettings
from accord.foreign.trl import read
from accord.lm.tiny import tiny_model, tiny_tokenizer
from accord.loop.audited import Audited, audited_run
from foreign_files import callback_of_the_documents, chat, write_lines, write_state

PROMPTS = [chat(f"Tell me of {word}.") for word in ("salt", "iron", "gold")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a trainer leaves that calls the callback: samples at steps 0, 2 and 4, and the checkpoint of the last."""
    folder = tmp_path_factory.mktemp("trained")
    model, tokenizer = tiny_model(), tiny_tokenizer()
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    keeper = callback_of_the_documents()(
        PROMPTS, lambda _, text: float(len(text)), lambda _, text: -float(len(text)), copy.deepcopy(model),
        every=2, samples=2, max_tokens=8,
    )  # fmt: skip
    arguments = SimpleNamespace(output_dir=str(folder))
    state = SimpleNamespace(global_step=0, is_world_process_zero=True)
    models = {"model": model, "processing_class": tokenizer}
    torch.manual_seed(0)
    keeper.on_train_begin(arguments, state, None, **models)
    drawn = torch.rand(1)
    for step in range(1, 5):
        state.global_step = step
        with torch.no_grad():
            model.lm_head.weight += 0.02 * torch.randn_like(model.lm_head.weight)
        keeper.on_step_end(arguments, state, None, **models)
    keeper.on_train_end(arguments, state, None, **models)
    torch.manual_seed(0)
    assert drawn == torch.rand(1)  # what training draws is what it would have drawn
    write_state(folder / "checkpoint-4" / "trainer_state.json", [{"step": 4, "loss": 1.0}])
    model.save_pretrained(folder / "checkpoint-4")
    tokenizer.save_pretrained(folder / "checkpoint-4")
    return folder


@pytest.fixture
def audited(folder: Path) -> Iterator[Audited]:
    with audited_run(str(folder), write=True, reading=ReadingSettings()) as audited:
        yield audited


def test_the_callback_writes_each_step_once(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "audit_samples.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0] * 6 + [2] * 6 + [4] * 6
    for row in rows:
        assert len(row["token_ids"]) == len(row["logprobs"]) == len(row["rollout_logprobs"]) <= 8
        assert (row["step"] == 0) == (row["logprobs"] == row["reference_logprobs"])


def test_its_samples_make_checks_assessable(audited: Audited) -> None:
    findings = {each.id: each for each in examine(audited.run, elsewhere=audited.elsewhere).findings}
    of_samples = {
        "P-BOS tokens",
        "P-EOS stopping",
        "P-RATIO rollout",
        "P-RATIO remeasured",
        "DC2 diversity",
        "DC2 entropy",
    }
    assert {name for name in of_samples if findings[name].verdict is Verdict.NOT_ASSESSABLE} == set()
    # The tokens are those of the model that lies beside, sampled by itself from prompts that its own template wrote.
    assert findings["P-RATIO remeasured"].verdict is Verdict.QUIET
    assert findings["P-RATIO rollout"].verdict is Verdict.QUIET
    assert findings["P-BOS tokens"].verdict is Verdict.QUIET
    assert "checkpoint" not in findings["P-RATIO remeasured"].result


def test_another_checkpoint_fires(folder: Path, tmp_path: Path) -> None:
    """The weights that lie there are not those that wrote the samples."""
    other = tmp_path / "checkpoint-4"
    tiny_model(seed=1).save_pretrained(other)
    tiny_tokenizer().save_pretrained(other)
    (tmp_path / "audit_samples.jsonl").write_bytes((folder / "audit_samples.jsonl").read_bytes())
    with audited_run(str(tmp_path), write=True, reading=ReadingSettings()) as audited:
        (_, remeasured, _) = examine(audited.run, only=("P-RATIO",), elsewhere=audited.elsewhere).findings
    assert remeasured.verdict is Verdict.FIRES


def test_a_doubled_beginning_in_the_prompts_as_read_fires(folder: Path, tmp_path: Path) -> None:
    """Where samples say how a prompt was read, that is judged and not how it would be read here."""
    checkpoint = tmp_path / "checkpoint-4"
    tokenizer = tiny_tokenizer()
    tokenizer.bos_token = "<|im_start|>"
    tiny_model().save_pretrained(checkpoint)
    tokenizer.save_pretrained(checkpoint)
    rows = [json.loads(line) for line in (folder / "audit_samples.jsonl").read_text().splitlines()]
    for double in (False, True):
        for row in rows:
            row["prompt_token_ids"] = [tokenizer.bos_token_id] * double + [tokenizer.bos_token_id, 5, 6]
        write_lines(tmp_path / "audit_samples.jsonl", rows)
        with audited_run(str(tmp_path), write=True, reading=ReadingSettings()) as audited:
            (finding,) = examine(audited.run, only=("P-BOS",), elsewhere=audited.elsewhere).findings
        assert finding.verdict is (Verdict.FIRES if double else Verdict.QUIET)


def test_a_checkpoint_of_another_step_is_not_taken(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "audit_samples.jsonl").write_bytes((folder / "audit_samples.jsonl").read_bytes())
    tiny_model().save_pretrained(tmp_path / "checkpoint-9")
    tiny_tokenizer().save_pretrained(tmp_path / "checkpoint-9")
    assert read(tmp_path, ReadingSettings()).models == {}


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_checkpoint_that_cannot_be_opened_is_no_error_of_the_run(file: str, folder: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint-4"
    tiny_model().save_pretrained(checkpoint)
    tiny_tokenizer().save_pretrained(checkpoint)
    (checkpoint / file).write_bytes(b"{}")
    (tmp_path / "audit_samples.jsonl").write_bytes((folder / "audit_samples.jsonl").read_bytes())
    with audited_run(str(tmp_path), write=True, reading=ReadingSettings()) as audited:
        (finding,) = examine(audited.run, only=("P-BOS",), elsewhere=audited.elsewhere).findings
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "that can be opened" in finding.needs


def line(**columns: Any) -> dict[str, Any]:
    usual = {"step": 0, "prompt": "What?", "text": "That", "token_ids": [1, 2], "logprobs": [-0.5, -0.5]}
    return usual | columns


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"step": -1}, "step: expected a step"),
        ({"prompt": []}, "prompt: empty"),
        ({"prompt": [{"role": "king", "content": "x"}]}, "'king' is not one of"),
        ({"text": 3}, "text: expected a text"),
        ({"text": "\ud83d"}, "text: holds half a character"),
        ({"token_ids": [1, -2]}, "token_ids: expected token ids"),
        ({"token_ids": [1, True]}, "token_ids: expected token ids"),
        ({"logprobs": [-0.5]}, r"logprobs: 1 log-probabilities of 2 tokens"),
        ({"logprobs": [-0.5, 0.5]}, "none above 0"),
        ({"logprobs": [-0.5, float("nan")]}, "finite numbers"),
        ({"logprobs": [-0.5, "small"]}, "expected a number, not 'small'"),
        ({"token_ids": None}, "of 0 tokens in `token_ids`"),
        ({"finish_reason": "tired"}, "'tired' is not one of eos, length, stop"),
        ({"temperature": -1}, "temperature: expected a number from 0 on"),
        ({"reward": "high"}, "reward: expected a number"),
        ({"loss": 1.0}, "loss: is no column of audit_samples.jsonl"),
    ],
)
def test_a_malformed_sample_is_refused_by_its_place(columns: dict[str, Any], problem: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "audit_samples.jsonl", [line(), line(**columns), line()])
    with pytest.raises(RecordError, match=f"audit_samples.jsonl:2.*{problem}"):
        read(tmp_path, ReadingSettings())


def test_a_run_that_goes_on_has_no_policy_yet_or_half_a_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "audit_samples.jsonl", [line(), line(text="This")])
    assert {row.arm for row in read(tmp_path, ReadingSettings()).samples} == {"start"}
    with path.open("a") as file:
        file.write('{"step": 50, "prompt": ')
    gathered = read(tmp_path, ReadingSettings())
    assert len(gathered.samples) == 2
    assert "not whole yet" in gathered.notes[0]


def test_scores_that_are_no_numbers_are_unknown(tmp_path: Path) -> None:
    rows = [
        line(step=step, text=f"{step} {n}", reward=n, eval_reward=float("nan")) for step in (0, 5) for n in range(3)
    ]
    write_lines(tmp_path / "audit_samples.jsonl", rows)
    gathered = read(tmp_path, ReadingSettings())
    assert gathered.judged == []
    assert [row.eval_reward for row in gathered.samples] == [None] * 6
    assert [row.reward for row in gathered.samples] == [0.0, 1.0, 2.0] * 2
