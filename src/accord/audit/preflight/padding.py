"""P-PAD: whether a score depends on padding, or on what else is scored in the same call."""

from accord.artefacts import MODEL
from accord.audit.challenges import P_PAD
from accord.audit.checks import Outcome, artefact, check, judge
from accord.audit.evidence import PROMPTS, SAMPLES, Evidence
from accord.audit.preflight.spread import spread
from accord.audit.preflight.thresholds import PreflightThresholds
from accord.audit.verdicts import near_zero, unless
from accord.errors import MissingEvidence
from accord.records import Completion
from accord.stats import Estimate, mean

__all__ = ["padding"]

JUDGES = ("reward", "eval_reward")


@check(
    P_PAD,
    "padding",
    claim="A score does not depend on padding or batch size.",
    thresholds=PreflightThresholds,
    needs=(judge(*JUDGES), artefact(SAMPLES), artefact(PROMPTS)),
)
def padding(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """How far scores of samples move with the company in which they are scored, in standard deviations."""
    from accord.audit.remeasure.padding import score_changes

    judges = {name: evidence.judges[name] for name in JUDGES if name in evidence.judges}
    rows = spread([row for row in evidence.evaluation_samples if row.token_ids != ()], thresholds.max_samples)
    if len(rows) < 2:
        raise MissingEvidence(f"two samples in {SAMPLES}")
    prompts = [evidence.prompts[row.prompt] for row in rows]
    completions = [Completion(prompt=row.prompt, text=row.text) for row in rows]
    changes, facts = {}, {}
    for name, scorer in judges.items():
        change_N, deviation = score_changes(scorer, prompts, completions)
        if deviation == 0:
            raise MissingEvidence(f"samples in {SAMPLES} that the judge '{name}' tells apart")
        changes[name] = change_N / deviation
        largest = float(changes[name].max())
        facts[f"largest change, {name} (SDs)"] = Estimate(largest, None, None, len(rows), method="maximum")
    worst = max(changes, key=lambda name: float(changes[name].mean()))
    change = mean(changes[worst])
    largest = max(fact.value for fact in facts.values())
    ruling = near_zero(change, thresholds.padding)
    return Outcome(
        ruling=unless(ruling, violated=largest > thresholds.padding_max),
        estimate=change,
        threshold=f"a mean change above {thresholds.padding:g} standard deviations of the score, or any above "
        f"{thresholds.padding_max:g}",
        result=f"A score of '{worst}' moves by {change.value:.4f} SDs on average when its completion is scored in "
        f"other company, and by {largest:.4f} at most.",
        remedy="Read the score at the completion's own last token, found by length, and mask padding by length.",
        evidence=(SAMPLES, *(model for name in judges if evidence.holds(model := MODEL.path(name)))),
        facts=facts,
    )
