"""Audits of runs of others: what fires where something is wrong and is quiet where nothing is; what the verb does."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.watchers import as_trl
from transformers import LlamaConfig, LlamaForSequenceClassification

from accord.artefacts import Finding, RunReader, Verdict
from accord.audit.checks import CHECKS
from accord.audit.examine import examine
from accord.cli import run
from accord.cli.finding_lines import finding_lines
from accord.errors import AccordError
from accord.foreign.settings import ReadingSettings
from accord.lab import FAULTS, plant
from accord.lm.tiny import tiny_config, tiny_tokenizer
from accord.loop.audited import audited_run
from accord.report.first_screen.changes import changes
from accord.report.first_screen.facts import facts
from accord.report.provenance import provenance
from accord.report.verdict import headline
from accord.run import RunDirectory
from foreign_files import (
    chat,
    dpo_log,
    grpo_folder,
    grpo_step,
    ppo_step,
    verl_files,
    verl_step,
    write_events,
    write_lines,
    write_state,
)


def findings_of(location: Path, **settings: Any) -> dict[str, Finding]:
    with audited_run(str(location), write=True, reading=ReadingSettings(**settings)) as audited:
        report = examine(audited.run, judges=audited.judges, elsewhere=audited.elsewhere)
    return {finding.id: finding for finding in report.findings}


def rising(step: int, prompt: int) -> float:
    return step / 10 + prompt / 5 + 0.01 * math.sin(7 * step + prompt)


def falling(step: int, prompt: int) -> float:
    return -rising(step, prompt) if step > 6 else rising(step, prompt)


# -- checks that go by less than a run of accord has ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("clipped", "verdict"), [(0.9, Verdict.FIRES), (0.0, Verdict.QUIET), (0.5, Verdict.INCONCLUSIVE)]
)
def test_stopping_goes_by_what_steps_logged(clipped: float, verdict: Verdict, tmp_path: Path) -> None:
    def cut(step: int) -> float:
        return min(1.0, max(0.0, clipped + 0.05 * (-1) ** step if clipped else 0.0))

    write_state(
        tmp_path / "trainer_state.json",
        [grpo_step(s, {}, 0, **{"completions/clipped_ratio": cut(s)}) for s in range(1, 31)],
    )
    finding = findings_of(tmp_path)["P-EOS stopping"]
    assert finding.verdict is verdict
    assert "not known without token ids" in finding.result


@pytest.mark.parametrize(("kl", "verdict"), [(-0.001, Verdict.FIRES), (0.0, Verdict.QUIET), (0.2, Verdict.QUIET)])
def test_a_kl_that_is_never_negative_is_held_to_that(kl: float, verdict: Verdict, tmp_path: Path) -> None:
    """GRPO logs k3."""
    finding = findings_of(grpo_folder(tmp_path, {"rising": rising}, log={"kl": kl}))["P-KL sign"]
    assert finding.verdict is verdict
    assert "log-probabilities were not kept" in finding.result
    assert "largest gap to the recomputed KL (nats)" not in finding.facts


@pytest.mark.parametrize(("kl", "verdict"), [(-0.05, Verdict.FIRES), (-0.0002, Verdict.QUIET)])
def test_a_log_ratio_may_be_negative_by_chance(kl: float, verdict: Verdict, tmp_path: Path) -> None:
    """OpenRLHF logs how many samples a step has: 64 of 100 tokens each."""
    write_events(tmp_path / "events.out.tfevents.1", [ppo_step(step, logprobs_diff=kl) for step in range(1, 7)])
    assert findings_of(tmp_path)["P-KL sign"].verdict is verdict


@pytest.mark.parametrize(("size", "verdict"), [(0.3, Verdict.FIRES), (0.01, Verdict.QUIET)])
def test_sampler_and_trainer_go_by_what_steps_logged(size: float, verdict: Verdict, tmp_path: Path) -> None:
    """With vLLM TRL logs how far they are apart."""
    steps = [grpo_step(s, {}, 0, **{"sampling/sampling_logp_difference/mean": size + s / 1e4}) for s in range(1, 9)]
    write_state(tmp_path / "trainer_state.json", steps)
    assert findings_of(tmp_path)["P-RATIO rollout"].verdict is verdict


def agreeing(step: int, prompt: int) -> float:
    return rising(step, prompt) + 0.02 * math.cos(3 * step)


@pytest.mark.parametrize(("judge", "verdict"), [(falling, Verdict.FIRES), (agreeing, Verdict.QUIET)])
def test_a_judge_who_falls_while_the_reward_rises_fires(judge: Any, verdict: Verdict, tmp_path: Path) -> None:
    """The KL that steps logged stands for that of their completions."""
    folder = grpo_folder(tmp_path, {"proxy": rising, "other": judge}, weights={"proxy": 1.0, "other": 0.0})
    findings = findings_of(folder)
    assert findings["RG2 divergence"].verdict is verdict
    assert findings["RG2 turnover"].verdict is verdict
    assert "policy/metrics.jsonl" in findings["RG2 turnover"].evidence


@pytest.mark.parametrize(("fault", "verdict"), [("over-optimisation", Verdict.FIRES), ("", Verdict.QUIET)])
def test_planted_over_optimisation_is_found_in_what_trl_would_have_logged(
    fault: str, verdict: Verdict, tmp_path: Path
) -> None:
    checks = [check for check in CHECKS if check.challenge.id == "RG2"]
    with plant(tmp_path / "run", FAULTS.get(fault)() if fault else None, checks=checks) as planted:
        as_trl(planted, tmp_path / "trl")
    findings = findings_of(tmp_path / "trl")
    assert findings["RG2 divergence"].verdict is verdict
    assert (findings["RG2 turnover"].verdict is Verdict.FIRES) is bool(fault)
    assert findings["P-KL sign"].verdict is Verdict.QUIET


def test_without_a_kl_the_turn_cannot_be_placed(tmp_path: Path) -> None:
    """`beta` 0: there is no reference."""
    folder = grpo_folder(
        tmp_path, {"proxy": rising, "other": falling}, weights={"proxy": 1.0, "other": 0.0}, log={"kl": None}
    )
    findings = findings_of(folder)
    assert findings["RG2 divergence"].verdict is Verdict.FIRES
    assert findings["RG2 turnover"].verdict is Verdict.NOT_ASSESSABLE
    assert "`kl`" in findings["RG2 turnover"].needs


@pytest.mark.parametrize(("leaky", "verdict"), [(True, Verdict.FIRES), (False, Verdict.QUIET)])
def test_prompts_of_rollouts_among_those_of_validations_fire(leaky: bool, verdict: Verdict, tmp_path: Path) -> None:
    verl_files(tmp_path / "rollouts", range(1, 4), rising)
    verl_files(tmp_path / "val", (0, 3), rising, validation=True)
    if leaky:
        rows = [json.loads(line) for line in (tmp_path / "val/3.jsonl").read_text().splitlines()]
        rows[0]["input"] = "user\nWrite of rain.\nassistant\n"
        write_lines(tmp_path / "val/3.jsonl", rows)
    finding = findings_of(tmp_path)["P-SPLIT overlap"]
    assert finding.verdict is verdict
    assert bool(finding.ids) is leaky


@pytest.mark.parametrize(
    ("judge", "verdict"), [(lambda step, prompt: prompt / 5, Verdict.FIRES), (rising, Verdict.QUIET)]
)
def test_a_gain_that_the_judge_does_not_confirm_fires(judge: Any, verdict: Verdict, tmp_path: Path) -> None:
    verl_files(tmp_path, (0, 30), rising, validation=True, acc=judge)
    assert findings_of(tmp_path, judge="acc")["RG2 gain"].verdict is verdict


@pytest.mark.parametrize(("solved", "verdict"), [(0, Verdict.FIRES), (5, Verdict.INCONCLUSIVE)])
def test_prompts_that_are_never_solved_are_counted(solved: int, verdict: Verdict, tmp_path: Path) -> None:
    verl_files(tmp_path, (1, 2), lambda step, prompt: float(step == 2 and prompt < solved))
    finding = findings_of(tmp_path)["RL1 coverage"]
    assert (finding.verdict, finding.ids["prompts"].count) == (verdict, 6 - solved)


@pytest.mark.parametrize(("collapsed", "verdict"), [(True, Verdict.FIRES), (False, Verdict.QUIET)])
def test_validations_that_say_the_same_fire(collapsed: bool, verdict: Verdict, tmp_path: Path) -> None:
    verl_files(tmp_path, (0, 30), rising, validation=True)
    rows = [json.loads(line) for line in (tmp_path / "30.jsonl").read_text().splitlines()]
    for number, row in enumerate(rows):
        row["output"] = "so it is so it is so it is so it is" if collapsed else f"{number} a b c d e f {number}"
    write_lines(tmp_path / "30.jsonl", rows)
    findings = findings_of(tmp_path)
    assert findings["DC2 diversity"].verdict is verdict
    assert findings["DC2 entropy"].verdict is Verdict.NOT_ASSESSABLE
    assert "logprobs" in findings["DC2 entropy"].needs


# -- feedback ------------------------------------------------------------------------------------------------------


def preference(word: str, number: int) -> dict[str, Any]:
    return {
        "prompt": chat(f"Write of {word}."),
        "chosen": [{"role": "assistant", "content": f"{word} is lovely to see {number}"}],
        "rejected": [{"role": "assistant", "content": f"no {word} {number}"}],
    }


@pytest.mark.parametrize(("shared", "verdict"), [(("salt",), Verdict.FIRES), ((), Verdict.QUIET)])
def test_comparisons_on_both_sides_fire(shared: tuple[str, ...], verdict: Verdict, tmp_path: Path) -> None:
    write_state(tmp_path / "dpo" / "trainer_state.json", dpo_log())
    train = write_lines(tmp_path / "train.jsonl", [preference(word, 1) for word in ("salt", "iron", "gold")])
    held_out = write_lines(tmp_path / "held.jsonl", [preference(word, 2) for word in ("zinc", *shared)])
    findings = findings_of(tmp_path / "dpo", preferences=train, held_out=held_out)
    assert findings["P-SPLIT overlap"].verdict is verdict
    assert "reward model" in findings["RG1 length"].needs


def test_a_preference_file_that_is_malformed_is_refused_by_its_place(tmp_path: Path) -> None:
    write_state(tmp_path / "dpo" / "trainer_state.json", dpo_log())
    bad = write_lines(tmp_path / "bad.jsonl", [preference("salt", 1), {"prompt": "x", "chosen": "a", "rejected": 3}])
    with pytest.raises(AccordError, match=r"bad.jsonl:2 rejected"):
        findings_of(tmp_path / "dpo", preferences=bad)


def test_a_ledger_alone_gives_the_findings_of_its_run(tmp_path: Path) -> None:
    checks = [check for check in CHECKS if check.id in {"OV1 careless", "MH3 people", "MH1 concentration"}]
    with plant(tmp_path / "run", FAULTS.get("careless")(), checks=checks) as planted:
        whole = {finding.id: finding for finding in examine(planted, only=("OV1", "MH3", "MH1")).findings}
    alone = findings_of(tmp_path / "run-ledger.db")
    for check in checks:
        assert alone[check.id].verdict is whole[check.id].verdict
        assert alone[check.id].estimate == whole[check.id].estimate
    assert alone["OV1 careless"].verdict is Verdict.FIRES
    assert alone["P-KL sign"].verdict is Verdict.NOT_ASSESSABLE


# -- reward models -------------------------------------------------------------------------------------------------


@pytest.fixture
def reward_run(tmp_path: Path) -> Path:
    """A reward model of TRL's trainer: its log, and a sequence classifier of one label."""
    folder = tmp_path / "reward"
    log = {"accuracy": 0.9, "margin": 1.0, "mean_reward": 0.1, "min_reward": -1.0, "max_reward": 1.0, "loss": 0.4}
    write_state(folder / "checkpoint-5" / "trainer_state.json", [{"step": 5, **log}])
    config = LlamaConfig(**{**tiny_config().to_dict(), "num_labels": 1})
    LlamaForSequenceClassification(config).save_pretrained(folder / "checkpoint-5")
    tiny_tokenizer().save_pretrained(folder / "checkpoint-5")
    return folder


def test_a_reward_model_is_asked_about_held_out_conversations(reward_run: Path, tmp_path: Path) -> None:
    train = write_lines(tmp_path / "train.jsonl", [preference(word, n) for word in ("salt", "iron") for n in range(4)])
    held_out = write_lines(
        tmp_path / "held.jsonl", [preference(word, n) for word in ("zinc", "lead", "gold") for n in range(4)]
    )
    findings = findings_of(reward_run, preferences=train, held_out=held_out)
    assert findings["RE1 accuracy"].estimate is not None
    assert findings["RE1 accuracy"].estimate.n == 12
    for name in ("RE1 calibration", "RG1 length"):
        assert findings[name].verdict is not Verdict.NOT_ASSESSABLE, findings[name].needs


def test_of_plain_texts_it_is_not_known_how_it_read_them(reward_run: Path, tmp_path: Path) -> None:
    plain = [{"prompt": "Write.", "chosen": f"well {n}", "rejected": f"badly {n}"} for n in range(4)]
    held_out = write_lines(tmp_path / "held.jsonl", plain)
    assert findings_of(reward_run, held_out=held_out)["RE1 accuracy"].verdict is Verdict.NOT_ASSESSABLE


# -- the verb ------------------------------------------------------------------------------------------------------


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_nothing_stays_and_nothing_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    folder = grpo_folder(tmp_path / "trl", {"rising": rising}, log={"completions/clipped_ratio": 0.0})
    before = snapshot(folder)
    assert run(["audit", str(folder), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["made_by"] == "trl"
    assert any("144 completions of 12 steps" in note for note in content["notes"])
    assert len(content["findings"]) == len(CHECKS)
    assert snapshot(folder) == before
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_run_that_is_kept_says_what_it_was_read_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = grpo_folder(tmp_path / "trl", {"p": rising, "j": falling}, weights={"p": 1.0, "j": 0.0})
    out = tmp_path / "kept"
    assert run(["audit", str(folder), "--out", str(out)]) == 1
    assert "'j' counts nothing in what was learnt from" in capsys.readouterr().out
    with RunDirectory.open(out, write=False) as kept:
        assert kept.has("audit.json")
        assert kept.manifest.inputs["policy/metrics.jsonl"].path == "../trl/checkpoint-12/trainer_state.json"
        assert kept.manifest.inputs["policy/samples.jsonl"].path == "../trl/completions"
    assert run(["verify", str(out)]) == 0
    assert run(["report", str(out)]) == 0
    assert run(["audit", str(folder), "--out", str(out)]) == 2
    assert "a run is already here" in capsys.readouterr().err


def test_what_could_not_be_read_leaves_nothing(tmp_path: Path) -> None:
    folder = grpo_folder(tmp_path / "trl", {"rising": rising}, steps=2)
    bad = write_lines(tmp_path / "bad.jsonl", [{"prompt": "x", "chosen": "a", "rejected": 3}])
    out = tmp_path / "kept"
    for arguments in (["--preferences", str(bad)], ["--judge", "gone"], ["--only", "NONE"]):
        assert run(["audit", str(folder), "--out", str(out), *arguments]) == 2
        assert not out.exists()
    full = tmp_path / "full"
    write_lines(full / "notes", [{}])
    assert run(["audit", str(folder), "--out", str(full)]) == 2
    assert (full / "notes").exists()


def test_a_plan_of_what_is_lacking(tmp_path: Path) -> None:
    folder = grpo_folder(tmp_path / "trl", {"rising": rising}, log={"completions/clipped_ratio": 0.0})
    assert run(["audit", str(folder), "--plan", str(tmp_path / "plan")]) == 0
    assert "RG2 turnover" in (tmp_path / "plan/plan.md").read_text()


@pytest.mark.parametrize("size", [1e200, 1e308, 1e-300])
def test_scores_of_any_size(size: float, tmp_path: Path) -> None:
    given = {"p": lambda step, n: size * rising(step, n) / 3, "j": lambda step, n: size * falling(step, n) / 3}
    folder = grpo_folder(tmp_path, given, weights={"p": 1.0, "j": 0.0})
    assert findings_of(folder)["P-KL sign"].verdict is Verdict.QUIET


def test_what_is_lacking_is_said_in_the_words_of_the_tool(tmp_path: Path) -> None:
    write_state(tmp_path / "dpo" / "trainer_state.json", dpo_log())
    assert "`log_completions=True`" in findings_of(tmp_path / "dpo")["RG2 divergence"].needs
    assert (
        findings_of(tmp_path / "dpo")["OV1 careless"].needs
        == "the feedback that was learnt from (`--preferences FILE`)"
    )
    verl_files(tmp_path / "verl", (1,), rising)
    assert "`trainer.val_before_train`" in findings_of(tmp_path / "verl")["RG2 gain"].needs
    write_events(tmp_path / "openrlhf" / "events.out.tfevents.1", [ppo_step(1)])
    assert "OpenRLHF writes none into files" in findings_of(tmp_path / "openrlhf")["DC2 diversity"].needs


def broken_json(folder: Path) -> None:
    (folder / "trainer_state.json").write_text('{"log_history": [')


def broken_line(folder: Path) -> None:
    verl_files(folder, (1,), rising)
    (folder / "1.jsonl").write_text((folder / "1.jsonl").read_text() + "{]\n" + "{}\n")


@pytest.mark.parametrize(("make", "place"), [(broken_json, "trainer_state.json:1"), (broken_line, "1.jsonl:13")])
def test_what_is_there_and_malformed_is_an_error_with_its_place(
    make: Callable[[Path], None], place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    assert run(["audit", str(tmp_path)]) == 2
    assert place in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["{trl}", "--from", "verl"], "no run of verl is here"),
        (["{trl}", "--from", "accord"], "no run here (no manifest.json)"),
        (["{trl}", "--from", "unheard"], "Choose from"),
        (["{trl}", "--judge", "x"], "no such column of scores"),
        (["{ledger}", "--from", "trl"], "is a ledger: leave out --from"),
        (["{run}", "--judge", "x"], "is a run of accord, which is read as it stands"),
        (["{run}", "--from", "trl"], "no run of TRL is here"),
        (["{trl}", "--questions", "{empty}/q.jsonl"], "leave them out"),
        (["{trl}/checkpoint-2/trainer_state.json"], "neither the folder of a run nor a ledger"),
        (["{empty}"], "the folder is empty"),
        (["{empty}/gone"], "no such file or folder"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    arguments: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from accord.feedback import Ledger

    places = {name: tmp_path / name for name in ("trl", "run", "empty", "ledger")}
    grpo_folder(places["trl"], {"rising": rising}, steps=2)
    RunDirectory.create(places["run"]).close()
    Ledger(places["ledger"]).close()
    places["empty"].mkdir()
    assert run(["audit", *(argument.format(**places) for argument in arguments)]) == 2
    assert problem in " ".join(capsys.readouterr().err.split())


def test_a_log_of_verl_alone_is_enough(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "e.jsonl",
        [verl_step(step, **{"response_length/clip_ratio": 0.8 + step % 2 / 10}) for step in range(1, 40)],
    )
    findings = findings_of(tmp_path)
    assert findings["P-EOS stopping"].verdict is Verdict.FIRES
    assert findings["P-KL sign"].verdict is Verdict.QUIET


def test_the_page_of_a_run_that_was_read_says_whose_it_is(tmp_path: Path) -> None:
    """It does not take the day of reading for that of training, nor the run for one in which nothing was trained."""
    folder = grpo_folder(tmp_path / "trl", {"proxy": rising, "other": falling}, weights={"proxy": 1.0, "other": 0.0})
    with audited_run(str(folder), out=tmp_path / "kept", write=True, reading=ReadingSettings()):
        pass
    with RunDirectory.open(tmp_path / "kept", write=False) as run:
        assert run.manifest.made_by == "TRL"
        said = {fact.name: fact.value for fact in facts(RunReader(run))}
        assert said["Model"] == "One that was trained with TRL; its name is not recorded."
        assert said["When"].startswith("Not recorded; the files of TRL were read on ")
        assert changes(RunReader(run)).headline.startswith("A model was trained with TRL; ")
        assert headline(RunReader(run)).startswith("A run of TRL, ")
        made = provenance(RunReader(run))
        assert dict(made.origin)["made by"] == "TRL"
        assert "seed" not in dict(made.origin)  # that of training is not known


def test_what_many_checks_lack_is_printed_with_how_many(tmp_path: Path) -> None:
    folder = grpo_folder(tmp_path, {"proxy": rising})
    with audited_run(str(folder), write=True, reading=ReadingSettings()) as audited:
        findings = examine(audited.run, judges=audited.judges, elsewhere=audited.elsewhere).findings
    lacking = [f for f in findings if f.verdict is Verdict.NOT_ASSESSABLE]
    number = sum("--preferences FILE" in f.needs for f in lacking)
    lines = list(finding_lines(findings))
    said = f"{number} of the {len(lacking)} that could not be assessed lack the feedback that was learnt from"
    assert any(line.startswith(said) for line in lines[-4:-1])
    assert not any(".jsonl of the run" in f.needs for f in lacking)  # no name of a file that TRL does not have
