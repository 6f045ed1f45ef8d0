"""Who or what turned answers round: words of prompts, and people."""

from collections.abc import Mapping, Sequence

import numpy as np

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import MH3
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.evidence import Evidence
from accord.audit.people.poisoning_study import (
    StudyOfPoisoning,
    named,
    smallest_p,
    studies_of,
)
from accord.audit.people.poisoning_thresholds import PoisoningThresholds
from accord.audit.verdicts import Ruling
from accord.feedback.quality.poisoning import Suspect
from accord.feedback.statistics.preferences import collect_preferences
from accord.feedback.statistics.workers.votes import votes_of_preferences
from accord.feedback.trust.from_votes import standing_from_votes
from accord.run import MANIFEST
from accord.stats import Estimate, mean

__all__ = [
    "PROMPTS",
    "SOURCE",
    "facts_of",
    "named_of",
    "ruling_of",
    "share_of_prompts",
    "sure",
    "threshold_of",
    "told_apart_of",
    "trigger_words",
    "unforeseen_people",
]

SOURCE = "cross-fitted residual lift (Rando & Tramer 2023), saddle point tails, Benjamini & Hochberg 1995"
PROMPTS = Collection(
    "Feedback.prompt",
    "comparisons by several people, on prompts of many subjects",
    "150 prompts in one study, three people each; the prompts that a rare word stands in at least 5",
    "overlap",
)


@check(
    MH3,
    "words",
    claim="No word of a prompt goes with answers turned round.",
    thresholds=PoisoningThresholds,
    needs=(LEDGER,),
    collect=PROMPTS,
)
def trigger_words(evidence: Evidence, thresholds: PoisoningThresholds) -> Outcome:
    """Share of prompts that hold a word (or two in a row) whose answers a model of the other prompts surely gets wrong.

    Quiet only where a word that turned all answers round on `prompts` prompts would have been named, in four of five.
    """
    studies = studies_of(evidence)
    suspects = [sure(study.poisoning.words, study.poisoning.words_tested, thresholds, studies) for study in studies]
    found = [suspect for of_study in suspects for suspect in of_study]
    share = share_of_prompts(studies, suspects)
    return Outcome(
        ruling=ruling_of(studies, "words", thresholds),
        estimate=share,
        threshold=threshold_of("word", thresholds),
        result=f"{named_of(found)}, in {share.value:.1%} of the prompts{told_apart_of(studies)}",
        remedy="Set aside the answers on prompts that hold these words (or those of the people who gave them), ask at "
        "least three other people, and look at what the words have in common before anybody is blamed: a word may "
        "mark a subject on which people differ from their taste elsewhere.",
        evidence=(MANIFEST,),
        ids={"words": [one.name for one in found], "prompts": [name for one in found for name in one.prompts]},
        facts=facts_of(studies, found),
        source=SOURCE,
    )


@check(
    MH3,
    "people",
    claim="Nobody's answers go against what all the others foresee.",
    thresholds=PoisoningThresholds,
    needs=(LEDGER,),
    collect=PROMPTS,
    explained=("OV1 careless", "OV1 control", "PM2 one reward"),
)
def unforeseen_people(evidence: Evidence, thresholds: PoisoningThresholds) -> Outcome:
    """Share of answers by people whose answers a model of everybody's surely gets wrong.

    Whoever answers at random (OV1) or holds another view (PM2) does so as well: which it is, is said.
    """
    studies = studies_of(evidence)
    suspects = [sure(study.poisoning.people, study.poisoning.people_tested, thresholds, studies) for study in studies]
    found = [suspect for of_study in suspects for suspect in of_study]
    ids = {one.name for one in found}
    flagged_N = np.concatenate(
        [np.isin(study.compared.evaluators, list(ids))[study.compared.evaluator_N] for study in studies]
    )
    share = mean(flagged_N, _people_of(studies))
    standings = _standings(evidence, ids)
    return Outcome(
        ruling=ruling_of(studies, "people", thresholds),
        estimate=share,
        threshold=threshold_of("person", thresholds),
        result=f"People whose answers are surely not foreseen: {len(ids)}. They hold {share.value:.1%} of the answers. "
        + ", ".join(f"{len(names)} of them by the votes of others: {word}" for word, names in standings.items())
        + ("." if standings else ""),
        remedy="Quarantine their answers until somebody has looked at them: careless people belong to OV1, those of "
        "another view to PM2; only what is left may mean harm. Limit what one account may add.",
        evidence=(MANIFEST,),
        ids={"evaluators": list(ids), **{f"evaluators: {word}": names for word, names in standings.items()}},
        facts={one.name: one.residual for one in found[:10]},
        source=SOURCE,
    )


def sure(
    suspects: Sequence[Suspect], tested: int, thresholds: PoisoningThresholds, studies: Sequence[StudyOfPoisoning]
) -> list[Suspect]:
    """Those that pass at `level`, divided by the number of studies."""
    return named(suspects, tested, thresholds.level / len(studies))


def ruling_of(studies: Sequence[StudyOfPoisoning], family: str, thresholds: PoisoningThresholds) -> Ruling:
    """Fires where anybody or anything is named; inconclusive where a word on so many prompts might not have been."""
    p_value = min(
        smallest_p(getattr(study.poisoning, family), getattr(study.poisoning, f"{family}_tested"), len(studies))
        for study in studies
    )
    if p_value <= thresholds.level:
        return Ruling(Verdict.FIRES, p_value=p_value)
    blind = [study for study in studies if (study.poisoning.found_from or np.inf) > thresholds.prompts]
    if blind:
        needs = (
            f"more answers a prompt: in {len(blind)} of {len(studies)} studies a word that turned all answers round on "
            f"{thresholds.prompts} prompts might not have been found"
        )
        return Ruling(Verdict.INCONCLUSIVE, needs, p_value)
    return Ruling(Verdict.QUIET, p_value=p_value)


def share_of_prompts(studies: Sequence[StudyOfPoisoning], suspects: Sequence[Sequence[Suspect]]) -> Estimate:
    """Of all prompts that were looked at, those that hold a named word; of these and no others, so it has no width."""
    held: list[list[bool]] = []
    for study, of_study in zip(studies, suspects, strict=True):
        prompts = np.unique(study.compared.prompt_N).tolist()
        ids = {name for one in of_study for name in one.prompts}
        held.append([study.compared.prompts[prompt] in ids for prompt in prompts])
    return mean([value for of_study in held for value in of_study])


def _people_of(studies: Sequence[StudyOfPoisoning]) -> list[str]:
    return [study.compared.evaluators[code] for study in studies for code in study.compared.evaluator_N.tolist()]


def _standings(evidence: Evidence, ids: set[str]) -> Mapping[str, list[str]]:
    """What the votes of others make of the people that were named."""
    if not ids:
        return {}
    votes = votes_of_preferences(collect_preferences(evidence.all_records.feedback.values()))
    standing = standing_from_votes(votes).standing if votes.items else {}
    by_word: dict[str, list[str]] = {}
    for name in sorted(ids):
        by_word.setdefault(standing.get(name, "not told"), []).append(name)
    return by_word


def named_of(suspects: Sequence[Suspect]) -> str:
    """The words that were named, the first five of them."""
    if not suspects:
        return "No word is named"
    return f"Named: {', '.join(repr(one.name) for one in suspects[:5])}{' and others' if len(suspects) > 5 else ''}"


def told_apart_of(studies: Sequence[StudyOfPoisoning]) -> str:
    """How many words were tested, and what would have been found."""
    found_from = [study.poisoning.found_from for study in studies]
    tested = sum(study.poisoning.words_tested for study in studies)
    known = [number for number in found_from if number is not None]
    if len(known) < len(found_from):
        return f"; {tested} words were tested, and no number of prompts would do to find one."
    return f"; {tested} words were tested, and one that turns all answers round is found from {max(known)} prompts on."


def threshold_of(kind: str, thresholds: PoisoningThresholds) -> str:
    """When it fires, in words."""
    return f"any {kind} named at a false discovery rate of {thresholds.level:g}"


def facts_of(studies: Sequence[StudyOfPoisoning], suspects: Sequence[Suspect]) -> dict[str, Estimate]:
    """How well words foretell, and by how much less of what goes with each that was named is foreseen."""
    accuracy = {
        f"accuracy of the model of words, {study.name or 'no study'}": study.poisoning.accuracy for study in studies
    }
    return accuracy | {f"share foreseen, less than elsewhere: {one.name}": one.residual for one in suspects[:10]}
