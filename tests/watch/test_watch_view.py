"""What is shown of a run: stages, curves over steps, KL and time, samples, measures, labels, rounds, drawings."""

import json
from io import StringIO
from pathlib import Path

import pytest
from logged_runs import begin_policy, finish, log_steps
from rich.console import Console

from accord.artefacts import (
    ASKING,
    FINDINGS,
    METRICS,
    RECIPE,
    ROUNDS,
    SAMPLES,
    AskingRow,
    CurvePoint,
    Finding,
    RoundRow,
    RoundsSummary,
    Verdict,
)
from accord.errors import ArtefactError
from accord.records import Completion, Prompt
from accord.reward.kinds.person import PersonJudge, PersonReward
from accord.run import RunDirectory
from accord.stats import Estimate
from accord.watch import Watched, view_of
from accord.watch.drawing import draw
from accord.watch.numbers import to_json
from accord.watch.rounds import natural_order
from accord.watch.series import MOST_POINTS, Point, Series, series_of
from accord.watch.terminal import render_view, sparkline


def printed(run: Path, round_name: str | None = None) -> str:
    console = Console(width=110, record=True, file=StringIO())
    console.print(render_view(view_of(Watched(run), round_name)))
    return console.export_text()


def test_a_run_that_was_trained_is_shown_with_its_own_numbers(trained: Path) -> None:
    view = view_of(Watched(trained))
    assert (view.state.kind, view.state.words) == (
        "stopped",
        "Not begun: audit, report. Go on with accord run --resume.",
    )
    assert [training.stage for training in view.training] == ["policy", "eval_reward", "reward", "sft"]
    with RunDirectory.open(trained, write=False) as run:
        logged = run.read_jsonl("policy/metrics.jsonl")
        curve = run.read_jsonl("evaluation/curve.jsonl")
    reward = next(series for series in view.training[0].series if series.key == "reward")
    assert [point.y for point in reward.points] == [row["reward"] for row in logged]
    assert [point.y for point in reward.judge] == [row["eval_reward"]["value"] for row in curve]
    over_kl = {each.key: each for each in view_of(Watched(trained), over="kl").training[0].series}
    assert [point.x for point in over_kl["reward"].points] == [row["kl"] for row in logged]
    assert "kl" not in over_kl
    over_time = view_of(Watched(trained), over="time").training[0].series[0]
    assert over_time.points[-1].x == pytest.approx(sum(row["seconds"] for row in logged))
    measured = {measure.name: measure.estimate for measure in view.measures}
    assert "win rate over the start, independent judge" in measured
    assert "held-out accuracy of reward" in measured
    samples = view.snapshot.samples
    assert len(samples) == 4
    assert all(prompt.text != prompt.id and prompt.samples for prompt in samples)
    text = printed(trained)
    assert "Not begun: audit, report." in text
    assert f"{reward.last.y:,.3f}" in text
    assert json.loads(json.dumps(to_json(view)))["last_steps"]["policy"]["reward"] == logged[-1]["reward"]


def test_verdicts_are_shown_as_far_as_there_are_any(tmp_path: Path) -> None:
    finding = Finding(
        "RG2", "turnover", "claim", Verdict.FIRES, "above 0", "It turned over.", Estimate(1.0, 0.5, 1.5, 9), remedy="r"
    )
    with RunDirectory.create(tmp_path / "run") as run:
        FINDINGS.write(run, (finding,), stage="audit")
        finish(run, "audit")
    view = view_of(Watched(run.path))
    assert view.verdicts == "1 of 1 check fired (RG2 turnover)"
    assert view.challenges[0].kind == "fires"
    (tmp_path / "run/audit.json").write_text('{"findings": [')
    view = view_of(Watched(run.path))
    assert view.verdicts == ""
    assert any("audit.json: differs from its digest" in problem for problem in view.snapshot.problems)


def test_the_most_memory_that_was_logged(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        begin_policy(run)
        log_steps(run, 4)
        assert view_of(Watched(run.path)).memory == [("peak memory gb", "5.50")]


def test_labels_are_counted_against_the_budget(tmp_path: Path) -> None:
    settings = PersonReward(
        study="s", ledger=str(tmp_path / "l.db"), items=str(tmp_path / "i.jsonl"), budget=20, raters=2
    )
    prompt = Prompt.ask("What?")
    judge = PersonJudge("reward", settings)
    with pytest.raises(Exception, match="3 completions wait for people"):
        judge.score([prompt] * 3, [Completion(prompt=prompt.id, text=text) for text in "abc"])
    with RunDirectory.create(tmp_path / "run") as run:
        section = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.model_dump().items())
        RECIPE.write(run, f"[reward]\n{section}[rewards.other]\nkind = 'person'\nbudget = 'many'\n")
        view = view_of(Watched(run.path))
    assert [vars(count) for count in view.labels] == [
        {"section": "reward", "requested": 6, "answered": 0, "budget": 20}
    ]
    assert any("recipe.rewards.other." in problem for problem in view.snapshot.problems)
    assert "labels of reward: 6 of 20 asked for, 0 given" in printed(run.path)


# -- rounds ------------------------------------------------------------------------------------------------------------


def a_round(path: Path, steps: int) -> None:
    with RunDirectory.create(path) as run:
        begin_policy(run, total=5)
        log_steps(run, steps)
        if steps == 5:
            for log in (METRICS, SAMPLES):
                run.adopt(log.path("policy"), stage="policy")
            finish(run, "policy")


def test_rounds_that_are_runs_of_their_own_are_side_by_side_and_the_newest_is_opened(tmp_path: Path) -> None:
    for name, steps in (("01", 5), ("02", 5), ("10", 2)):
        a_round(tmp_path / "run/rounds" / name, steps)
    (tmp_path / "run/rounds/notes").mkdir()
    watched = Watched(tmp_path / "run")
    view = view_of(watched)
    assert view.place.name == "rounds/10"
    assert [(row.place.name, row.state.kind, row.step, row.reward) for row in view.rounds] == [
        ("rounds/01", "ended", 5, 0.5),
        ("rounds/02", "ended", 5, 0.5),
        ("rounds/10", "stopped", 2, 0.2),
    ]
    assert view_of(watched, "rounds/01").state.kind == "ended"
    with pytest.raises(ArtefactError, match="no round 'rounds/11'; did you mean 'rounds/10'"):
        view_of(watched, "rounds/11")
    a_round(tmp_path / "run/rounds/11", 1)
    assert view_of(watched).place.name == "rounds/11"
    (tmp_path / "run/rounds/11/manifest.json").write_text("{")
    assert view_of(watched).state.kind == "damaged"
    assert "rounds/02" in printed(tmp_path / "run")


def test_rounds_below_prefixes_of_one_run(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        for number in (1, 2):
            begin_policy(run, total=3, stage=f"rounds/0{number}/policy")
            log_steps(run, 3 if number == 1 else 1, stage=f"rounds/0{number}/policy")
            if number == 1:
                finish(run, "rounds/01/data", "rounds/01/policy")
        view = view_of(Watched(run.path))
        assert (view.place.name, view.state.kind, view.state.stage) == ("rounds/02", "running", "policy")
        assert [(row.name, row.step, row.total) for row in view.stages] == [("policy", 1, 3)]
        assert [prompt.samples[-1].step for prompt in view.snapshot.samples] == [1, 1]
        first = view_of(Watched(run.path), "rounds/01")
        assert first.state.kind == "ended"
        assert {row.name for row in first.stages} == {"data", "policy"}
        alone = Watched(run.path, "rounds/01")
        assert [place.name for place in alone.places()] == ["rounds/01"]
        assert view_of(alone).rounds == ()
        with pytest.raises(ArtefactError, match="no run here with stages below rounds/07/"):
            Watched(run.path, "rounds/07")


def test_a_run_in_rounds_ends_with_its_last_round_and_tells_what_each_asked_and_gained(tmp_path: Path) -> None:
    gain = Estimate(0.25, 0.125, 0.375, 40)
    with RunDirectory.create(tmp_path / "run") as run:
        RECIPE.write(run, "[loop]\nrounds = 2\nbudget = 40\n")
        run.begin("rounds")
        a_round(run.path / "rounds/01", 5)
        assert [(row.name, row.state, row.step, row.total) for row in view_of(Watched(run.path), "").stages] == [
            ("rounds", "going", 0, 2)
        ]
        with RunDirectory.create(run.path / "rounds/02") as second:
            RECIPE.write(second, "[round]\nbudget = 40\n")
            ASKING.write(
                second, AskingRow(number=2, learns_anew=True, reason="it asks each round", labels=12, spent=12)
            )
            begin_policy(second)
            log_steps(second, 2)
            view = view_of(Watched(run.path))
            assert [(row.name, row.state) for row in view.stages][:2] == [("policy", "going"), ("ask", "to come")]
            assert [vars(count) for count in view.labels] == [
                {"section": "round", "requested": 12, "answered": None, "budget": 40}
            ]
        rows = (
            RoundRow(number=1, digest="a", labels=0, spent=0),
            RoundRow(number=2, digest="b", labels=12, spent=12, gain=gain),
        )
        ROUNDS.write(run, RoundsSummary(budget=40, spent=12, rounds=rows[:1], result=1), stage="rounds")
        run.pause("rounds")
        run.close()
        assert view_of(Watched(run.path), "").state.kind == "stopped"
    with RunDirectory.open(run.path) as run:
        ROUNDS.write(run, RoundsSummary(budget=40, spent=12, rounds=rows, result=2), stage="rounds")
    whole = view_of(Watched(run.path), "")
    assert (whole.state.kind, whole.stages[0].state, whole.stages[0].step) == ("ended", "done", 2)
    assert [(row.place.name, row.labels, row.gain) for row in whole.rounds] == [
        ("", 12, None),
        ("rounds/01", None, None),
        ("rounds/02", 12, gain),
    ]


def test_rounds_are_in_the_order_of_their_numbers() -> None:
    assert sorted(["r10", "r9", "r1", "a"], key=natural_order) == ["a", "r1", "r9", "r10"]


# -- curves ------------------------------------------------------------------------------------------------------------


def test_columns_that_nobody_knows_are_shown_and_huge_numbers_are_not() -> None:
    rows = [{"step": step, "reward": 1e31 if step == 2 else step, "own_number": 3.0} for step in (1, 2, 3)]
    series = {one.key: one for one in series_of(rows, "step")}
    assert [point.step for point in series["reward"].points] == [1, 3]
    assert (series["own_number"].title, series["own_number"].main) == ("own number", False)


def test_a_moving_mean_is_of_the_last_steps() -> None:
    rows = [{"step": step, "loss": float(step % 2)} for step in range(1, 101)]
    (series,) = series_of(rows, "step")
    assert series.window == 5
    assert (series.smooth[0].step, series.smooth[0].y) == (5, 3 / 5)
    assert [series.smooth[-1].step, series.smooth[-1].y] == [100, 2 / 5]
    assert series_of(rows[:39], "step")[0].smooth == ()


def test_the_judge_stands_where_its_step_does() -> None:
    rows = [{"step": step, "reward": 0.0, "kl": 2.0 * step} for step in (1, 2)]
    one = Estimate(7.0, 6.0, 8.0, 3)
    curve = [CurvePoint(step=step, kl=one, reward=one, eval_reward=one) for step in (2, 9)]
    (series,) = (one for one in series_of(rows, "kl", curve) if one.key == "reward")
    assert series.judge == (Point(2, 4.0, 7.0, 6.0, 8.0),)


def test_thinning_keeps_ends_and_spikes() -> None:
    rows = [{"step": step, "loss": 9.0 if step == 4321 else 0.0} for step in range(1, 10_001)]
    (series,) = series_of(rows, "step")
    assert len(series.points) <= MOST_POINTS
    assert (series.points[0].step, series.points[-1].step) == (1, 10_000)
    assert max(point.y for point in series.points) == 9.0
    assert [point.step for point in series.points] == sorted(point.step for point in series.points)
    assert [point.step for point in series.spread][:2] == [1, 910]
    assert series.last.step == 10_000
    mean = 9.0 / series.window
    assert max(point.y for point in series.smooth) == pytest.approx(mean)


def test_a_step_that_logged_nothing_of_a_column_is_left_out() -> None:
    rows = [{"step": 1, "kl": 1.0, "reward": 2.0}, {"step": 2, "reward": 3.0}, {"step": 3, "kl": 2.0}]
    (series,) = (one for one in series_of(rows, "kl") if one.key == "reward")
    assert series.points == (Point(1, 1.0, 2.0),)
    (series,) = (one for one in series_of(rows, "step") if one.key == "reward")
    assert [point.step for point in series.points] == [1, 2]


@pytest.mark.parametrize("y", [(1.0,), (5.0, 5.0), (0.0, 0.0), (1e-9, 2e-9), (-1e20, 1e20), (1e29, 1e29)])
def test_a_drawing_stays_on_its_paper(y: tuple[float, ...]) -> None:
    points = tuple(Point(step, step, value) for step, value in enumerate(y, 1))
    series = Series("x", "X", "", 2, points, spread=points)
    drawing = draw(series, "step")
    places = [tuple(map(float, place.split(","))) for place in drawing.line.split()]
    assert all(0 <= x <= 340 and 0 <= y <= 180 for x, y in places)
    assert drawing.ticks_y
    assert len(drawing.ticks_y) < 12
    assert len(drawing.table) == len(y)


def test_a_sparkline_goes_up_where_the_numbers_do() -> None:
    assert sparkline([Point(step, step, step) for step in range(8)]) == "▁▂▃▄▅▆▇█"
    assert sparkline([Point(1, 1, 2.0)]) == "▁"
    assert len(sparkline([Point(step, step, step) for step in range(1000)])) <= 24
