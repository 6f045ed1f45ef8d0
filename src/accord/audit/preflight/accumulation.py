"""P-ACC: whether a step depends on how its batch was split into micro-batches."""

from accord.audit.challenges import P_ACC
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import COMPLETIONS, EXAMPLES, POLICY_MODEL, PROMPTS, SFT_MODEL, Evidence
from accord.audit.preflight.thresholds import PreflightThresholds
from accord.audit.verdicts import none_of
from accord.stats import Estimate

__all__ = ["gradient"]


@check(
    P_ACC,
    "gradient",
    claim="A step does not depend on how it was split.",
    thresholds=PreflightThresholds,
    needs=(artefact(SFT_MODEL, POLICY_MODEL), artefact(EXAMPLES), artefact(PROMPTS), artefact(COMPLETIONS)),
)
def gradient(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """Relative difference of the gradient of a batch and the one accumulated over its micro-batches.

    It is a test of the optimiser that is installed, on the run's model and examples: a run does not record its
    gradients, so of another version that made the run it says nothing.
    """
    from accord.audit.remeasure.accumulation import gradient_gap

    model = evidence.first_of(SFT_MODEL, POLICY_MODEL)
    gap, tokens = gradient_gap(evidence, examples=min(4, thresholds.max_samples), model=model)
    return Outcome(
        ruling=none_of(gap > thresholds.accumulation),
        estimate=Estimate(gap, None, None, tokens, method="no interval: one deterministic comparison"),
        threshold=f"a relative change above {thresholds.accumulation:g}",
        result=f"The gradient of a batch and of its micro-batches differ by {gap:.1e} of its length. (Worked out by "
        "the optimiser that is installed now; the run does not record its gradients.)",
        remedy="Divide each micro-batch's loss by the whole step's token count, not by its own.",
        evidence=(EXAMPLES, model),
    )
