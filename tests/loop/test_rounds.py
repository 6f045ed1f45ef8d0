"""Rounds: each a run that names the last by digest; what was learnt from is never held out; labels are counted."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from accord.artefacts import (
    ASKED_PAIRS,
    ASKED_TEXTS,
    ASKING,
    MODEL,
    ROUNDS,
    PeakRow,
    RoundRow,
    RoundsSummary,
    RunReader,
    ShiftRow,
    result_of,
)
from accord.cli.main import run as accord
from accord.collect import Desk, Study, Task
from accord.errors import AccordError, ArtefactError, RecipeError, TrainingStopped, WaitingForPeople
from accord.feedback import Ledger
from accord.lm.loading import load as load_model
from accord.loop.drive import drive, start_run
from accord.loop.earlier_round import digest_of_round
from accord.loop.policy import going_back
from accord.loop.policy_shift import is_still
from accord.loop.round_recipe import round_recipe
from accord.loop.rounds import _summary
from accord.loop.stage import Context
from accord.loop.stages import settings_digest, stages_of
from accord.recipe import load
from accord.recipe.rounds import Round
from accord.records import Feedback
from accord.run import RunDirectory, digest_of_folder
from accord.stats import Estimate
from accord.stats.sequential import GRID, changed_slope, e_value
from accord.train import Optim
from rounds_run import QUIET, judged, make_rounds, write_recipe


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and its run of three rounds."""
    home = tmp_path_factory.mktemp("rounds")
    make_rounds(write_recipe(home), home / "run")
    return home


def round_of(home: Path, number: int) -> RunDirectory:
    return RunDirectory.open(home / f"run/rounds/{number:02d}", write=False)


def labels_in(home: Path, study: str = "shorter") -> list[Feedback]:
    with Ledger(home / "feedback.db", write=False) as ledger:
        return [record for record in ledger.feedback() if record.study == study and record.repeat_of is None]


def test_each_round_names_the_last_by_its_digest(made: Path) -> None:
    assert round_of(made, 1).manifest.parents == []
    for number in (2, 3):
        assert round_of(made, number).manifest.parents == [digest_of_round(round_of(made, number - 1))]
    seeds = {round_of(made, number).seed for number in (1, 2, 3)}
    assert len(seeds) == 3


def test_the_labels_of_the_ledger_are_the_budget_to_the_label(made: Path) -> None:
    with RunDirectory.open(made / "run", write=False) as run:
        summary = ROUNDS.read(run)
    assert [row.labels for row in summary.rounds] == [0, 12, 8]
    assert summary.spent == summary.budget == len(labels_in(made)) == 20
    assert [record.round for record in labels_in(made)] == [2] * 12 + [3] * 8
    assert summary.ended == "all rounds are made"


def test_a_prompt_keeps_its_split_through_all_rounds(made: Path) -> None:
    first, *later = (RunReader(round_of(made, number)).split_of for number in (1, 2, 3))
    for split_of in later:
        assert split_of == first
    judged_prompts = {record.prompt for record in labels_in(made)}
    assert {first[name] for name in judged_prompts} == {"train", "eval_reward", "held_out"}


def test_models_go_on_and_the_first_start_stays_the_reference(made: Path) -> None:
    recipe = RunReader(round_of(made, 2)).recipe
    one = made / "run/rounds/01"
    assert recipe["policy"]["base"] == str(one / "policy/model")
    assert recipe["policy"]["reference_model"] == str(one / "sft/model")
    assert recipe["reward"]["go_on_from"] == str(one / "reward/model")
    assert "sft" not in recipe
    reader = RunReader(round_of(made, 3))
    row = reader.samples()[0]
    assert row.token_ids is not None
    assert row.reference_logprobs is not None
    reference = load_model(one / "sft/model")
    prompt, answer = reference.encode_prompt(reader.prompts[row.prompt]), list(row.token_ids)
    with torch.no_grad():
        logits_TV = reference.model(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
    worked_out = logits_TV.log_softmax(-1)[range(len(answer)), answer].tolist()
    assert row.reference_logprobs == pytest.approx(worked_out, abs=1e-4)
    assert RunReader(round_of(made, 2)).metrics("policy")[0].kl is not None


def test_made_again_nothing_is_done_and_nobody_asked(made: Path) -> None:
    before = (made / "run/rounds.json").read_bytes()
    files = {path: path.stat().st_mtime_ns for path in (made / "run").rglob("*.safetensors")}
    make_rounds(write_recipe(made), made / "run")
    assert (made / "run/rounds.json").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in (made / "run").rglob("*.safetensors")} == files
    assert len(labels_in(made)) == 20


def test_verbs_that_read_a_run_read_the_round_that_is_its_result(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert result_of(made / "run") == made / "run/rounds/03"
    assert result_of(made / "run/rounds/02") == made / "run/rounds/02"
    assert accord(["verify", str(made / "run")]) == 0
    assert accord(["report", str(made / "run")]) == 0
    told = capsys.readouterr().out
    assert "rounds/03/report.html" in told
    assert str(made / "run/report.html") in told
    assert accord(["verify", str(made / "run")]) == 0


def test_verify_finds_what_was_altered_in_a_round(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "run", tmp_path / "run")
    (tmp_path / "run/rounds/02/data/prompts.jsonl").write_text("{}\n")
    assert accord(["verify", str(tmp_path / "run")]) == 2
    told = capsys.readouterr()
    assert "rounds/02/data/prompts.jsonl: differs from its digest" in told.out
    assert "rounds/02 --again data" in told.err


def test_a_round_made_from_another_one_is_refused(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "home")
    manifest = tmp_path / "home/run/rounds/02/manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "parents": ["another"]}))
    with pytest.raises(ArtefactError, match="made from another round 1 than there is now; move it"):
        make_rounds(write_recipe(tmp_path / "home"), tmp_path / "home/run")


# -- what a round asks, each from the first round of the same run ----------------------------------------------------


def second(made: Path, home: Path, **settings: str) -> RunDirectory:
    """The second round of a run like `made` in another folder, with other settings, as far as it asks."""
    overlap = int(settings.pop("overlap", "1"))
    if not home.exists():
        shutil.copytree(made / "run/rounds/01", home / "run/rounds/01")
    recipe = write_recipe(home, overlap=overlap, **settings)
    own = round_recipe(recipe, home / "run", 2)
    with start_run(own, home / "run/rounds/02", resume=True, parents=("first",)) as run:
        drive(own, run, QUIET, only=("ask",))
    return round_of(home, 2)


def test_where_whoever_runs_it_stands_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_recipe(tmp_path / "home")
    whole = round_recipe(recipe, tmp_path / "home/run", 2)
    for folder, path in (("home", "run"), (".", "home/run")):
        monkeypatch.chdir(tmp_path / folder)
        own = round_recipe(recipe, Path(path), 2)
        assert own == whole
        assert all(settings_digest(own, stage) == settings_digest(whole, stage) for stage in stages_of(own))


def test_never_asks_nobody(made: Path, tmp_path: Path) -> None:
    asked = ASKING.read(second(made, tmp_path / "home", ask="never", evaluators="[]"))
    assert (asked.learns_anew, asked.labels) == (False, 0)
    assert not (tmp_path / "home/feedback.db").exists()


def test_a_spent_budget_asks_nobody(made: Path, tmp_path: Path) -> None:
    asked = ASKING.read(second(made, tmp_path / "home", budget="0"))
    assert (asked.learns_anew, asked.labels, asked.reason) == (False, 0, "the budget is spent")


def test_the_rule_takes_a_probe_and_no_more_while_the_reward_is_right(made: Path, tmp_path: Path) -> None:
    run = second(made, tmp_path / "home", ask="rule", probe="6", level="1e-9")
    asked = ASKING.read(run)
    assert (asked.learns_anew, asked.labels) == (False, 6)
    assert asked.evidence is not None
    assert asked.evidence.answers == 6
    assert [len(each) for each in asked.evidence.answered or ()] == [6]
    assert len(asked.evidence.held_out or ()) == len(GRID)
    signed_N = asked.evidence.answered[0] if asked.evidence.answered else ()
    both = [
        e_value([np.array(each) for each in asked.evidence.batches]),
        changed_slope(np.array(asked.evidence.held_out), [signed_N]),
    ]
    assert asked.evidence.e_value == pytest.approx(float(np.mean(both)), abs=1e-5)
    assert all(pair.probability is not None for pair in ASKED_PAIRS.read(run))
    assert len(labels_in(tmp_path / "home")) == 6


def test_the_rule_asks_for_the_rest_where_the_evidence_suffices(made: Path, tmp_path: Path) -> None:
    asked = ASKING.read(second(made, tmp_path / "home", ask="rule", probe="6", level="0.999999"))
    assert asked.evidence is not None
    assert asked.learns_anew == (asked.evidence.e_value >= 1 / 0.999999)
    assert asked.labels == (12 if asked.learns_anew else 6) == len(labels_in(tmp_path / "home"))


def third(made: Path, home: Path, **settings: str) -> RunDirectory:
    """The third round of a run whose second took answers, as far as it asks."""
    if not home.exists():
        for number in ("01", "02"):
            shutil.copytree(made / f"run/rounds/{number}", home / f"run/rounds/{number}")
    own = round_recipe(write_recipe(home, ask="rule", probe="4", level="1e-9", **settings), home / "run", 3)
    with start_run(own, home / "run/rounds/03", resume=True, parents=("second",)) as run:
        drive(own, run, QUIET, only=("ask",))
    return round_of(home, 3)


def test_a_policy_that_has_hardly_moved_is_not_probed_and_the_numbers_say_so(made: Path, tmp_path: Path) -> None:
    still = ASKING.read(third(made, tmp_path / "still", least_kl="1e6"))
    assert (still.learns_anew, still.labels) == (False, 0)
    assert still.shift is not None
    assert still.shift.since == 2
    assert still.shift.kl.high is not None
    assert still.shift.kl.value > 0
    assert "no probe: since round 2 the policy has moved by a KL of" in still.reason
    assert labels_in(tmp_path / "still") == []
    moved = ASKING.read(third(made, tmp_path / "moved", least_kl="1e-6"))
    assert (moved.labels, moved.shift) == (4, still.shift), "the same texts by the same policy"
    always = ASKING.read(third(made, tmp_path / "always"))
    assert (always.labels, always.shift) == (4, None)


def test_the_kl_since_the_last_probe_is_that_of_the_two_policies(made: Path, tmp_path: Path) -> None:
    """Held against log-probabilities worked out token by token."""
    run = third(made, tmp_path / "home", least_kl="1e6")
    found = ASKING.read(run).shift
    assert found is not None
    texts = list(ASKED_TEXTS.read(run))
    now, then = (load_model(made / f"run/rounds/0{number}/policy/model") for number in (2, 1))
    prompts = RunReader(round_of(made, 2)).prompts
    logprob_2N: list[list[float]] = []
    for causal in (now, then):
        logprobs = []
        for text in texts:
            head, ids = causal.encode_prompt(prompts[text.prompt]), list(text.token_ids or ())
            with torch.no_grad():
                logits_TV = causal.model(torch.tensor([[*head, *ids]])).logits[0, len(head) - 1 : -1]
            logprobs.append(float(logits_TV.log_softmax(-1)[range(len(ids)), ids].sum()))
        logprob_2N.append(logprobs)
    ratio_N = np.subtract(*logprob_2N)
    assert found.kl.value == pytest.approx(float(np.mean(np.exp(-ratio_N) - 1 + ratio_N)), abs=1e-3)


def test_when_a_round_need_not_probe() -> None:
    round_ = Round(number=4, parent="", start="", ask="never", budget=9, least_kl=0.1)
    little, doubt = Estimate(0.02, 0.0, 0.05, 9), Estimate(0.0, -0.1, 0.1, 9)
    assert is_still(ShiftRow(since=3, kl=little, doubt=None), round_)
    assert is_still(ShiftRow(since=3, kl=little, doubt=doubt), round_)
    assert not is_still(ShiftRow(since=3, kl=little, doubt=Estimate(0.2, 0.1, 0.3, 9)), round_), "less sure"
    assert not is_still(ShiftRow(since=3, kl=Estimate(0.09, 0.0, 0.2, 9), doubt=doubt), round_), "may have moved"
    assert not is_still(ShiftRow(since=3, kl=Estimate(0.02, None, None, 1), doubt=doubt), round_), "nobody can say"
    late = round_.model_copy(update={"number": 6})
    assert is_still(ShiftRow(since=3, kl=little), late)
    assert not is_still(ShiftRow(since=2, kl=little), late), "three rounds without a probe are enough"


@pytest.mark.parametrize(("go_back", "start"), [("true", "sft/model"), ("false", "policy/model")])
def test_where_the_rule_fires_the_policy_goes_back_and_its_start_is_on_record(
    made: Path, tmp_path: Path, go_back: str, start: str
) -> None:
    home = tmp_path / "home"
    settings = {"ask": '"rule"', "probe": "4", "level": "1e-9", "go_back": go_back}
    asked = ASKING.read(second(made, home, **settings))
    own = round_recipe(write_recipe(home, **settings), home / "run", 2)
    first = home / "run/rounds/01"
    with RunDirectory.open(home / "run/rounds/02") as run:
        ASKING.write(run, asked.model_copy(update={"learns_anew": True}), stage="ask")
        settled = going_back(Context(own, run, QUIET, "policy"), own.policy)
        noted = run.manifest.inputs.get("policy.start")
    assert settled is not None
    assert settled.base == str(first / start)
    assert (noted is not None) == (go_back == "true")
    assert noted is None or noted.digest == digest_of_folder(first / start)


def test_a_share_of_the_texts_is_the_first_starts(made: Path, tmp_path: Path) -> None:
    pairs = list(ASKED_PAIRS.read(second(made, tmp_path / "home", reference_share="0.5")))
    by = [who for pair in pairs for who in pair.writers]
    assert 4 <= by.count("start") <= 20
    assert by.count("start") + by.count("policy") == 24


def test_several_evaluators_are_asked_in_proportion(made: Path, tmp_path: Path) -> None:
    crowd = '[{by="program:crowd.py:shorter", labels=8}, {by="program:crowd.py:longer", labels=4}]'
    run = second(made, tmp_path / "home", evaluators=crowd)
    places = [pair.evaluator for pair in ASKED_PAIRS.read(run)]
    assert (places.count(0), places.count(1)) == (8, 4)
    assert set(places[:4]) == {0, 1}  # in turns, so that a probe has both
    with Ledger(tmp_path / "home/feedback.db", write=False) as ledger:
        names = {name: each.pseudonym for name, each in ledger.evaluators().items()}
    said = [names[record.evaluator] for record in labels_in(tmp_path / "home")]
    assert sorted(said) == ["program:crowd.py:longer"] * 4 + ["program:crowd.py:shorter"] * 8


def answered_by_people(home: Path, people: int = 1) -> int:
    """Whoever is invited prefers the shorter of two until there is nothing left; how many answers that were."""
    done = 0
    with Ledger(home / "feedback.db") as ledger:
        desk = Desk(Study.load(home / "study.toml"), ledger)
        desk.load_items()
        for _ in range(people):
            person = desk.accept(desk.invite().token, consent=True)
            while isinstance(task := desk.next(person), Task):
                left, right = (text.text for text in task.completions)
                desk.submit(person, task.reservation, {"preferred": "left" if len(left) < len(right) else "right"})
                done += 1
    return done


def test_people_are_waited_for_and_asked_once(made: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = {"evaluators": '[{by="people", labels=8}]', "overlap": "2"}
    for _ in range(2):
        with pytest.raises(WaitingForPeople, match="4 pairs wait for people"):
            second(made, home, **settings)
        assert len((home / "items.jsonl").read_text().splitlines()) == 4
    assert answered_by_people(home) == 4
    with pytest.raises(WaitingForPeople, match="4 pairs wait for people"):
        second(made, home, **settings)
    assert answered_by_people(home) == 4
    asked = ASKING.read(second(made, home, **settings))
    assert (asked.learns_anew, asked.labels, asked.spent) == (True, 8, 8)
    assert len(labels_in(home)) == 8


def test_machines_are_asked_before_people_are_waited_for(made: Path, tmp_path: Path) -> None:
    crowd = '[{by="people", labels=2}, {by="program:crowd.py:shorter", labels=4}]'
    with pytest.raises(WaitingForPeople, match="2 pairs wait"):
        second(made, tmp_path / "home", evaluators=crowd)
    assert len(labels_in(tmp_path / "home")) == 4
    assert answered_by_people(tmp_path / "home") == 2
    assert ASKING.read(second(made, tmp_path / "home", evaluators=crowd)).labels == 6


def test_patience_ends(made: Path, tmp_path: Path) -> None:
    settings = {"evaluators": '[{by="people", labels=2}]', "patience_hours": "1e-9"}
    with pytest.raises(WaitingForPeople):
        second(made, tmp_path / "home", **settings)
    with pytest.raises(TrainingStopped, match=r"longer than loop\.patience_hours"):
        second(made, tmp_path / "home", **settings)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"evaluators": "[]"}, "evaluators: missing"),
        ({"evaluators": '[{by="somebody", labels=2}]'}, "write 'people', 'model:URL'"),
        ({"ask": "rule", "probe": "40"}, "probe = 40 is more than the 12 answers"),
        ({"rounds": "0"}, "greater than or equal to 1"),
        ({"reference_share": "1.5"}, "less than or equal to 1"),
        ({"asks": "1"}, "did you mean 'ask'"),
        ({"stop_at_peak": "true", "reference": "last"}, "set reference = 'start'"),
    ],
)
def test_what_no_loop_can_be_is_refused(tmp_path: Path, settings: dict[str, str], problem: str) -> None:
    with pytest.raises(AccordError, match=problem):
        write_recipe(tmp_path, **settings)


def test_a_rule_about_people_who_are_the_reward_is_refused(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    text = (tmp_path / "recipe.toml").read_text()
    people = '[reward]\nkind = "person"\nstudy = "x"\nledger = "x.db"\nitems = "x.jsonl"\nbudget = 9\n\n[policy]'
    text = text[: text.index("[reward]")] + people + text.partition("[policy]")[2]
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(RecipeError, match="what a reward foretells, and people are asked"):
        load(tmp_path / "recipe.toml", {"loop.ask": "rule", "loop.probe": "4"})


def test_splits_by_sessions_are_refused(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    assert accord(["check", str(tmp_path / "recipe.toml"), "--data.split_by", "session"]) == 2


def test_a_study_of_something_else_is_refused(made: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(made / "run/rounds/01", home / "run/rounds/01")
    recipe = write_recipe(home)
    (home / "study.toml").write_text(
        'name = "x"\ntitle = "x"\n[[questions]]\nkind = "demonstration"\ntext = "Write."\n'
    )
    own = round_recipe(recipe, home / "run", 2)
    with (
        start_run(own, home / "run/rounds/02", resume=True, parents=("first",)) as run,
        pytest.raises(RecipeError, match="one question about two texts"),
    ):
        drive(own, run, QUIET, only=("ask",))


def test_an_asking_without_any_two_texts_that_differ_says_so(made: Path, tmp_path: Path) -> None:
    """A policy that always writes the same leaves nothing to ask about, and the reward as it is."""
    for ask in ("every", "rule"):
        settings = {"ask": ask, "probe": "4", "sampling": "{ max_tokens = 4, temperature = 0.0 }"}
        run = second(made, tmp_path / ask, **settings)
        asked = ASKING.read(run)
        assert (asked.learns_anew, asked.labels) == (False, 0)
        assert "both texts of each pair were the same; the reward is kept" in asked.reason
        assert not (tmp_path / ask / "feedback.db").exists()


def test_an_asking_of_which_every_answer_is_declined_teaches_nothing(made: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    crowd = '[{by="program:crowd.py:silent", labels=4}]'
    asked = ASKING.read(second(made, home, evaluators=crowd))
    assert (asked.learns_anew, asked.labels) == (False, 4)
    assert "all were declined, so the reward is kept" in asked.reason
    assert {record.judgement.kind for record in labels_in(home)} == {"declined"}


def test_moments_go_on_with_the_models_that_they_are_of(tmp_path: Path) -> None:
    for stage in ("policy", "reward"):
        (tmp_path / f"run/rounds/01/{stage}/moments").mkdir(parents=True)
    recipe = write_recipe(tmp_path, optimiser="continue")
    first, later = (round_recipe(recipe, tmp_path / "run", number) for number in (1, 2))
    assert (optim_of(first.policy).keep_moments, optim_of(first.policy).moments_from) == (True, None)
    for stage, settings in (("policy", later.policy), ("reward", later.reward)):
        assert optim_of(settings).moments_from == str(tmp_path / f"run/rounds/01/{stage}/moments")
    anew = write_recipe(tmp_path, optimiser="continue", policy="restart")
    later = round_recipe(anew, tmp_path / "run", 2)
    assert optim_of(later.policy).moments_from is None
    assert optim_of(later.reward).moments_from is not None
    assert not optim_of(round_recipe(write_recipe(tmp_path), tmp_path / "run", 2).policy).keep_moments


def optim_of(settings: object) -> Optim:
    optim = settings.optim  # type: ignore[attr-defined]
    assert isinstance(optim, Optim)
    return optim


def test_moments_of_what_begins_anew_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nothing goes on whose moments could"):
        write_recipe(tmp_path, optimiser="continue", policy="restart", reward="anew")
    with pytest.raises(RecipeError, match="adapters begin anew in each round"):
        load(tmp_path / "recipe.toml", {"loop.optimiser": "continue", "policy.lora.rank": "2"})


# -- when rounds end --------------------------------------------------------------------------------------------------


def estimate(value: float, width: float = 0.1) -> Estimate:
    return Estimate(value, value - width, value + width, 10)


def passed(at: float, change: float, nearest: int = 2) -> PeakRow:
    return PeakRow(at=estimate(at), reached=2.0, nearest=nearest, change=estimate(change))


def test_rounds_end_at_a_peak_that_is_surely_passed(tmp_path: Path) -> None:
    made_rows = rows(0.5, 0.5, 0.1)
    recipe = write_recipe(tmp_path, rounds="9")
    assert recipe.loop is not None
    recipe = recipe.model_copy(update={"loop": recipe.loop.model_copy(update={"stop_at_peak": True})})
    for peak, is_passed in (
        (passed(1.2, -0.4), True),
        (passed(1.95, -0.4), False),  # the interval reaches beyond the policy
        (passed(1.2, -0.05), False),  # not surely worse than at the peak
    ):
        summary = _summary(recipe, [*made_rows[:-1], made_rows[-1].model_copy(update={"peak": peak})])
        assert (summary.result, summary.ended is not None) == ((2, True) if is_passed else (4, False))
    summary = _summary(recipe, [*made_rows[:-1], made_rows[-1].model_copy(update={"peak": passed(1.2, -0.4)})])
    assert "beyond the peak" in str(summary.ended)
    assert "1.200 [1.100, 1.300]" in str(summary.ended)
    still = write_recipe(tmp_path, rounds="9")
    assert _summary(still, [made_rows[-1].model_copy(update={"peak": passed(1.2, -0.4)})]).ended is None


def rows(*gains: float, kl: float = 1.0) -> list[RoundRow]:
    return [
        RoundRow(number=n, digest=str(n), labels=0, spent=0, kl=estimate(kl), gain=None if n == 1 else estimate(gain))
        for n, gain in enumerate((0.0, *gains), 1)
    ]


@pytest.mark.parametrize(
    ("made_rows", "settings", "result", "ended"),
    [
        (rows(), {}, 1, None),
        (rows(0.5), {}, 2, None),
        (rows(-0.05), {}, 2, None),  # not surely worse
        (rows(-0.5), {}, 1, "worse than the last one"),
        (rows(-0.5), {"stop_when_worse": "false"}, 2, None),
        (rows(0.5, kl=9.0), {"max_kl": "8"}, 2, "above loop.max_kl = 8"),
        (rows(0.5, 0.5), {}, 3, "all rounds are made"),
    ],
)
def test_rounds_end_with_a_reason(
    tmp_path: Path, made_rows: Sequence[RoundRow], settings: dict[str, str], result: int, ended: str | None
) -> None:
    summary: RoundsSummary = _summary(write_recipe(tmp_path, **settings), made_rows)
    assert summary.result == result
    assert (ended is None and summary.ended is None) or (ended is not None and ended in str(summary.ended))


@pytest.mark.slow
def test_a_rule_that_is_silent_keeps_the_reward_and_an_independent_judge_compares(tmp_path: Path) -> None:
    recipe = judged(write_recipe(tmp_path, ask="rule", probe="4", level="1e-9", rounds="2"))
    make_rounds(recipe, tmp_path / "run")
    one, two = (tmp_path / f"run/rounds/0{number}" for number in (1, 2))
    for stage in ("reward", "eval_reward", "data"):
        files = [path for path in (one / stage).rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert (two / path.relative_to(one)).samefile(path)
    assert accord(["verify", str(tmp_path / "run")]) == 0
    with RunDirectory.open(tmp_path / "run", write=False) as run:
        summary = ROUNDS.read(run)
    assert summary.rounds[1].learnt_anew is False
    assert summary.rounds[1].gain is not None
    with RunDirectory.open(two, write=False) as run:
        assert MODEL.has(run, "reward")
        own = RunReader(run).evaluation
    assert own.policy.eval_reward is not None
    assert np.isfinite(summary.rounds[1].gain.value)
    assert json.loads((two / "manifest.json").read_text())["stages"]["reward"]["seconds"] == 0.0
