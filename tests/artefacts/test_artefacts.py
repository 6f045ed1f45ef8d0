"""Files of a run: what is written comes back, what is malformed is named, the documents are what the code is."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from accord.artefacts import (
    CANDIDATES,
    COMPLETIONS,
    EVALUATION,
    METRICS,
    PROMPTS,
    SAMPLES,
    ArmEvaluation,
    BestOfNCandidate,
    Candidate,
    ConditionalCandidate,
    CuratedCandidate,
    GradedCandidate,
    Metrics,
    OnlineMetrics,
    PairMetrics,
    PolicyEvaluation,
    PromptRow,
    RewardMetrics,
    RolloutRow,
    RunReader,
    SupervisedMetrics,
    WrittenCandidate,
    folder_of,
    pairs_of,
)
from accord.artefacts.catalogue import CATALOGUE, markdown
from accord.errors import ArtefactError
from accord.records import Completion, Pair, Prompt
from accord.run import SCHEMA, RunDirectory
from accord.stats import mean

ROOT = Path(__file__).parents[2]
FINITE = st.floats(allow_nan=False, allow_infinity=False)
STEP: dict[str, Any] = {"step": 1, "lr": 1e-3, "grad_norm": 0.5, "seconds": 2.0}
WRITTEN: dict[str, Any] = {
    "group": 0,
    "index": 1,
    "prompt": "p-1",
    "text": "a",
    "token_ids": (3, 2),
    "finish_reason": "eos",
}
GIVEN: dict[str, Any] = {"index": 0, "prompt": "p-1", "completion": "c-1", "text": "a", "reward": 0.25}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run")


def rollout(**changes: Any) -> RolloutRow:
    content: dict[str, Any] = {
        "step": 1,
        "index": 0,
        "prompt": "p-1",
        "text": "ab",
        "token_ids": (5, 6, 2),
        "rollout_logprobs": (-0.1, -0.2, -0.3),
        "logprobs": (-0.1, -0.2, -0.3),
        "reference_logprobs": (-0.2, -0.2, -0.3),
        "reward": 1.5,
        "finish_reason": "eos",
        "temperature": 1.0,
    }
    return RolloutRow(**content | changes)


def test_rows_come_back_as_they_were_written(run: RunDirectory) -> None:
    rows = [rollout(), rollout(index=1, reference_logprobs=None)]
    SAMPLES.write(run, rows, stage="policy")
    assert list(SAMPLES.read(run, "policy")) == rows
    lines = (run.path / "policy/samples.jsonl").read_text().splitlines()
    assert "reference_logprobs" not in json.loads(lines[1])


def test_a_log_grows_by_rows_that_are_read_as_rows(run: RunDirectory) -> None:
    log = SAMPLES.log(run, "policy")
    rows = [rollout(step=step) for step in (1, 2, 3)]
    log.append(*map(SAMPLES.encode, rows[:2]))
    mark = log.mark()
    log.append(SAMPLES.encode(rows[2]))
    log.cut_back(mark)
    run.adopt(SAMPLES.path("policy"), stage="policy")
    assert list(SAMPLES.read(run, "policy")) == rows[:2]


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.one_of(st.none(), st.lists(st.integers(0, 10**6)).map(tuple)),
)
def test_records_come_back_under_their_ids(text: str, ids: tuple[int, ...] | None) -> None:
    record = Completion(prompt="p-1", text=text, token_ids=ids)
    line = COMPLETIONS.encode(record)
    assert json.loads(line)["id"] == record.id
    assert COMPLETIONS.decode(line, "here") == record


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["train", "held_out"]))
def test_prompts_come_back_with_their_split(text: str, split: str) -> None:
    row = PromptRow(Prompt.ask(text, system="Be brief."), split)
    assert PROMPTS.decode(PROMPTS.encode(row), "here") == row


def metrics() -> list[Metrics]:
    online = {
        "reward": 0.1,
        "reward_std": 1.0,
        "kl": None,
        "kl_se": None,
        "entropy": 2.0,
        "clip_frac": 0.0,
        "policy_loss": 0.1,
        "length": 9.0,
        "stop_rate": 1.0,
        "sampler_logprob_diff": None,
        "sampler_kl": None,
    }
    return [
        OnlineMetrics(**STEP, **online),
        PairMetrics(**STEP, loss=0.7, accuracy=None, margin=0.0),
        RewardMetrics(**STEP, loss=0.7, accuracy=0.5, pairs=3),
        SupervisedMetrics(**STEP, loss=2.0, tokens=40, extra={"odds": 1.0}),
    ]


@pytest.mark.parametrize("row", metrics(), ids=lambda row: type(row).__name__)
def test_every_kind_of_metrics_is_told_from_the_others(row: Metrics) -> None:
    again = METRICS.decode(METRICS.encode(row), "here")
    assert type(again) is type(row)
    assert again == row


@pytest.mark.parametrize(
    "row",
    [
        rollout(),
        WrittenCandidate(**WRITTEN),
        BestOfNCandidate(**WRITTEN, reward=0.5, chosen=True),
        GradedCandidate(**WRITTEN, reward=None, right=True, share=0.5, known=False),
        CuratedCandidate(**GIVEN, place=None, chosen=False),
        ConditionalCandidate(**GIVEN, control="good", feedback_ids=("f-1",)),
    ],
    ids=lambda row: type(row).__name__,
)
def test_every_kind_of_candidate_is_told_from_the_others(row: Candidate) -> None:
    again = CANDIDATES.decode(CANDIDATES.encode(row), "here")
    assert type(again) is type(row)
    assert again == row


@given(FINITE, FINITE)
def test_numbers_come_back_to_the_last_digit(reward: float, logprob: float) -> None:
    row = rollout(reward=reward, logprobs=(logprob, logprob, 0.0))
    assert SAMPLES.decode(SAMPLES.encode(row), "here") == row


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        rollout(reward=value)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "EOF|JSON"),
        ("[1]", "object|dictionary"),
        ('{"step": 1}', "required"),
        (SAMPLES.encode(rollout()).replace('"step":1', '"step":"1"'), "integer"),
        (SAMPLES.encode(rollout()).replace('"step"', '"stepp"'), "stepp|required"),
        (SAMPLES.encode(rollout()).replace('"eos"', '"stopped"'), "not one of"),
    ],
)
def test_a_malformed_line_is_named(run: RunDirectory, line: str, problem: str) -> None:
    run.write_jsonl("policy/samples.jsonl", [SAMPLES.encode(rollout()), line], stage="policy")
    with pytest.raises(ArtefactError, match=problem) as raised:
        list(SAMPLES.read(run, "policy"))
    assert f"{run.path}/policy/samples.jsonl:2" in str(raised.value)


def test_content_under_anothers_id_is_refused() -> None:
    line = COMPLETIONS.encode(Completion(prompt="p-1", text="a")).replace('"text":"a"', '"text":"b"')
    with pytest.raises(ArtefactError, match="not the id of this content"):
        COMPLETIONS.decode(line, "here")
    with pytest.raises(ArtefactError, match="split: missing"):
        PROMPTS.decode('{"id":"p-1","messages":[]}', "here")


def test_stages_below_a_prefix_have_their_files_there(run: RunDirectory) -> None:
    assert SAMPLES.path("rounds/03/policy") == "rounds/03/policy/samples.jsonl"
    assert EVALUATION.path("rounds/03/evaluate") == "rounds/03/evaluation/evaluation.json"
    assert [folder_of(stage) for stage in ("audit", "rounds/03/audit", "data")] == ["", "rounds/03", "data"]
    SAMPLES.write(run, [rollout()], stage="rounds/03/policy")
    assert RunReader(run, prefix="rounds/03").samples() == [rollout()]
    with pytest.raises(ValueError, match="several stages"):
        SAMPLES.path()


def test_a_reader_parses_once_and_checks_again(run: RunDirectory) -> None:
    pair = Pair(prompt="p-1", chosen="c-1", rejected="c-2")
    pairs_of("train").write(run, [pair])
    reader = RunReader(run)
    assert reader.pairs("train") == [pair]
    assert reader.pairs("train") is reader.pairs("train")
    assert not reader.has(pairs_of("held_out"))
    (run.path / "data/pairs-train.jsonl").write_text("{}\n")
    with pytest.raises(ArtefactError, match="differs from its digest"):
        reader.pairs("train")


def test_estimates_without_an_interval_come_back(run: RunDirectory) -> None:
    alone = mean([1.0], ["a"])
    arm = ArmEvaluation(entropy=alone, length=alone, stop_rate=alone)
    content = PolicyEvaluation(kl=alone, start=arm, policy=arm)
    EVALUATION.write(run, content)
    assert EVALUATION.read(run) == content
    assert "win_rate" not in run.read_json("evaluation/evaluation.json")


def test_a_run_of_another_schema_is_refused_with_its_version(run: RunDirectory) -> None:
    run.close()
    file = run.path / "manifest.json"
    content = json.loads(file.read_text())
    for schema in (None, SCHEMA + 1):
        file.write_text(json.dumps({**content, "schema": schema} if schema else _without(content, "schema")))
        with pytest.raises(ArtefactError, match=rf"schema {schema or 1} \(written by accord") as raised:
            RunDirectory.open(run.path, write=False)
        assert f"reads {SCHEMA}" in str(raised.value)


def test_the_documents_are_what_the_code_is() -> None:
    assert (ROOT / "docs/run-directory.md").read_text() == markdown(SCHEMA), "python -m accord.artefacts > docs/..."
    for artefact in CATALOGUE:
        schema = getattr(artefact, "schema", None)
        if schema is not None:
            TypeAdapter(dict[str, Any]).validate_python(schema())


def _without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}
