"""What the page tells of a run that met faults, or began with what another run had made."""

from dataclasses import replace
from pathlib import Path

from accord.artefacts import JUDGE_FAILURES, METRICS, JudgeFailure, OnlineMetrics, RunReader
from accord.report.provenance import provenance
from accord.report.training_curves import Figure, along_the_run
from accord.run import RunDirectory

ROW = {name: None for name, field in OnlineMetrics.model_fields.items() if field.is_required()}


def caption(path: Path, *failures: JudgeFailure) -> str:
    with RunDirectory.create(path) as run:
        rows = [OnlineMetrics.model_validate({**ROW, "step": step, "kl": 0.5 * step}) for step in (1, 2, 4)]
        METRICS.write(run, rows, stage="policy")
        if failures:
            JUDGE_FAILURES.write(run, failures, stage="policy")
        *_, training = along_the_run(RunReader.of(run))
    assert isinstance(training, Figure)
    return training.caption


def test_how_often_the_judge_failed_stands_under_the_curves(tmp_path: Path) -> None:
    again = JudgeFailure(step=2, failures=1, problem="it answers 500", skipped=False)
    skipped = JudgeFailure(step=3, failures=4, problem="it answers 500", skipped=True)
    assert "judge failed" not in caption(tmp_path / "none")
    told = caption(tmp_path / "some", again, skipped)
    assert (
        "The judge failed in 2 steps and was asked again; steps left out since there were no scores even so: 3." in told
    )
    assert "even so: none." in caption(tmp_path / "again", again)


def test_whose_a_stage_is_that_was_taken_from_another_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_text("recipe.toml", "seed = 0\n")
        for name in ("data", "sft"):
            run.begin(name)
            run.finish(name, "settings", 60.0)
        run.manifest.stages["data"] = replace(run.manifest.stages["data"], run="abc" * 10)
        stages = dict(provenance(RunReader.of(run)).stages)
    assert stages["data"].endswith(", taken from run abcabcabcabc")
    assert "taken" not in stages["sft"]
