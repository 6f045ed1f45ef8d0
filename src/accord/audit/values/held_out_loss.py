"""Does the policy foretell plain texts as well as its start? X6: what nobody asked for, and training may have cost."""

from collections.abc import Iterable
from math import log

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import TextLoss
from accord.artefacts.finding import Collection
from accord.audit.challenges import X6
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import TEXT_LOSSES, Evidence
from accord.audit.values.answers import ARMS, FEWEST
from accord.audit.values.thresholds import ValuesThresholds
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.stats import Estimate, jackknife

__all__ = ["held_out_loss"]

Floats = NDArray[np.float64]


@check(
    X6,
    "held-out loss",
    claim="The policy foretells plain texts as well as its start.",
    thresholds=ValuesThresholds,
    needs=(artefact(TEXT_LOSSES),),
    collect=Collection(
        TEXT_LOSSES,
        "plain texts like those of pretraining, in which neither prompts nor answers of the run stand",
        "about 100 texts of a hundred words and more (`[audit.values] texts`, or `accord audit RUN --texts FILE`)",
    ),
)
def held_out_loss(evidence: Evidence, thresholds: ValuesThresholds) -> Outcome:
    """Bits a token on the same texts, policy over start, less one.

    Sums over all texts, so that long ones weigh as much as they have tokens; texts are what was sampled.
    """
    names, nats_2N, tokens_N = _of_both(evidence.text_losses)
    start_N, policy_N = nats_2N
    more = _ratio(policy_N - start_N, start_N)
    bits_2N = nats_2N / log(2)
    order = np.argsort(start_N - policy_N, kind="stable")
    return Outcome(
        ruling=at_most(more, thresholds.loss),
        estimate=more,
        threshold=f"more than {thresholds.loss:.0%} above the start's",
        result=f"The policy needs {bits_2N[1].sum() / tokens_N.sum():.3f} bits a token of {len(names)} plain texts, "
        f"its start {bits_2N[0].sum() / tokens_N.sum():.3f}: {more.value:+.1%}.",
        remedy="Mix pretraining texts into the training (`[policy] pretrain_coef`, `pretrain_texts`), average the "
        "weights with the start's, strengthen the KL penalty (`kl_coef`), or stop earlier.",
        evidence=(TEXT_LOSSES,),
        ids={"texts": [names[i] for i in order if policy_N[i] > (1 + thresholds.loss) * start_N[i]]},
        facts={f"bits a token, {arm}": _ratio(bits_N, tokens_N) for arm, bits_N in zip(ARMS, bits_2N, strict=True)},
        source="Ouyang et al. 2022 (arXiv 2203.02155), the alignment tax",
    )


def _of_both(rows: Iterable[TextLoss]) -> tuple[list[str], Floats, Floats]:
    """Names of the texts that both arms were given, nats of start and policy [2, N], and tokens [N].

    Raises `MissingEvidence` where they are too few, or an arm read another number of tokens of one.
    """
    by_text: dict[str, dict[str, TextLoss]] = {}
    for row in rows:
        by_text.setdefault(row.text, {})[row.arm] = row
    both = {name: of_text for name, of_text in by_text.items() if all(arm in of_text for arm in ARMS)}
    if len(both) < FEWEST:
        raise MissingEvidence(f"{FEWEST} texts that both arms foretold in {TEXT_LOSSES} (it has {len(both)})")
    for name, of_text in both.items():
        if of_text["start"].tokens != of_text["policy"].tokens:
            raise MissingEvidence(f"the same tokens of '{name}' for both arms in {TEXT_LOSSES} (one tokenizer)")
    nats_2N = np.array([[of_text[arm].nats for of_text in both.values()] for arm in ARMS])
    if not np.isfinite(nats_2N).all() or not nats_2N[0].sum() > 0:
        raise MissingEvidence(f"texts that the start does not foretell for certain in {TEXT_LOSSES}")
    return list(both), nats_2N, np.array([float(of_text["start"].tokens) for of_text in both.values()])


def _ratio(over_N: Floats, under_N: Floats) -> Estimate:
    """The ratio of two sums over texts."""
    return jackknife(lambda rows_N: float(over_N[rows_N].sum() / under_N[rows_N].sum()), len(over_N))
