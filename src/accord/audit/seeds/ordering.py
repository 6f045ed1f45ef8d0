"""X7: whether the data determine the reward, or the seed does."""

from collections.abc import Sequence
from itertools import combinations

from accord.audit.challenges import X7
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import SCORES, Evidence
from accord.audit.seeds.other_seeds import MORE_SEEDS, SeedRun, runs_of_seeds
from accord.audit.seeds.thresholds import SeedThresholds
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.stats import rate

__all__ = ["undetermined"]

FEWEST_PROMPTS = 4


@check(
    X7,
    "undetermined",
    claim="Another seed's reward would order texts in the same way.",
    thresholds=SeedThresholds,
    needs=(artefact(SCORES),),
    explained=("RE1 accuracy",),
    collect=MORE_SEEDS,
)
def undetermined(evidence: Evidence, thresholds: SeedThresholds) -> Outcome:
    """The share of pairs of held-out texts of a prompt that the rewards of two seeds order otherwise.

    It holds pairs of which people need not have said anything: where the data say little, weights are what the seed
    left them. Texts that two runs do not share tell nothing; prompts are the units.
    """
    runs = [run for run in runs_of_seeds(evidence) if run.scores is not None]
    by_prompt = _disagreements(runs)
    if len(by_prompt) < FEWEST_PROMPTS:
        raise MissingEvidence(
            f"{FEWEST_PROMPTS} prompts with two held-out texts that two runs have scored (there are {len(by_prompt)})"
        )
    turned = [share for shares in by_prompt.values() for share in shares]
    prompts = [prompt for prompt, shares in by_prompt.items() for _ in shares]
    share = rate(turned, prompts)
    worst = sorted(by_prompt, key=lambda prompt: -sum(by_prompt[prompt]) / len(by_prompt[prompt]))
    return Outcome(
        ruling=at_most(share, thresholds.turned),
        estimate=share,
        threshold=f"more than {thresholds.turned:g}",
        result=f"Rewards of {len(runs)} seeds order {share.value:.1%} of the pairs of held-out texts otherwise, two by "
        "two.",
        remedy="Collect more comparisons where the seeds disagree, take the mean of several members, or be cautious "
        "where they differ (`caution`).",
        evidence=(SCORES,),
        ids={"prompts": worst[:10]},
        source="predictive multiplicity (Marx et al. 2020, arXiv 1909.06677); D'Amour et al. 2020 (arXiv 2011.03395) "
        "on underspecification",
    )


def _disagreements(runs: Sequence[SeedRun]) -> dict[str, list[float]]:
    """By prompt, for each pair of its texts the share of pairs of runs that order it otherwise; half where one is
    even.
    """
    shared: dict[str, dict[tuple[str, str], list[float]]] = {}
    for one, other in combinations(runs, 2):
        assert one.scores is not None
        assert other.scores is not None
        by_prompt: dict[str, list[str]] = {}
        for text in one.scores:
            if text in other.scores:
                by_prompt.setdefault(one.prompt_of[text], []).append(text)
        for prompt, texts in by_prompt.items():
            for first, second in combinations(texts, 2):
                gap, gap_other = (run[first] - run[second] for run in (one.scores, other.scores))
                turned = 0.5 if gap == 0 or gap_other == 0 else float((gap > 0) != (gap_other > 0))
                shared.setdefault(prompt, {}).setdefault((first, second), []).append(turned)
    return {
        prompt: [sum(turned) / len(turned) for turned in of_prompt.values()] for prompt, of_prompt in shared.items()
    }
