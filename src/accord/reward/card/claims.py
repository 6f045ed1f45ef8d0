"""Which claims the numbers of a card allow, in words."""

from collections.abc import Iterator

from accord.artefacts import RewardCard
from accord.reward.card.enough import precision, too_few
from accord.stats import Estimate

__all__ = ["claims_of"]


def claims_of(card: RewardCard) -> tuple[str, ...]:
    """Sentences, each true of the card; what cannot be claimed is said too, with what it would take."""
    return (*_accuracy(card), *_judgements(card))


def _accuracy(card: RewardCard) -> Iterator[str]:
    accuracy = card.accuracy
    if accuracy is None:
        yield "No pair that says which of two is better was held out, so no accuracy can be claimed."
        return
    if few := too_few(accuracy):
        yield f"No accuracy can be claimed on held-out pairs: {few}."
        return
    if accuracy.low is None:
        yield "All held-out pairs are of one evaluator or prompt, so the accuracy has no interval and claims nothing."
        return
    yield _beside(accuracy, 0.5, "chance")
    free = [each for each in (card.majority, card.length_only, card.words_only) if each is not None]
    if free:
        best = max(free, key=lambda estimate: estimate.value)
        yield _beside(accuracy, best.value, "the best of what costs nothing")
    if wanted := precision(accuracy):
        yield f"The accuracy is known only roughly: {wanted} pairs of this kind."


def _beside(accuracy: Estimate, value: float, name: str) -> str:
    assert accuracy.low is not None
    assert accuracy.high is not None
    if accuracy.low > value:
        return f"It orders held-out pairs better than {name} ({value:.3f})."
    if accuracy.high < value:
        return f"It orders held-out pairs worse than {name} ({value:.3f})."
    return (
        f"It cannot be claimed that it orders held-out pairs better than {name} ({value:.3f}): the interval holds it."
    )


def _judgements(card: RewardCard) -> Iterator[str]:
    """What can be said of kinds other than comparisons, whose measure has a value that stands for chance."""
    for row in card.judgements or ():
        if row.estimate is None or row.estimate.low is None or row.estimate.high is None or row.kind == "comparison":
            continue
        if "AUROC of the score" in row.name and row.kind == "label":
            continue  # what a label goes with is no merit
        chance = 0.0 if row.kind == "rating" else 0.5
        if row.estimate.low > chance:
            yield f"Its scores go with the held-out {row.kind} judgements ({row.name})."
        elif row.estimate.high < chance:
            yield f"Its scores go against the held-out {row.kind} judgements ({row.name})."
        else:
            yield f"That its scores go with the held-out {row.kind} judgements cannot be claimed ({row.name})."
