"""X8: what was recorded since the release, beside the release."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from accord.artefacts import SINCE_RELEASE, DisclosureField, Finding, RunReader, Verdict
from accord.audit import CHECKS, AuditSettings, Evidence
from accord.audit.deployment.period import Series, change_between_halves, changes_at, rule_on_all
from accord.audit.deployment.since_release import write_since_release
from accord.audit.deployment.two_samples import classifier_area, halves_of, placements
from accord.cli import run as run_command
from accord.feedback import Ledger
from accord.feedback.deployment.answers import Counts, RecordedAnswer, ServingSession
from accord.feedback.deployment.recording_policy import RecordingPolicy
from accord.feedback.deployment.recordings import Recordings
from accord.lab import FAULTS
from accord.lab.planted import audit_ledger_of, judges_of, plant
from accord.records import Prompt, Sampling
from accord.report.disclosure.assembly import compile_disclosure, redacted_disclosure
from accord.report.disclosure.statements import Statements
from accord.run import RunDirectory
from accord.stats import Estimate, difference_of

OWN = [check for check in CHECKS if check.challenge.id == "X8"]
ALL = RecordingPolicy(share=1.0)
FAULTS_OF_X8 = [fault.name for fault in FAULTS if any(name.startswith("X8") for name in fault.sets_off)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean run; what was recorded of it lies beside its audit's ledger."""
    with plant(tmp_path_factory.mktemp("released") / "run", seed=3, checks=OWN) as made:
        return made.path


@pytest.fixture
def run(path: Path) -> Iterator[RunDirectory]:
    with RunDirectory.open(path, write=False) as opened:
        yield opened


def record(
    folder: Path,
    run: RunDirectory,
    texts: Sequence[str],
    *,
    policy: RecordingPolicy = ALL,
    ask: Callable[[int], str] = "What of the number {}?".format,
    requester: Callable[[int], str | None] = "person {}".format,
    **session: Any,
) -> Path:
    """A ledger of recorded answers, one a minute."""
    began = datetime.now(UTC) - timedelta(days=2)
    of_run = {"run": run.manifest.id, "stage": "policy", **session}
    opened = ServingSession(id="s", policy=policy, label="policy", version="0", started=began, **of_run)
    answers = [
        RecordedAnswer(
            name=f"n-{place}",
            session="s",
            time=began + timedelta(minutes=place),
            endpoint="chat",
            prompt=Prompt.ask(ask(place)) if policy.keep == "texts" else None,
            texts=(text,) if policy.keep == "texts" else None,
            prompt_digest=ask(place),
            requester=requester(place),
            letters=(len(text),),
            refusals=("cannot" in text,),
            ends=("eos",),
            sampling=Sampling(),
        )
        for place, text in enumerate(texts)
    ]
    with Ledger(folder / "since.db") as ledger:
        recordings = Recordings(ledger)
        recordings.begin(opened)
        recordings.keep(opened, answers, Counts(requests=len(answers)), now=began.timestamp())
    return folder / "since.db"


def found(check: str, run: RunDirectory, since: Path | None, **more: Any) -> Finding:
    evidence = Evidence(run, judges_of(seed=3), since=since, **more)
    return CHECKS.get(f"X8 {check}").run(evidence, AuditSettings())


# -- planted -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS_OF_X8)
def test_a_deployment_that_drifts_fires_what_it_must_alone(fault: str, tmp_path: Path) -> None:
    planted = FAULTS.get(fault)()
    with plant(tmp_path / "run", planted, seed=11, checks=OWN) as run:
        evidence = Evidence(run, judges_of(planted, seed=11), since=audit_ledger_of(run.path))
        fires = {check.id for check in OWN if check.run(evidence, AuditSettings()).verdict is Verdict.FIRES}
    assert set(planted.sets_off) <= fires <= {*planted.sets_off, *planted.touches}


def test_a_deployment_like_its_release_fires_nothing(run: RunDirectory) -> None:
    findings = [found(check.name, run, audit_ledger_of(run.path)) for check in OWN]
    assert {one.verdict for one in findings} <= {Verdict.QUIET, Verdict.INCONCLUSIVE}
    assert findings[0].facts["recorded answers"].value == 160


# -- what is there, and what is not ----------------------------------------------------------------------------------


def test_without_recordings_it_says_how_to_record(run: RunDirectory, tmp_path: Path) -> None:
    for check in OWN:
        assert "accord serve RUN --record LEDGER" in found(check.name, run, None).needs
    Ledger(tmp_path / "empty.db").close()
    assert "nothing was recorded here" in found("prompts", run, tmp_path / "empty.db").needs


def test_few_answers_are_not_assessed_and_it_says_how_many_there_are(run: RunDirectory, tmp_path: Path) -> None:
    since = record(tmp_path, run, ["Fine."] * 12)
    for check in OWN:
        finding = found(check.name, run, since)
        assert finding.verdict is Verdict.NOT_ASSESSABLE
        assert "recorded answers of this run's policy (12 are there)" in finding.needs


def test_answers_of_another_model_are_left_out_and_counted(run: RunDirectory, tmp_path: Path) -> None:
    since = record(tmp_path, run, ["Fine."] * 50, stage="sft")
    assert "0 are there (left out: 50 answers of another model)" in found("refusals", run, since).needs


def test_answers_that_the_stated_policy_did_not_draw_are_left_out(run: RunDirectory, tmp_path: Path) -> None:
    policy = RecordingPolicy(share=0.5)
    drawn = sum(policy.draws(f"n-{place}") for place in range(100))
    since = record(tmp_path, run, ["Fine."] * 100, policy=policy)
    finding = found("refusals", run, since)
    assert finding.facts["recorded answers"].value == drawn
    assert finding.facts["left out: answers that the stated policy did not draw"].value == 100 - drawn
    assert f"left out: {100 - drawn} answers that the stated policy did not draw" in finding.result


def test_measures_alone_tell_of_refusals_and_of_the_period(run: RunDirectory, tmp_path: Path) -> None:
    texts = ["I cannot say." if place % 2 else "Fine, I think." for place in range(120)]
    since = record(tmp_path, run, texts, policy=RecordingPolicy(share=1.0, keep="measures"))
    assert found("refusals", run, since).verdict is Verdict.FIRES
    assert found("period", run, since).estimate is not None
    for check in ("prompts", "mixture", "rewards"):
        assert "texts among what was recorded" in found(check, run, since).needs


def test_one_who_asks_is_one_and_not_many(run: RunDirectory, tmp_path: Path) -> None:
    since = record(tmp_path, run, ["I cannot say."] * 200, requester=lambda _: "the same")
    finding = found("refusals", run, since)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.estimate is not None
    assert finding.estimate.low is None
    assert found("prompts", run, since).verdict is Verdict.NOT_ASSESSABLE  # of 200 prompts that differ in digits


def test_prompts_of_one_who_asks_alone_have_no_interval(run: RunDirectory, tmp_path: Path) -> None:
    words = ["anchor", "basil", "cobalt", "dune", "ember", "flint", "grove", "heron", "ivory", "jade"]
    ask = lambda place: f"{words[place % 10]} beside {words[place // 10]} and {words[(place * 7) % 10]}"  # noqa: E731
    many = found("prompts", run, record(tmp_path, run, ["Fine."] * 100, ask=ask))
    assert many.verdict is Verdict.FIRES
    (tmp_path / "one").mkdir()
    one = found("prompts", run, record(tmp_path / "one", run, ["Fine."] * 100, ask=ask, requester=lambda _: "same"))
    assert one.verdict is Verdict.INCONCLUSIVE


def test_what_was_redacted_on_one_side_is_redacted_on_the_other(run: RunDirectory, tmp_path: Path) -> None:
    policy = RecordingPolicy.parse('share = 1.0\n[[redact]]\nname = "word"\npattern = "[A-Za-z]+"')
    since = record(tmp_path, run, ["[word] [word]."] * 60, policy=policy)
    finding = found("rewards", run, since)
    assert "scores of the policy's samples" in finding.needs  # nothing is left of them that a score could differ by
    assert found("refusals", run, since).verdict in {Verdict.QUIET, Verdict.INCONCLUSIVE}


def test_answers_that_are_all_alike_do_not_change(run: RunDirectory, tmp_path: Path) -> None:
    since = record(tmp_path, run, ["Fine."] * 80, ask=lambda _: "The same?")
    assert "differ in anything" in found("period", run, since).needs


def test_the_weights_decide_where_the_run_keeps_them(run: RunDirectory, tmp_path: Path) -> None:
    entry = next(iter(run.manifest.files.values()))
    run.manifest.files["policy/model/model.safetensors"] = replace(entry, sha256="1" * 64)
    since = record(tmp_path, run, ["Fine."] * 50)
    assert "left out: 50 answers of another model" in found("refusals", run, since).needs
    run.manifest.files.pop("policy/model/model.safetensors")
    assert found("refusals", run, since).estimate is not None


# -- the command -------------------------------------------------------------------------------------------------


def test_what_was_found_is_kept_for_the_disclosure(path: Path, tmp_path: Path) -> None:
    shutil.copytree(path, tmp_path / "run")
    ledger = audit_ledger_of(path)
    with RunDirectory.open(tmp_path / "run") as opened:
        before = fields_of(opened)
        write_since_release(opened, ledger, [found(check.name, opened, ledger) for check in OWN])
        since, after = SINCE_RELEASE.read(opened), fields_of(opened)
        public = fields_of(opened, redacted=True)
    assert (since.answers, len(since.sessions), since.ledger) == (160, 1, str(ledger))
    assert {finding["check"] for finding in since.findings} == {check.name for check in OWN}
    assert {before[name].status for name in ("recording", "since")} == {"missing"}
    assert "1 server recorded; 160 answers of" in after["recording"].value
    assert "in the terms of use" in after["recording"].value
    assert "Of 5 checks" in after["since"].value
    assert after["since"].table is not None
    assert "X8 refusals" in {line.cells[0] for line in after["since"].table.lines}
    assert public["recording"].table is not None
    assert [line.cells[2] for line in public["recording"].table.lines] == ["1 of requests"]


def fields_of(run: RunDirectory, *, redacted: bool = False) -> dict[str, DisclosureField]:
    """The fields of the item on monitoring, by name."""
    reader, nothing = RunReader(run), Statements()
    made = redacted_disclosure(reader, nothing, "salt") if redacted else compile_disclosure(reader, nothing)
    item = next(item for item in made.items if item.name == "systemic.monitoring")
    return {field.name: field for field in item.fields}


def test_the_command_reads_what_was_recorded(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = str(audit_ledger_of(path))
    assert run_command(["audit", str(path), "--only", "X8", "--since", ledger]) == 0
    told = capsys.readouterr().out
    assert "X8 refusals" in told
    assert "X8 rewards: missing: the model of the judge 'reward'" in told
    with RunDirectory.open(path, write=False) as opened:
        assert not SINCE_RELEASE.has(opened)


# -- statistics --------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5), min_size=2, max_size=30), st.data())
@settings(max_examples=50, deadline=None)
def test_the_mean_placement_of_either_set_is_the_area(scores: list[int], data: st.DataObject) -> None:
    second = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    if second.all() or not second.any():
        return
    score_N = np.array(scores, dtype=np.float64)
    placed_N = placements(score_N, second)
    area = roc_auc_score(second, score_N)
    assert placed_N[second].mean() == pytest.approx(area)
    assert placed_N[~second].mean() == pytest.approx(area)
    u = mannwhitneyu(score_N[second], score_N[~second]).statistic
    assert area == pytest.approx(u / second.sum() / (~second).sum())


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_equal_texts_stand_in_one_half(rows: list[tuple[int, bool]]) -> None:
    texts, second_N = [text for text, _ in rows], np.array([second for _, second in rows])
    half_N = halves_of(texts, second_N)
    assert all(len({bool(half_N[i]) for i, one in enumerate(texts) if one == text}) == 1 for text in texts)


def test_a_classifier_tells_two_sets_and_not_one() -> None:
    random = np.random.default_rng(0)
    areas = []
    for shift in [0.0] * 30 + [1.5]:
        vector_ND = random.normal(size=(160, 4))
        second_N = np.arange(160) >= 80
        vector_ND[second_N, 0] += shift
        areas.append(classifier_area(csr_array(vector_ND), second_N, texts=range(160), units=range(160)))
    covered = [(one.low or 0) <= 0.5 <= (one.high or 1) for one in areas[:-1]]
    assert np.mean(covered) >= 0.8
    assert (areas[-1].low or 0) > 0.7
    with pytest.raises(ValueError, match="two texts in either half"):
        classifier_area(csr_array(np.eye(4)), np.array([0, 0, 0, 1], dtype=bool), texts=range(4), units=range(4))


def test_a_difference_of_two_estimates_is_written_out() -> None:
    one, other = Estimate(3.0, 2.0, 5.0, 40, 10), Estimate(1.0, 0.0, 1.5, 60)
    d = difference_of(one, other, scale=2.0)
    assert (d.value, d.n, d.clusters) == (1.0, 100, 10)
    assert d.low == pytest.approx(1 - np.hypot(1.0, 0.5) / 2)
    assert d.high == pytest.approx(1 + np.hypot(2.0, 1.0) / 2)
    assert difference_of(one, Estimate(1.0, None, None, 5)).low is None


def test_a_change_is_found_where_it_is_and_held_with_all_others() -> None:
    value_N = np.r_[np.tile([0.0, 2.0], 30), np.tile([4.0, 6.0], 20)]
    assert changes_at(value_N) == 60
    series = Series(value_N, [f"u{place % 25}" for place in range(100)], np.arange(100.0))
    change = change_between_halves(series, level=0.95)
    assert change.value > 1
    still = Estimate(0.0, -0.1, 0.1, 100)
    ruling, worst = rule_on_all({"a": still, "b": change}, 0.5)
    assert (ruling.verdict, worst) == (Verdict.FIRES, "b")
    alone, _ = rule_on_all({"b": change}, 0.5)
    assert ruling.p_value == pytest.approx(2 * (alone.p_value or 0))
    assert rule_on_all({"a": still}, 0.5)[0].verdict is Verdict.QUIET
    open_one, name = rule_on_all({"a": still, "c": Estimate(0.2, -0.9, 0.9, 9)}, 0.5)
    assert (open_one.verdict, name) == (Verdict.INCONCLUSIVE, "c")
    assert open_one.needs
