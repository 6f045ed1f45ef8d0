"""DQ1: whether people were asked about what the policy will be asked."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection
from accord.audit.challenges import DQ1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.collection.prompt_distances import PromptSets, distinct_prompts, uncovered_share
from accord.audit.collection.thresholds import CoverageThresholds
from accord.audit.collection.topics import Topics, topics_of
from accord.audit.evidence import DEPLOYMENT_PROMPTS, Evidence
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.records import Prompt
from accord.stats import Estimate, proportion

__all__ = ["coverage", "prompt_sets"]

NAMED = 5  # sources and writers whose shares are told
LARGEST_WEIGHT = 20.0  # of a feedback prompt, in a reweighting to the deployment
PROMPTS_OF_DEPLOYMENT = Collection(
    "data/deployment_prompts.jsonl",
    "prompts as they come where the policy is to work (`[data] deployment_prompts`, or `--deployment-prompts FILE`)",
    "200 distinct prompts, drawn at random from what is asked",
    "deployment",
)


@check(
    DQ1,
    "coverage",
    claim="People were asked about what the policy will be asked.",
    thresholds=CoverageThresholds,
    needs=(LEDGER, artefact(DEPLOYMENT_PROMPTS)),
    collect=PROMPTS_OF_DEPLOYMENT,
)
def coverage(evidence: Evidence, thresholds: CoverageThresholds) -> Outcome:
    """Whether much of the deployment is farther from all feedback than feedback is from itself."""
    sets = prompt_sets(evidence, thresholds.max_prompts)
    share = uncovered_share(sets, thresholds.quantile)
    if share is None:
        least = int(np.ceil(np.log(0.025) / np.log(thresholds.quantile)))
        raise MissingEvidence(
            f"enough prompts that people were asked about ({len(sets.feedback)} distinct ones; how far they are from "
            f"one another takes {least})"
        )
    topics = topics_of(sets)
    own_F, other_M = np.split(sets.distance_N, [len(sets.feedback)])
    far_M = other_M > np.quantile(own_F, thresholds.quantile)
    return Outcome(
        ruling=at_most(share, thresholds.uncovered),
        estimate=share,
        threshold=f"above {thresholds.uncovered:g}",
        result=(
            f"Of {share.n:,} distinct prompts of the deployment {share.value:.0%} are farther from anything that "
            f"people were asked about than {thresholds.quantile:.0%} of these {len(sets.feedback):,} prompts are from "
            f"one another (by their words and characters; {1 - thresholds.quantile:.0%} is what to expect)"
            f"{_where(topics, far_M, len(sets.feedback))}."
        ),
        remedy=(
            "Ask people about prompts drawn from the deployment, a quota for each topic; until then weigh feedback by "
            "the ratio of densities, clipped, where there is any near."
        ),
        evidence=(DEPLOYMENT_PROMPTS,),
        ids={"prompts": _far(sets.deployment, far_M)},
        facts=_facts(evidence, sets, topics),
        source="cosine of TF-IDF vectors; two-sample classifier: Lopez-Paz & Oquab 2017, arXiv 1610.06545",
    )


def prompt_sets(evidence: Evidence, most: int) -> PromptSets:
    """Distinct prompts that people judged something about before the run, and those of the deployment.

    Raises `MissingEvidence` where either has none.
    """
    records = evidence.ledger_records
    asked = dict.fromkeys(answer.prompt for answer in records.feedback.values())
    feedback = distinct_prompts((records.prompts[name] for name in asked if name in records.prompts), most)
    deployment = distinct_prompts(evidence.deployment_prompts, most)
    if not feedback or not deployment:
        raise MissingEvidence("prompts with a text on both sides, feedback and deployment")
    return PromptSets(feedback, deployment)


def _far(prompts: Sequence[Prompt], far_M: NDArray[np.bool_]) -> Iterator[str]:
    return (prompt.id for prompt, far in zip(prompts, far_M.tolist(), strict=True) if far)


def _where(topics: Topics, far_M: NDArray[np.bool_], feedback: int) -> str:
    """Of which topic most of those that are far are."""
    if not far_M.any():
        return ""
    counts = np.bincount(topics.topic_N[feedback:][far_M], minlength=len(topics.names))
    return f"; {counts.max()} of these {int(far_M.sum())} are of {topics.names[int(counts.argmax())]}"


def _facts(evidence: Evidence, sets: PromptSets, topics: Topics) -> Mapping[str, Estimate]:
    """What is told and not judged: how well both sides are told apart, their topics, who wrote what was judged."""
    from_deployment_N = sets.from_deployment_N
    chance_N = _chances(sets)
    facts = {} if chance_N is None else _classifier(chance_N, from_deployment_N)
    shares = [
        np.bincount(topics.topic_N[side], minlength=len(topics.names))
        for side in (~from_deployment_N, from_deployment_N)
    ]
    distance = float(np.abs(shares[0] / shares[0].sum() - shares[1] / shares[1].sum()).sum() / 2)
    facts["topic_distance"] = Estimate(distance, None, None, len(from_deployment_N), method="total variation")
    records = evidence.ledger_records
    judged = dict.fromkeys(name for answer in records.feedback.values() for name in answer.completions)
    writers = [records.completions[name].writer for name in judged if name in records.completions]
    for kind, names in (("source", [prompt.source for prompt in sets.feedback]), ("writer", writers)):
        known = [name for name in names if name is not None]
        for name in sorted(set(known), key=lambda each: (-known.count(each), each))[:NAMED]:
            facts[f"{kind} {name}"] = proportion(known.count(name), len(names))
    return facts


def _chances(sets: PromptSets) -> NDArray[np.float64] | None:
    """The chance that each prompt is of the deployment, by a classifier that did not see it, [N]."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    label_N = sets.from_deployment_N.astype(int)
    folds = min(5, int(np.bincount(label_N, minlength=2).min()))
    if folds < 2:
        return None
    chance_N = np.zeros(len(label_N))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(label_N, label_N):
        model = LogisticRegression(C=10.0, solver="liblinear").fit(sets.vector_ND[train], label_N[train])
        chance_N[test] = model.predict_proba(sets.vector_ND[test])[:, 1]
    return chance_N


def _classifier(chance_N: NDArray[np.float64], label_N: NDArray[np.bool_]) -> dict[str, Estimate]:
    """The area under its curve, and what a reweighting of feedback by its odds would leave of the sample."""
    from sklearn.metrics import roc_auc_score

    area = float(roc_auc_score(label_N, chance_N))
    odds_F = chance_N[~label_N] / np.maximum(1 - chance_N[~label_N], 1e-6)
    weight_F = np.minimum(odds_F / max(float(odds_F.mean()), 1e-12), LARGEST_WEIGHT)
    effective = float(weight_F.sum() ** 2 / (weight_F @ weight_F) / len(weight_F))
    return {
        "classifier_auc": Estimate(area, None, None, len(label_N), method="cross-fitted"),
        "effective_share": Estimate(
            effective, None, None, len(weight_F), method="of feedback, weighed by density ratio"
        ),
    }
