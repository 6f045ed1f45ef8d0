"""RG1, RG2 and RE1: planted faults fire, clean controls do not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_checks import evaluation_sample, finding_of, verdict_of

from accord.artefacts import (
    CARD,
    COMPLETIONS,
    EVALUATION_SAMPLES,
    EVALUATORS,
    JUDGED_ROLLOUTS,
    PROMPTS,
    SCORES,
    JudgedRollout,
    PromptRow,
    RewardCard,
    ScoreRow,
    Verdict,
    pairs_of,
)
from accord.audit.evidence import Evidence
from accord.audit.reward.thresholds import RewardThresholds
from accord.audit.verdicts import at_most
from accord.feedback import Ledger, unknown_evaluator
from accord.interfaces import Scores
from accord.records import Comparison, Completion, Evaluator, Feedback, Pair, Prompt
from accord.reward import calibration as reward_calibration
from accord.run import InputEntry, RunDirectory
from accord.stats import Estimate

PROMPT = Prompt.ask("Say something")


def new(path: Path) -> RunDirectory:
    run = RunDirectory.create(path)
    PROMPTS.write(run, [PromptRow(PROMPT, "held_out")])
    return run


def with_scores(path: Path, *, length_weight: float, seed: int) -> RunDirectory:
    """Texts of some quality and some length; the model reads quality, and length with a weight people do not give."""
    run, draw = new(path), np.random.default_rng(seed)
    count = 120
    quality, length = draw.normal(size=count), draw.integers(3, 30, count)
    texts = ["good " * int(n) + f"end{i}" for i, n in enumerate(length)]
    completions = [Completion(prompt=PROMPT.id, text=text) for text in texts]
    scores = quality + length_weight * (length - length.mean()) / length.std()
    rows = [
        ScoreRow(completion=each.id, prompt=PROMPT.id, score=float(score), length=int(n))
        for each, score, n in zip(completions, scores, length, strict=True)
    ]
    SCORES.write(run, rows, stage="reward")
    COMPLETIONS.write(run, completions)
    pairs = []
    for number in range(900):
        i, j = draw.choice(count, 2, replace=False)
        better, worse = (i, j) if quality[i] > quality[j] else (j, i)
        pairs.append(
            Pair(
                prompt=PROMPT.id,
                chosen=completions[better].id,
                rejected=completions[worse].id,
                session=f"s{number % 30}",
                feedback_ids=(f"f-{number}",),
            )
        )
    pairs_of("held_out").write(run, pairs)
    return run


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_loves_length_fires(seed: int, tmp_path: Path) -> None:
    finding = finding_of("RG1 length", with_scores(tmp_path / "run", length_weight=1.5, seed=seed))
    assert finding.verdict is Verdict.FIRES
    assert finding.ids["feedback"].count > 100
    assert len(finding.ids["feedback"].ids) == 50


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_ignores_length_does_not(seed: int, tmp_path: Path) -> None:
    run = with_scores(tmp_path / "run", length_weight=0.0, seed=seed)
    assert verdict_of("RG1 length", run) is Verdict.QUIET


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_likes_length_less_than_people_do_is_no_fault(seed: int, tmp_path: Path) -> None:
    """People choose by quality, which goes with length; the model takes length away again."""
    run = with_scores(tmp_path / "run", length_weight=-1.5, seed=seed)
    finding = finding_of("RG1 length", run)
    assert finding.verdict is Verdict.QUIET
    assert finding.estimate is not None
    assert finding.estimate.value < -0.1


def test_a_tied_score_prefers_neither(tmp_path: Path) -> None:
    run = with_scores(tmp_path / "run", length_weight=0.0, seed=0)
    SCORES.write(run, [row.model_copy(update={"score": 1.0}) for row in SCORES.read(run, "reward")], stage="reward")
    assert "longer text in 50.0% of the pairs" in finding_of("RG1 length", run).result


def turned_round(run: RunDirectory, *, by: float) -> RunDirectory:
    rows = [row.model_copy(update={"score": by * row.score}) for row in SCORES.read(run, "reward")]
    SCORES.write(run, rows, stage="reward")
    return run


def test_edits_beside_a_reward_that_is_the_wrong_way_round_say_nothing(tmp_path: Path) -> None:
    run = turned_round(with_scores(tmp_path / "run", length_weight=0.0, seed=0), by=-1.0)
    finding = finding_of("RG1 edits", run, reward=WordJudge(easily_led=True))
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "the right way round" in finding.needs


def test_edits_beside_a_preference_that_is_noise_are_open(tmp_path: Path) -> None:
    run, draw = with_scores(tmp_path / "run", length_weight=0.0, seed=0), np.random.default_rng(1)
    rows = [row.model_copy(update={"score": float(draw.normal())}) for row in SCORES.read(run, "reward")]
    SCORES.write(run, rows, stage="reward")
    finding = finding_of("RG1 edits", run, reward=WordJudge(easily_led=True))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "how far a human preference moves the score at all" in finding.needs


class WordJudge:
    """Counts a word; `easily_led` also rewards a full stop, which means nothing."""

    name = "reward"

    def __init__(self, *, easily_led: bool) -> None:
        self.easily_led = easily_led

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        values = [each.text.count("good") / 8 + self.easily_led * each.text.count(".") for each in completions]
        return Scores(np.array(values, dtype=float))


def test_a_model_that_an_edit_can_lead_fires(tmp_path: Path) -> None:
    run = with_scores(tmp_path / "run", length_weight=0.0, seed=0)
    assert verdict_of("RG1 edits", run, reward=WordJudge(easily_led=True)) is Verdict.FIRES
    assert verdict_of("RG1 edits", run, reward=WordJudge(easily_led=False)) is Verdict.QUIET


class FillerJudge:
    """Moved a little by a filler clause, always; moved much by a list mark, this way or that."""

    name = "reward"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        texts = [each.text for each in completions]
        filler = [1.0 * text.startswith("I must") for text in texts]
        listed = [("1. " in text[:3]) * (17.0 if int(text.rstrip(".")[-1]) % 2 else -13.0) for text in texts]
        return Scores(np.add(filler, listed))


def test_the_edit_that_is_told_is_the_one_that_fired(tmp_path: Path) -> None:
    run = with_scores(tmp_path / "run", length_weight=0.0, seed=0)
    finding = finding_of("RG1 edits", run, reward=FillerJudge())
    assert finding.verdict is Verdict.FIRES
    assert finding.estimate is not None
    assert finding.estimate == finding.facts["a filler clause"]
    assert abs(finding.facts["a list mark"].value) > abs(finding.estimate.value)
    assert finding.estimate.clusters is not None
    assert "a filler clause" in finding.result


def test_without_the_model_edits_cannot_be_assessed(tmp_path: Path) -> None:
    finding = finding_of("RG1 edits", with_scores(tmp_path / "run", length_weight=0.0, seed=0))
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "judge 'reward'" in finding.needs


def with_rollouts(path: Path, judge: Any, *, seed: int, steps: int = 16) -> RunDirectory:
    """Rollouts whose KL grows to 36 nats and whose reward rises; `judge` gives the independent score at sqrt(KL)."""
    run, draw = new(path), np.random.default_rng(seed)
    rows = []
    for step in range(1, steps + 1):
        d = 6 * (step - 1) / (steps - 1)
        for index in range(48):
            rows.append(
                JudgedRollout(
                    step=step,
                    index=index,
                    prompt=f"p{index % 12}",
                    kl=float(d * d + draw.normal(0, 0.5)),
                    reward=float(0.6 * d + draw.normal(0, 0.7)),
                    eval_reward=float(judge(d) + draw.normal(0, 0.7)),
                )
            )
    JUDGED_ROLLOUTS.write(run, rows)
    return run


def turning(d: float) -> float:
    """Gao's curve with its peak at d = e - 1/e of the way: rises, then falls."""
    return d * (1.0 - 0.9 * np.log(d)) if d > 0 else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_a_reward_that_turned_over_fires(seed: int, tmp_path: Path) -> None:
    run = with_rollouts(tmp_path / "run", turning, seed=seed)
    assert verdict_of("RG2 turnover", run) is Verdict.FIRES
    assert verdict_of("RG2 divergence", run) is Verdict.FIRES


@pytest.mark.parametrize("seed", range(5))
def test_a_reward_that_still_rises_does_not(seed: int, tmp_path: Path) -> None:
    run = with_rollouts(tmp_path / "run", lambda d: 0.5 * d, seed=seed)
    assert verdict_of("RG2 turnover", run) is Verdict.QUIET
    assert verdict_of("RG2 divergence", run) is Verdict.QUIET


@pytest.mark.parametrize("judge", [lambda d: 1.5 * (1 - np.exp(-d)), lambda d: 0.8 * min(d, 1.5), lambda d: 0.0])
def test_a_judge_that_rises_and_stays_has_not_turned(judge: Any, tmp_path: Path) -> None:
    """Of 12 runs of each at most one may fire: the fitted curve alone, which cannot stay flat, fired on most."""
    runs = [with_rollouts(tmp_path / f"run-{seed}", judge, seed=seed) for seed in range(6)]
    runs += [with_rollouts(tmp_path / f"short-{seed}", judge, seed=seed, steps=7) for seed in range(6)]
    verdicts = [verdict_of("RG2 turnover", run) for run in runs]
    assert verdicts.count(Verdict.FIRES) <= 1
    assert verdicts.count(Verdict.QUIET) >= 3


@pytest.mark.parametrize("seed", range(3))
def test_a_short_run_that_diverges_fires(seed: int, tmp_path: Path) -> None:
    run = with_rollouts(tmp_path / "run", lambda d: 0.6 * min(d, 3) - 0.4 * max(0.0, d - 3), seed=seed, steps=9)
    assert verdict_of("RG2 divergence", run) is Verdict.FIRES


def test_a_quiet_fundamental_challenge_is_not_called_solved(tmp_path: Path) -> None:
    run = with_rollouts(tmp_path / "run", lambda d: 0.5 * d, seed=0)
    finding = finding_of("RG2 turnover", run)
    assert finding.words == "not detected by this test"


def test_too_few_steps_cannot_be_assessed(tmp_path: Path) -> None:
    finding = finding_of("RG2 turnover", with_rollouts(tmp_path / "run", turning, seed=0, steps=3))
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "at least 4 steps" in finding.needs


def with_few_prompts(path: Path, judge: Any, *, seed: int) -> RunDirectory:
    """As `with_rollouts`, but each step answers 4 of 60 prompts, of which some are easier than others."""
    run, draw = new(path), np.random.default_rng(seed)
    ease = draw.normal(size=60)
    rows = []
    for step in range(1, 17):
        d = 6 * (step - 1) / 15
        chosen = draw.choice(60, 4, replace=False)
        for index in range(48):
            prompt = chosen[index % 4]
            noise = ease[prompt] + draw.normal(0, 0.7, 2)
            kl = float(d * d + draw.normal(0, 0.5))
            reward, opinion = float(0.6 * d + noise[0]), float(judge(d) + noise[1])
            rows.append(
                JudgedRollout(step=step, index=index, prompt=f"p{prompt}", kl=kl, reward=reward, eval_reward=opinion)
            )
    JUDGED_ROLLOUTS.write(run, rows)
    return run


@pytest.mark.parametrize("seed", range(3))
def test_steps_that_share_no_prompts_still_have_an_interval(seed: int, tmp_path: Path) -> None:
    finding = finding_of("RG2 turnover", with_few_prompts(tmp_path / "run", turning, seed=seed))
    assert finding.verdict is Verdict.FIRES
    assert finding.estimate is not None
    assert finding.estimate.low is not None
    assert finding.estimate.high is not None
    assert finding.estimate.low < finding.estimate.value < finding.estimate.high < 0
    slope = finding.facts["slope at the end (SDs a unit of sqrt(KL))"]
    assert slope.low is not None
    assert slope.high is not None
    assert slope.low < 1.0 - 0.9 * (np.log(6) + 1) < slope.high  # the curve's own slope at d = 6


def test_an_open_divergence_names_the_number_that_is_open(tmp_path: Path) -> None:
    finding = finding_of("RG2 divergence", with_few_prompts(tmp_path / "run", turning, seed=0))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "whether the reward still rises" in finding.needs


@pytest.mark.parametrize(("share", "wanted"), [(0.1, Verdict.FIRES), (0.9, Verdict.QUIET)])
def test_a_gain_that_nobody_else_sees_fires(share: float, wanted: Verdict, tmp_path: Path) -> None:
    run, draw = new(tmp_path / "run"), np.random.default_rng(0)
    rows = [
        evaluation_sample(
            arm,
            f"p{i % 12}",
            reward=float(2.0 * (arm == "policy") + draw.normal()),
            eval_reward=float(2.0 * share * (arm == "policy") + draw.normal()),
        )
        for arm in ("start", "policy")
        for i in range(480)
    ]
    EVALUATION_SAMPLES.write(run, rows)
    assert verdict_of("RG2 gain", run) is wanted


def test_a_gain_is_measured_where_both_answered(tmp_path: Path) -> None:
    run = new(tmp_path / "run")
    rows = [
        evaluation_sample(arm, f"p{prompt}", reward=gain * 2.0, eval_reward=gain * (1.0 if prompt else 100.0))
        for arm, gain in (("start", 0), ("policy", 1))
        for prompt in range(5)
        if (arm, prompt) != ("start", 0)
    ]
    EVALUATION_SAMPLES.write(run, rows)
    finding = finding_of("RG2 gain", run)
    assert finding.estimate is not None
    assert (finding.estimate.value, finding.estimate.n) == (0.5, 4)


def test_without_a_reward_model_there_is_no_gain_to_confirm(tmp_path: Path) -> None:
    run = new(tmp_path / "run")
    EVALUATION_SAMPLES.write(run, [evaluation_sample(arm, "p1") for arm in ("start", "policy")])
    assert "the policy learnt without one" in finding_of("RG2 gain", run).needs


def with_card(path: Path, **numbers: tuple[float, float, float]) -> RunDirectory:
    """A run with a card of these numbers (value, low, high); the others do not matter."""
    usual = {"accuracy": (0.7, 0.68, 0.72), "majority": (0.5, 0.48, 0.52), "length_only": (0.56, 0.54, 0.58)}
    estimates = {name: Estimate(value, low, high, 1000, 40) for name, (value, low, high) in (usual | numbers).items()}
    run = new(path)
    CARD.write(run, RewardCard(**estimates), stage="reward")
    return run


@pytest.mark.parametrize(
    ("accuracy", "wanted"),
    [
        ((0.70, 0.68, 0.72), Verdict.QUIET),
        ((0.53, 0.51, 0.55), Verdict.FIRES),
        ((0.56, 0.53, 0.59), Verdict.INCONCLUSIVE),
    ],
)
def test_a_model_no_better_than_guessing_fires(
    accuracy: tuple[float, float, float], wanted: Verdict, tmp_path: Path
) -> None:
    finding = finding_of("RE1 accuracy", with_card(tmp_path / "run", accuracy=accuracy))
    assert finding.verdict is wanted
    assert bool(finding.needs) == (wanted is Verdict.INCONCLUSIVE)
    assert set(finding.facts) == {"majority", "length_only"}


def test_what_people_reach_is_told_where_it_is_known(tmp_path: Path) -> None:
    run = with_card(tmp_path / "run", agreement=(0.79, 0.77, 0.81), consensus=(0.82, 0.8, 0.84), ece=(0.01, 0.0, 0.02))
    finding = finding_of("RE1 accuracy", run)
    assert finding.facts["another evaluator"].value == 0.79
    assert finding.facts["all other evaluators together"].value == 0.82
    assert "all other evaluators together are in 82.0%" in finding.result
    assert finding.facts["expected calibration error"].value == 0.01


@pytest.mark.parametrize(("ece", "wanted"), [((0.2, 0.15, 0.25), Verdict.FIRES), ((0.01, 0.0, 0.02), Verdict.QUIET)])
def test_wrong_probabilities_fire(ece: tuple[float, float, float], wanted: Verdict, tmp_path: Path) -> None:
    assert verdict_of("RE1 calibration", with_card(tmp_path / "run", ece=ece)) is wanted


def test_a_score_without_a_scale_of_log_odds_has_no_probabilities(tmp_path: Path) -> None:
    finding = finding_of("RE1 calibration", with_card(tmp_path / "run"))
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "log-odds" in finding.needs


@pytest.mark.parametrize("check", ["RG1 length", "PM2 one reward"])
def test_a_judge_that_counts_no_tokens_gives_no_lengths(check: str, tmp_path: Path) -> None:
    run = with_scores(tmp_path / "run", length_weight=0.0, seed=0)
    EVALUATORS.write(run, [])
    SCORES.write(run, [row.model_copy(update={"length": None}) for row in SCORES.read(run, "reward")], stage="reward")
    assert "lengths of completions" in finding_of(check, run).needs


@pytest.mark.parametrize(("evaluator", "wanted"), [("anna", Verdict.FIRES), ("ben", Verdict.QUIET)])
def test_a_judge_that_shares_an_evaluator_fires(evaluator: str, wanted: Verdict, tmp_path: Path) -> None:
    run = new(tmp_path / "run")
    with run.write_folder("eval_reward/model") as folder:
        (folder / "weights").write_text("x")
    for split, who in (("train", "anna"), ("eval_reward", evaluator)):
        pair = Pair(prompt=f"p-{split}", chosen=f"a-{split}", rejected=f"b-{split}", evaluator=who)
        pairs_of(split).write(run, [pair])
    finding = finding_of("RE1 leakage", run)
    assert finding.verdict is wanted
    assert {kind: some.ids for kind, some in finding.ids.items()} == (
        {"evaluators": ("anna",)} if wanted is Verdict.FIRES else {}
    )


def judged_apart(path: Path) -> RunDirectory:
    run = new(path)
    with run.write_folder("eval_reward/model") as folder:
        (folder / "weights").write_text("x")
    return run


def test_nobody_in_particular_cannot_leak(tmp_path: Path) -> None:
    """An unknown evaluator stands for any number of people: on both sides it is no shared person, and it is said."""
    run, nobody = judged_apart(tmp_path / "run"), unknown_evaluator("a file")
    EVALUATORS.write(run, [nobody])
    for split in ("train", "eval_reward"):
        pair = Pair(prompt=f"p-{split}", chosen=f"a-{split}", rejected=f"b-{split}", evaluator=nobody.id)
        pairs_of(split).write(run, [pair])
    finding = finding_of("RE1 leakage", run)
    assert finding.verdict is Verdict.QUIET
    assert "0 evaluators" in finding.result
    assert "people may be shared unseen" in finding.result


def test_the_same_text_under_another_id_leaks(tmp_path: Path) -> None:
    run = judged_apart(tmp_path / "run")
    prompts = [Prompt.ask("What is  an owl?", source="one"), Prompt.ask("What is an owl?", source="other")]
    texts = [Completion(prompt=prompt.id, text=text) for prompt in prompts for text in ("A bird.", "A film.")]
    PROMPTS.write(
        run, [PromptRow(prompt, split) for prompt, split in zip(prompts, ("train", "eval_reward"), strict=True)]
    )
    COMPLETIONS.write(run, texts)
    for place, split in enumerate(("train", "eval_reward")):
        chosen, rejected = texts[2 * place : 2 * place + 2]
        pairs_of(split).write(run, [Pair(prompt=prompts[place].id, chosen=chosen.id, rejected=rejected.id)])
    finding = finding_of("RE1 leakage", run)
    assert finding.verdict is Verdict.FIRES
    assert "1 prompts" in finding.result
    assert "2 completions" in finding.result


def test_a_calibrated_model_is_not_said_to_be_off(tmp_path: Path) -> None:
    """100 pairs whose outcomes have the probabilities that the scores say: of 20 draws one may fire, 86 % once did."""
    random = np.random.default_rng(0)
    fired = 0
    for _ in range(20):
        margin_P = random.normal(size=100)
        happened_P = random.random(100) < 1 / (1 + np.exp(-margin_P))
        values: dict[str, float] = {}
        pairs = []
        for place, (margin, happened) in enumerate(zip(margin_P.tolist(), happened_P.tolist(), strict=True)):
            first, second = f"a-{place}", f"b-{place}"
            values |= {first: margin, second: 0.0}
            chosen, rejected = (first, second) if happened else (second, first)
            pairs.append(Pair(prompt=f"p-{place}", chosen=chosen, rejected=rejected))
        estimate = reward_calibration(values, pairs, scale=1.0)
        fired += at_most(estimate, RewardThresholds().ece).verdict is Verdict.FIRES
    assert fired <= 1


def test_answers_that_were_taken_back_are_no_evidence(tmp_path: Path) -> None:
    """Three answers left, one of them taken back and given again for the right: the check sees what stands."""
    run = new(tmp_path / "run")
    asked = Prompt.ask("Which?")
    texts = [Completion(prompt=asked.id, text=text) for text in "ab"]
    who = Evaluator(kind="person", pseudonym="anna")

    def said(side: str, **more: Any) -> Feedback:
        return Feedback(
            evaluator=who.id,
            prompt=asked.id,
            completions=tuple(text.id for text in texts),
            judgement=Comparison(preferred=side),  # type: ignore[arg-type]
            **more,
        )

    first = said("left", seconds=1.0)
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.add(asked, *texts, who, first, said("right", seconds=2.0, replaces=first.id))
        run.record_input(
            "ledger", InputEntry(ledger.digest(), rows=ledger.rows(), last_row=ledger.last_row, path="../l.db")
        )
    (left,) = Evidence(run).ledger_feedback.values()
    assert left.judgement == Comparison(preferred="right")
