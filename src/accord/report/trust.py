"""What answers weighed in training, in sentences."""

from collections import Counter
from collections.abc import Iterator

from accord.artefacts import TRUST, RakingSummary, RunReader, SplitTrust, TrustSummary
from accord.feedback.statistics.raking import MET
from accord.report.words import count, interval

__all__ = ["trust_in_words"]

_MODELS = {
    "control": "control questions",
    "one_coin": "a one-coin model of all the others' votes",
    "dawid_skene": "a Dawid-Skene model of all the others' votes",
}


def trust_in_words(reader: RunReader) -> Iterator[str]:
    """The paragraph on weights; nothing where answers were not weighed."""
    if not reader.has(TRUST):
        return
    trust = reader.value(TRUST)
    for split, weights in trust.splits.items():
        yield from _of_split(trust, split.replace("_", " "), weights)
    if trust.pools:
        pools = ", ".join(f"{weight:g} for the pool {name}" for name, weight in trust.pools.items())
        yield f"An answer weighs {pools}."


def _of_split(trust: TrustSummary, split: str, weights: SplitTrust) -> Iterator[str]:
    if trust.model != "none":
        yield f"Split {split}: {_reliability(trust, weights)}"
    for what, raking in (("pairs", weights.raking), ("supervised examples", weights.examples_raking)):
        if raking is not None:
            yield f"Split {split}: {_raking(what, raking)}"
    if weights.pairs and weights.effective_pairs < weights.pairs:
        yield (
            f"By all weights together the {count(weights.pairs, 'pair')} of {split} are worth "
            f"{weights.effective_pairs:,.0f} of equal weight."
        )


def _raking(what: str, raking: RakingSummary) -> str:
    absent = [f"{name} {group}" for name, groups in raking.missing.items() for group in groups]
    lacking = f"; nobody is {', '.join(absent)}" if absent else ""
    if raking.error < MET:
        return f"{what} have the population's shares by their weights (within {raking.error:.2g}{lacking})."
    return (
        f"no weights were found that give {what} the population's shares: one is {raking.error:.2g} from what it is to "
        f"be{lacking}."
    )


def _reliability(trust: TrustSummary, weights: SplitTrust) -> str:
    gain = "" if weights.gain is None else f" (held-out gain {interval(weights.gain, 4)} nats a vote)"
    if weights.unused:
        return f"no answer is weighed by {_MODELS[trust.model]}: {weights.unused}{gain}."
    standing = Counter(entry.standing for entry in weights.evaluators)
    people, lowest = count(len(weights.evaluators), "evaluator"), min(entry.weight for entry in weights.evaluators)
    careless = f"{standing['careless']:,} of {people} seem careless and weigh as little as {lowest:.2g}"
    if not standing["careless"]:
        careless = f"none of {people} is surely careless"
    others = f"{standing['another view']:,} surely hold another view and weigh 1"
    return f"by {_MODELS[trust.model]}{gain}, {careless}; {others}."
