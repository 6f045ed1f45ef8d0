"""Every preflight check fires on a planted fault and is quiet on a real run without one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

from accord.audit import preflight
from accord.audit.checks import Check
from accord.audit.evidence import Evidence
from accord.audit.finding import Verdict
from accord.audit.settings import AuditSettings
from accord.errors import ArtefactError
from accord.interfaces import Judge, Scores
from accord.lm.causal import CausalModel
from accord.lm.optim import Optimiser
from accord.loop.evaluate import judges_of
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from small_run import RECIPE

SETTINGS = AuditSettings()
Row = dict[str, Any]


def verdict(check: Check, run: RunDirectory, **judges: Judge) -> Verdict:
    return check.run(Evidence(run, judges or judges_of(RECIPE, run)), SETTINGS).verdict


def rewrite(run: RunDirectory, name: str, change: Callable[[Row], None]) -> None:
    rows = run.read_jsonl(name)
    for row in rows:
        change(row)
    run.write_jsonl(name, rows)


@pytest.mark.parametrize("check", preflight.CHECKS, ids=lambda check: f"{check.challenge}-{check.name}")
def test_a_real_run_without_a_fault_is_quiet(check: Check, run: RunDirectory) -> None:
    finding = check.run(Evidence(run, judges_of(RECIPE, run)), SETTINGS)
    assert finding.verdict is Verdict.QUIET, finding.result
    assert all((run.path / name).exists() for name in finding.evidence)


@pytest.mark.parametrize(
    ("check", "gone"),
    [
        (preflight.EOS, "evaluation/samples.jsonl"),
        (preflight.KL, "policy/metrics.jsonl"),
        (preflight.RATIO, "policy/samples.jsonl"),
        (preflight.SPLIT, "data/pairs-held_out.jsonl"),
        (preflight.ACC, "data/sft.jsonl"),
    ],
)
def test_a_missing_file_is_named(check: Check, gone: str, run: RunDirectory) -> None:
    del run.manifest.files[gone]
    finding = check.run(Evidence(run), SETTINGS)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert gone in finding.needs


def test_an_altered_file_is_refused(run: RunDirectory) -> None:
    with (run.path / "policy/metrics.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(ArtefactError, match="differs from its digest"):
        preflight.KL.run(Evidence(run), SETTINGS)


def test_a_doubled_beginning_fires(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = CausalModel.encode_prompt

    def doubled(self: CausalModel, prompt: Prompt) -> list[int]:
        ids = encode(self, prompt)
        return [ids[0], *ids]

    monkeypatch.setattr(PreTrainedTokenizerBase, "bos_token_id", property(lambda self: 256))
    assert verdict(preflight.BOS, run) is Verdict.QUIET
    monkeypatch.setattr(CausalModel, "encode_prompt", doubled)
    assert verdict(preflight.BOS, run) is Verdict.FIRES


def test_a_policy_that_never_stops_fires(run: RunDirectory) -> None:
    def cut(row: Row) -> None:
        if row["arm"] == "policy":
            row.update(stopped="length", token_ids=row["token_ids"][:-1] or [1])

    rewrite(run, "evaluation/samples.jsonl", cut)
    assert verdict(preflight.EOS, run) is Verdict.FIRES


def test_a_completion_that_goes_on_after_its_end_fires(run: RunDirectory) -> None:
    rewrite(run, "evaluation/samples.jsonl", lambda row: row.update(token_ids=[*row["token_ids"], 1]))
    assert verdict(preflight.EOS, run) is Verdict.FIRES


class PaddedJudge:
    """Reads the score at the last place of the padded batch: the classic fault."""

    name = "reward"

    def score(self, prompts: list[Prompt], completions: list[Completion]) -> Scores:
        width = max(len(each.text) for each in completions)
        return Scores(np.array([hash_free(each.text.ljust(width)[-1]) + len(each.text) / 10 for each in completions]))


def hash_free(letter: str) -> float:
    return float(ord(letter) % 7)


def test_a_judge_that_reads_padding_fires(run: RunDirectory) -> None:
    assert verdict(preflight.PAD, run, reward=PaddedJudge()) is Verdict.FIRES


def test_a_negative_kl_fires(run: RunDirectory) -> None:
    rewrite(run, "policy/metrics.jsonl", lambda row: row.update(kl=-2.0, kl_se=0.1))
    assert verdict(preflight.KL, run) is Verdict.FIRES


def test_a_kl_of_other_tokens_fires(run: RunDirectory) -> None:
    rewrite(run, "policy/samples.jsonl", lambda row: row.update(logprobs=[x + 0.1 for x in row["logprobs"]]))
    assert verdict(preflight.KL, run) is Verdict.FIRES


def test_a_sampler_that_disagrees_fires(run: RunDirectory) -> None:
    rewrite(
        run,
        "policy/samples.jsonl",
        lambda row: row.update(sampled_logprobs=[x + 0.1 for x in row["sampled_logprobs"]]),
    )
    assert verdict(preflight.RATIO, run) is Verdict.FIRES


def test_probabilities_that_the_saved_policy_does_not_give_fire(run: RunDirectory) -> None:
    rewrite(run, "evaluation/samples.jsonl", lambda row: row.update(logprobs=[x - 0.1 for x in row["logprobs"]]))
    assert verdict(preflight.REMEASURED, run) is Verdict.FIRES


def test_a_loss_that_forgets_how_many_parts_there_are_fires(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    add = Optimiser.add
    monkeypatch.setattr(Optimiser, "add", lambda self, loss: add(self, loss / loss.detach().abs()))
    assert verdict(preflight.ACC, run) is Verdict.FIRES


def test_a_pair_on_both_sides_fires(run: RunDirectory) -> None:
    leaked = run.read_jsonl("data/pairs-train.jsonl")[:3]
    run.write_jsonl("data/pairs-held_out.jsonl", [*run.read_jsonl("data/pairs-held_out.jsonl"), *leaked])
    assert verdict(preflight.SPLIT, run) is Verdict.FIRES
