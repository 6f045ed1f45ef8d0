"""X8: whether what the policy is asked is what its release knew, and in the mixture that it expected."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from accord.artefacts.finding import Collection
from accord.audit.challenges import X8
from accord.audit.checks import RECORDINGS, Outcome, artefact, check
from accord.audit.collection.prompt_distances import PromptSets, distinct_prompts, text_key, uncovered_share
from accord.audit.deployment.recorded import RECORDED_ANSWERS, Recorded, recorded_of
from accord.audit.deployment.thresholds import DeploymentThresholds
from accord.audit.deployment.two_samples import classifier_area
from accord.audit.evidence import DEPLOYMENT_PROMPTS, PROMPTS, Evidence
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.records import Prompt

__all__ = ["AskedPrompts", "asked_prompts", "mixture", "prompts"]

ASK_ANEW = Collection(
    "accord audit RUN --since LEDGER --plan FOLDER",
    "comparisons of answers to prompts as they are asked now; the prompts also serve as `[data] deployment_prompts`",
    "as many labels of what is new as its share of what is asked",
    "recorded",
)


@dataclass(frozen=True)
class AskedPrompts:
    """Distinct prompts: those that the release knew, those that it expected first; and those that are asked now.

    `units` says of each that is asked who asked it first.
    """

    sets: PromptSets
    expected: int
    units: Sequence[str]


def asked_prompts(evidence: Evidence, recorded: Recorded, thresholds: DeploymentThresholds) -> AskedPrompts:
    """What was asked beside what the release knew. Raises `MissingEvidence` for too few prompts."""
    found = evidence.once(f"asked of {thresholds.most}", lambda: _asked(evidence, recorded, thresholds.most))
    if len(found.units) < thresholds.least:
        raise MissingEvidence(
            f"{thresholds.least} recorded prompts of different texts ({len(found.units)} are there{recorded.without})"
        )
    return found


def _asked(evidence: Evidence, recorded: Recorded, most: int) -> AskedPrompts:
    texts = recorded.texts(len(recorded.answers) or 1)
    unit_of: dict[str, str] = {}
    for one in texts:
        unit_of.setdefault(text_key(one.prompt), one.unit)
    asked = distinct_prompts((one.prompt for one in texts), most)
    expected = distinct_prompts(_redacted(_expected(evidence), recorded), most)
    keys = {text_key(prompt) for prompt in expected}
    known = evidence.prompts.values() if evidence.holds(PROMPTS) else ()
    others = (prompt for prompt in _redacted(known, recorded) if text_key(prompt) not in keys)
    release = [*expected, *distinct_prompts(others, most)]
    return AskedPrompts(PromptSets(release, asked), len(expected), [unit_of[text_key(one)] for one in asked])


def _expected(evidence: Evidence) -> Sequence[Prompt]:
    return evidence.deployment_prompts if evidence.holds(DEPLOYMENT_PROMPTS) else ()


def _redacted(known: Iterable[Prompt], recorded: Recorded) -> Iterable[Prompt]:
    return (recorded.redacted(prompt) for prompt in known)


@check(
    X8,
    "prompts",
    claim="The policy is asked what its release knew.",
    thresholds=DeploymentThresholds,
    needs=(RECORDINGS, artefact(PROMPTS, DEPLOYMENT_PROMPTS)),
    collect=RECORDED_ANSWERS,
)
def prompts(evidence: Evidence, thresholds: DeploymentThresholds) -> Outcome:
    """Whether much of what is asked is farther from all that the release knew than that is from itself."""
    recorded = recorded_of(evidence, thresholds.least)
    asked = asked_prompts(evidence, recorded, thresholds)
    sets, known = asked.sets, len(asked.sets.feedback)
    share = uncovered_share(sets, thresholds.quantile, clusters=asked.units)
    if share is None:
        least = int(np.ceil(np.log(0.025) / np.log(thresholds.quantile)))
        raise MissingEvidence(f"{least} prompts of different texts that the release knew ({known} are there)")
    far_M = sets.distance_N[known:] > np.quantile(sets.distance_N[:known], thresholds.quantile)
    return Outcome(
        ruling=at_most(share, thresholds.uncovered),
        estimate=share,
        threshold=f"above {thresholds.uncovered:g}",
        result=f"Of {share.n:,} distinct prompts that were recorded {share.value:.0%} are farther from everything that "
        f"the release knew than {thresholds.quantile:.0%} of these {known:,} prompts are from one another (by their "
        f"words and characters; {1 - thresholds.quantile:.0%} is what to expect){recorded.without}.",
        remedy="Ask people about what is asked now: `accord audit RUN --since LEDGER --plan FOLDER` writes the study "
        "from the recorded prompts; release again with them as `[data] deployment_prompts`.",
        evidence=(*_files(evidence), "the recorded answers"),
        ids={"prompts": [prompt.id for prompt, far in zip(sets.deployment, far_M.tolist(), strict=True) if far]},
        facts=recorded.facts,
        source="cosine of TF-IDF vectors, as in DQ1 coverage; people who ask are clusters",
        collect=ASK_ANEW,
    )


@check(
    X8,
    "mixture",
    claim="What the policy is asked comes in the mixture that its release expected.",
    thresholds=DeploymentThresholds,
    needs=(RECORDINGS, artefact(DEPLOYMENT_PROMPTS)),
    collect=RECORDED_ANSWERS,
    explained=("X8 prompts",),
)
def mixture(evidence: Evidence, thresholds: DeploymentThresholds) -> Outcome:
    """How well a classifier tells recorded prompts from the deployment prompts that the release named."""
    recorded = recorded_of(evidence, thresholds.least)
    asked = asked_prompts(evidence, recorded, thresholds)
    if asked.expected < thresholds.least:
        raise MissingEvidence(
            f"{thresholds.least} prompts of the deployment of different texts in {DEPLOYMENT_PROMPTS} "
            f"({asked.expected} are there)"
        )
    known = len(asked.sets.feedback)
    row_N = np.r_[np.arange(asked.expected), np.arange(known, known + len(asked.units))]
    both = [*asked.sets.feedback[: asked.expected], *asked.sets.deployment]
    area = classifier_area(
        asked.sets.vector_ND[row_N],
        np.arange(len(row_N)) >= asked.expected,
        texts=[text_key(prompt) for prompt in both],
        units=[*(f"expected {place}" for place in range(asked.expected)), *asked.units],
    )
    return Outcome(
        ruling=at_most(area, thresholds.area),
        estimate=area,
        threshold=f"above {thresholds.area:g}",
        result=f"A classifier of words that saw neither ranks a recorded prompt above one of the {asked.expected:,} "
        f"that the release expected in {area.value:.0%} of pairs (half is what to expect){recorded.without}.",
        remedy="Evaluate the policy on prompts as they are asked now, and weigh what was measured at the release by "
        "the new mixture (`[data] deployment_prompts`).",
        evidence=(DEPLOYMENT_PROMPTS, "the recorded answers"),
        facts=recorded.facts,
        source="classifier two-sample test: Lopez-Paz & Oquab 2017 (arXiv 1610.06545); DeLong et al. 1988",
        collect=ASK_ANEW,
    )


def _files(evidence: Evidence) -> tuple[str, ...]:
    return tuple(path for path in (PROMPTS, DEPLOYMENT_PROMPTS) if evidence.holds(path))
