"""PM2: whether one reward serves the people who answered."""

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import PM2
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, PAIRS, SCORES, Evidence
from accord.audit.misspecification.answers import answers_of, recorded_groups
from accord.audit.misspecification.groups import gains_of
from accord.audit.misspecification.rao_score import SIGNIFICANCE, score_test
from accord.audit.misspecification.thresholds import MisspecificationThresholds
from accord.audit.verdicts import gains_of_groups

__all__ = ["one_reward"]


@check(
    PM2,
    "one reward",
    claim="One reward serves the people who answered.",
    thresholds=MisspecificationThresholds,
    needs=(artefact(SCORES), artefact(EVALUATORS), artefact(PAIRS)),
    explained=("OV1 control",),
    collect=Collection(
        "Feedback.evaluator",
        "comparisons by people known one by one, of texts that others compare too",
        "100 decided held-out pairs of each of 40 people, over 20 prompts or more",
        "overlap",
    ),
)
def one_reward(evidence: Evidence, thresholds: MisspecificationThresholds) -> Outcome:
    """Gain in held-out accuracy of the group that gains most from a reward of its own, behind a score test.

    Groups are those that evaluators gave as attributes, and kinds found by a mixture. Halves are of texts, by whole
    groups of texts that were compared with one another where there are four or more, so that no text stands in both.
    """
    answers = answers_of(evidence, thresholds)
    groups = gains_of(answers, recorded_groups(evidence, answers.names), thresholds.prior)
    p_value, statistic = score_test(answers.where(answers.first_N))
    worst = groups.worst
    gain = groups.gain[worst]
    inferred = any(evidence.evaluators[name].inferred for name in answers.names)
    ruling = gains_of_groups(
        [groups.gain[name] for name in groups.judged],
        gain,
        p_value.value,
        significance=SIGNIFICANCE,
        limit=thresholds.gain,
        ruled_out=thresholds.ruled_out,
    )
    note = " Who answered was inferred from the shape of the data, not recorded." if inferred else ""
    return Outcome(
        ruling=ruling,
        estimate=gain,
        threshold=f"a score test below {SIGNIFICANCE:g} and a group that gains more than {thresholds.gain:g} in "
        f"accuracy (quiet where none can gain {thresholds.ruled_out:g})",
        result=f"Of {len(answers.names)} evaluators, {worst} would gain most from a reward of their own: it changes "
        f"the share of their answers predicted by {100 * gain.value:+.1f} points against everybody's reward. By a "
        f"score test, answers so uneven have a probability of {p_value.value:.3f} if one reward serves all.{note}",
        remedy="Fit a reward for each group, report the worst-off one, or weigh groups by an explicit choice.",
        evidence=(SCORES, PAIRS, EVALUATORS),
        ids={} if ruling.verdict is Verdict.QUIET else {"evaluators": groups.members[worst]},
        facts={**groups.gain, "score test, p": p_value, "score test, T a degree of freedom": statistic},
        source="score test of equal Bradley-Terry weights (Rao 1948) against answers dealt out anew; mixture of "
        "rewards as in Chakraborty et al. 2024 (arXiv 2402.08925)",
    )
