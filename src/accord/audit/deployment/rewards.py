"""X8: whether the run's own reward makes of the policy's answers now what it made of them at the release."""

import numpy as np

from accord.audit.challenges import X8
from accord.audit.checks import RECORDINGS, Outcome, artefact, check, judge
from accord.audit.deployment.recorded import RECORDED_ANSWERS, Recorded, recorded_of, scores_of
from accord.audit.deployment.thresholds import DeploymentThresholds
from accord.audit.evidence import SAMPLES, Evidence
from accord.audit.verdicts import near_zero
from accord.errors import MissingEvidence
from accord.records import Completion
from accord.stats import Estimate, difference_of, mean, rate

__all__ = ["rewards"]


@check(
    X8,
    "rewards",
    claim="The policy's answers are worth to its reward what they were worth at the release.",
    thresholds=DeploymentThresholds,
    needs=(RECORDINGS, artefact(SAMPLES), judge("reward")),
    collect=RECORDED_ANSWERS,
    explained=("X8 prompts", "X8 refusals", "X8 period"),
)
def rewards(evidence: Evidence, thresholds: DeploymentThresholds) -> Outcome:
    """The mean score of recorded answers less that of the evaluation's samples, in the latter's standard deviations.

    What was published of the release is the mean over the evaluation's prompts, so these are given: its error is that
    of its samples alone, and that other prompts are asked now is a part of the drift.
    """
    recorded = recorded_of(evidence, thresholds.least)
    score_N, texts = scores_of(evidence, recorded, thresholds.most)
    release_N = _release_scores(evidence, recorded)
    spread = float(release_N.std(ddof=1)) if len(release_N) > 1 else 0.0
    if spread <= 0:
        raise MissingEvidence(f"scores of the policy's samples in {SAMPLES} that differ")
    now, then = mean(score_N, [one.unit for one in texts]), mean(release_N)
    change = difference_of(now, then, scale=spread)
    worst = np.argsort(score_N, kind="stable")
    facts = {"reward, recorded": now, "reward, release": then, **recorded.facts, **_settings(evidence, recorded)}
    return Outcome(
        ruling=near_zero(change, thresholds.reward),
        estimate=change,
        threshold=f"more than {thresholds.reward:g} standard deviations apart",
        result=f"The reward gives {len(score_N):,} recorded answers {now.value:.2f} on average and the evaluation's "
        f"{len(release_N):,} samples {then.value:.2f}: {abs(change.value):.2f} of their standard deviations "
        f"{'less' if change.value < 0 else 'more'}{recorded.without}.",
        remedy="Look at the prompts with the lowest scores, and at the settings with which clients sample; where "
        "people agree with the reward, ask them about what is asked now (`--plan FOLDER`) and train again, or go back "
        "to an earlier release.",
        evidence=(SAMPLES, "the recorded answers"),
        ids={"prompts": [texts[place].prompt.id for place in worst[: len(worst) // 10]]},
        facts=facts,
        source="Welch's difference from both intervals (Zou & Donner 2008); people who ask are clusters",
    )


def _release_scores(evidence: Evidence, recorded: Recorded) -> np.ndarray:
    """Of the policy's samples, [N]: those of the evaluation, or anew where texts are to be redacted as recorded ones.

    Raises `MissingEvidence` where there are none.
    """
    rows = evidence.samples_of("policy")
    if recorded.redactions or any(row.reward is None for row in rows):
        asked = [recorded.redacted(evidence.prompts[row.prompt]) for row in rows]
        texts = [
            Completion(prompt=prompt.id, text=recorded.redacted_text(row.text))
            for prompt, row in zip(asked, rows, strict=True)
        ]
        return evidence.judge("reward").score(asked, texts).value_N
    return np.array([row.reward for row in rows], dtype=np.float64)


def _settings(evidence: Evidence, recorded: Recorded) -> dict[str, Estimate]:
    """How the recorded answers were sampled beside the evaluation's samples: told, and not judged."""
    temperatures = {row.temperature for row in evidence.samples_of("policy")}
    same = [answer.sampling.whole and answer.sampling.temperature in temperatures for answer in recorded.answers]
    cut = [sum(end == "length" for end in answer.ends) / len(answer.ends) for answer in recorded.answers]
    return {
        "sampled as at the release": rate(same, recorded.units),
        "cut off by a limit": rate(cut, recorded.units),
    }
