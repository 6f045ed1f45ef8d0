"""What the audit says: of remarks beside items, and of rewards and policies, by the answers of people or of the model.

A text's style is its length, in tokens, so that RG1 length can see it. Checks are asked at their own thresholds, by
themselves, of evidence that is held in memory.

    OV3 assistance  30 people answer 20 control questions each, beside half of them by lot the model's remark
    RG1 length      500 held-out pairs, judged by 40 people, or by the model that taught the reward
    RG2 gain        a text of the start and one of the policy to each of 100 prompts, rated by people, or by the model
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import EvaluationSample, ScoreRow
from accord.artefacts.finding import Finding, Verdict
from accord.audit.checks import Check
from accord.audit.evidence import SAMPLES, Evidence, LedgerRecords
from accord.audit.oversight.difficulty.against_experts import assistance
from accord.audit.reward.generalisation import length
from accord.audit.reward.overoptimisation import gain
from accord.audit.settings import AuditSettings
from accord.lab.many_people.auditing import MEAN_LENGTH, SPREAD, HeldOutAnswers
from accord.lab.who_may_judge.judges import Judge
from accord.lab.who_may_judge.points import CheckPoint
from accord.lab.who_may_judge.world import STYLE, Items
from accord.lab.worlds import GaussWorld, Normal
from accord.records import Assistance, Comparison, Evaluator, Feedback, Pair, Prompt
from accord.run import RunDirectory

__all__ = ["ANSWERERS", "ControlAnswers", "RatedSamples", "audited_remarks", "audited_reward"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ANSWERERS = ("people", "model")
PEOPLE, QUESTIONS = 30, 20
HELD_OUT, JUDGING = 500, 40
PROMPTS = 100
ERROR = 0.5  # of a rating, in deviations of what the start's texts are worth to whoever rates
MODEL = Evaluator(kind="model", pseudonym="judge")


class ControlAnswers(Evidence):
    """A run of which the audit sees what people answered, held in memory."""

    def __init__(self, run: RunDirectory, records: LedgerRecords) -> None:
        super().__init__(run)
        self._records = records

    @property
    def ledger_absent(self) -> str:
        return ""

    @property
    def all_records(self) -> LedgerRecords:
        return self._records


class RatedSamples(Evidence):
    """A run of which the audit sees samples that were scored and rated, held in memory."""

    def __init__(self, run: RunDirectory, rows: list[EvaluationSample]) -> None:
        super().__init__(run)
        self._rows = rows

    def holds(self, *paths: str) -> bool:
        return SAMPLES in paths or super().holds(*paths)

    @property
    def evaluation_samples(self) -> list[EvaluationSample]:
        return self._rows


def audited_remarks(judges: Mapping[str, Judge], seed: int) -> CheckPoint:
    """OV3 assistance on control questions, half of them beside the model's remark."""
    random = np.random.default_rng([seed, 195])
    items = Items.draw(PEOPLE * QUESTIONS, random)
    shown_P = random.random(len(items)) < 0.5
    helped_P, alone_P = (judges[name].prefers_left(items, random) for name in ("assisted", "people"))
    left_P = np.where(shown_P, helped_P, alone_P)
    better_P = items.margins(judges["people"].view) > 0
    people = _people(PEOPLE)
    prompts = [Prompt.ask(f"Question {number}: which is better?") for number in range(len(items))]
    answers = [
        Feedback(
            evaluator=people[number // QUESTIONS].id,
            prompt=prompt.id,
            completions=(f"left {number}", f"right {number}"),
            judgement=_compared(left),
            gold=_compared(better),
            assistance=Assistance(kind="critique", by=MODEL.id, shown=shown),
        )
        for number, (prompt, left, better, shown) in enumerate(
            zip(prompts, left_P.tolist(), better_P.tolist(), shown_P.tolist(), strict=True)
        )
    ]
    records = LedgerRecords(
        {answer.id: answer for answer in answers},
        {each.id: each for each in (*people, MODEL)},
        {prompt.id: prompt for prompt in prompts},
        {},
    )
    with TemporaryDirectory() as folder:
        return _said(assistance, ControlAnswers(_run(folder), records), "assisted", "people")


def audited_reward(
    design: str, reward: GaussWorld, policy: Normal, judges: Mapping[str, Judge], seed: int
) -> Iterator[CheckPoint]:
    """RG1 length of a reward and RG2 gain of its policy, by people's answers and by those of the model."""
    for answerer in ANSWERERS:
        random = np.random.default_rng([seed, 196, ANSWERERS.index(answerer)])
        with TemporaryDirectory() as folder:
            run = _run(folder)
            yield _said(length, _held_out(run, reward, judges[answerer], answerer, random), design, answerer)
            samples = RatedSamples(run, _rated(reward, policy, judges[answerer].view, random))
            yield _said(gain, samples, design, answerer)


def _run(folder: str) -> RunDirectory:
    return RunDirectory.create(Path(folder) / "run")


def _said(check: Check, evidence: Evidence, design: str, answerer: str) -> CheckPoint:
    finding: Finding = check.run(evidence, AuditSettings())
    return CheckPoint(
        check=check.id,
        design=design,
        answerer=answerer,
        fires=finding.verdict is Verdict.FIRES,
        estimate=None if finding.estimate is None else finding.estimate.value,
    )


def _people(count: int) -> list[Evaluator]:
    return [Evaluator(kind="simulated", pseudonym=f"e{number}") for number in range(count)]


def _compared(left: bool) -> Comparison:
    return Comparison(preferred="left" if left else "right")


def _held_out(
    run: RunDirectory, reward: GaussWorld, judge: Judge, answerer: str, random: np.random.Generator
) -> HeldOutAnswers:
    """New pairs with their scores and lengths, and whom they were judged by."""
    items = Items.draw(HELD_OUT, random)
    left_P = judge.prefers_left(items, random)
    evaluators = _people(JUDGING) if answerer == "people" else [MODEL]
    pairs, rows = [], []
    scores = {"left": reward.reward(items.left_PD), "right": reward.reward(items.right_PD)}
    styles = {"left": items.left_PD[:, STYLE], "right": items.right_PD[:, STYLE]}
    for number, left in enumerate(left_P.tolist()):
        prompt = Prompt.ask(f"Held out {number}").id
        for side in ("left", "right"):
            rows.append(
                ScoreRow(
                    completion=f"{side} {number}",
                    prompt=prompt,
                    score=float(scores[side][number]),
                    length=max(1, round(MEAN_LENGTH + SPREAD * float(styles[side][number]))),
                )
            )
        names = (f"left {number}", f"right {number}") if left else (f"right {number}", f"left {number}")
        who = evaluators[number % len(evaluators)]
        pairs.append(Pair(prompt=prompt, chosen=names[0], rejected=names[1], evaluator=who.id))
    return HeldOutAnswers(run, pairs, rows, {each.id: each for each in evaluators})


def _rated(reward: GaussWorld, policy: Normal, view: GaussWorld, random: np.random.Generator) -> list[EvaluationSample]:
    """A text of each arm to each prompt, scored by the reward and rated, both in deviations over the start's texts."""
    start_AD = reward.start.sample(10_000, random)
    unit, worth = float(reward.reward(start_AD).std()), float(view.reward(start_AD).std())
    rows = []
    for arm, writer in (("start", reward.start), ("policy", policy)):
        text_PD = writer.sample(PROMPTS, random)
        rating_P = view.reward(text_PD) / worth + ERROR * random.standard_normal(PROMPTS)
        for number, (score, rating) in enumerate(
            zip((reward.reward(text_PD) / unit).tolist(), rating_P.tolist(), strict=True)
        ):
            rows.append(
                EvaluationSample(arm=arm, index=0, prompt=f"p{number}", text="", reward=score, eval_reward=rating)
            )
    return rows
