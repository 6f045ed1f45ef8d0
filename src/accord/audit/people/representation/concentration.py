"""How few people gave most of the answers, and what weighing them to the population would cost.

Both are numbers of the answers that are there, not of a sample: no interval is due, and no chance is in them.
"""

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import MH1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.people.representation.composition import PEOPLE
from accord.audit.people.representation.people import answers_by_person, composition_of
from accord.audit.people.representation.thresholds import RepresentationThresholds
from accord.audit.verdicts import Ruling, none_of
from accord.feedback.statistics.raking import effective_size
from accord.run import MANIFEST
from accord.stats import Estimate

__all__ = ["concentration", "weights"]

EXACT = "a number of these answers, not of a sample"


@check(
    MH1,
    "weights",
    claim="Weights can bring the answers to the population.",
    thresholds=RepresentationThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
    collect=PEOPLE,
    explained=("MH1 composition",),
)
def weights(evidence: Evidence, thresholds: RepresentationThresholds) -> Outcome:
    """Effective answers after raking over all answers: (sum w)^2 / (n sum w^2). A group without anybody fires."""
    answers = answers_by_person(evidence, thresholds)
    measured = composition_of(evidence, answers)
    left = measured.effective / measured.answers
    missing = [f"{group} ({attribute})" for attribute, groups in measured.missing.items() for group in groups]
    told = f" Nobody is of {', '.join(missing)}: no weight stands for them." if missing else ""
    unmet = bool(missing) or not measured.converged
    if not missing and not measured.converged:
        told = " No weights meet the shares of all attributes at once."
    return Outcome(
        ruling=none_of(int(unmet or left < thresholds.effective)),
        estimate=_exact(left, measured.answers, len(answers)),
        threshold=f"less than {thresholds.effective:g} of the answers left, or a group without anybody",
        result=f"Raked to the population, {measured.answers:,} answers are worth {measured.effective:,.0f} of equal "
        f"weight ({left:.0%}); intervals are {(1 / left) ** 0.5:.2f} times as wide.{told}",
        remedy="Recruit people of the groups that are short: weights cannot stand for those who are not there.",
        evidence=(MANIFEST, evidence.stage(EVALUATORS)),
        facts={
            "design effect": _exact(measured.design_effect, measured.answers, len(answers)),
            "largest weight of an answer": _exact(measured.largest, measured.answers, len(answers)),
        },
        source="raking (Deming & Stephan 1940), effective size (Kish 1965)",
    )


@check(
    MH1,
    "concentration",
    claim="Many people's judgement went into the answers, not that of a few.",
    thresholds=RepresentationThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
    collect=Collection("Evaluator.pseudonym", "who gave each answer", "every answer by a known person"),
)
def concentration(evidence: Evidence, thresholds: RepresentationThresholds) -> Outcome:
    """The share of the answers that the most active people gave."""
    answers = answers_by_person(evidence, thresholds)
    active = sorted(answers, key=lambda name: (-answers[name], name))[: thresholds.most_active]
    total = sum(answers.values())
    share = sum(answers[name] for name in active) / total
    effective = effective_size(list(answers.values()))
    few = share > thresholds.concentration
    return Outcome(
        ruling=Ruling(Verdict.FIRES if few else Verdict.QUIET),
        estimate=_exact(share, total, len(answers)),
        threshold=f"the {thresholds.most_active} most active gave more than {thresholds.concentration:.0%}",
        result=f"The {len(active)} most active of {len(answers)} people gave {share:.0%} of the answers, as many as if "
        f"{effective:.0f} people had given the same number each.",
        remedy="Limit the answers of a person (`quotas` of the study) and recruit more people.",
        evidence=(MANIFEST, evidence.stage(EVALUATORS)),
        ids={"evaluators": active if few else ()},
        facts={"effective number of people": _exact(effective, total, len(answers))},
        source="effective number of people (sum n)^2 / sum n^2",
    )


def _exact(value: float, n: int, people: int) -> Estimate:
    return Estimate(value, value, value, n, people, method=EXACT)
