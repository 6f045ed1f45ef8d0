"""Which claims the numbers of a card allow, in words."""

from collections.abc import Iterator

from accord.artefacts import RewardCard
from accord.reward.card.enough import precision, too_few
from accord.stats import Estimate

__all__ = ["claims_of"]


def claims_of(card: RewardCard) -> tuple[str, ...]:
    """Sentences, each true of the card; what cannot be claimed is said too, with what it would take."""
    return (*_accuracy(card), *_parts(card), *_judgements(card), *_robustness(card))


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
    yield from _over_words(card.over_words)
    if wanted := precision(accuracy):
        yield f"The accuracy is known only roughly: {wanted} pairs of this kind."


def _over_words(gain: Estimate | None) -> Iterator[str]:
    """Beside the cheapest model that reads the texts: the difference on the very same pairs, not of two numbers."""
    if gain is None or gain.low is None or gain.high is None:
        return
    size = f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}] in accuracy"
    if gain.low > 0:
        yield f"It adds to what the words alone tell: {size} over a logistic regression on them (TF-IDF)."
    elif gain.high < 0:
        yield f"It knows less than the words alone tell: {size} beside a logistic regression on them (TF-IDF)."
    else:
        yield f"It cannot be claimed that it adds to what the words alone tell: {size}."


def _parts(card: RewardCard) -> Iterator[str]:
    """What holds of evaluators and groups, and of texts of like length."""
    people = card.held_out_evaluators
    if people is not None and people.estimate is None:
        reason = (people.note or "").removeprefix("not assessable: ")
        yield f"How it does on people of whom it learnt nothing cannot be said: {reason}."
    known = [row for row in card.groups or () if row.estimate and row.estimate.low and row.estimate.high]
    for row in known:
        for other in known:
            assert row.estimate
            assert other.estimate
            below = (row.estimate.high or 1) < (other.estimate.low or 0)
            if row.attribute == other.attribute and below:
                yield (
                    f"It serves evaluators with {row.attribute} '{row.group}' worse ({row.estimate.value:.3f}) than "
                    f"those with '{other.group}' ({other.estimate.value:.3f})."
                )
    matched = next(iter(card.lengths or ()), None)
    if matched is not None and matched.estimate is not None and matched.estimate.low is not None:
        yield _beside(matched.estimate, 0.5, "length alone, lengths being matched")


def _robustness(card: RewardCard) -> Iterator[str]:
    for row in card.edits or ():
        if row.fault and row.effect is not None:
            edit = f"An edit that should {'' if row.matters else 'not '}matter ({row.edit}: {row.about})"
            what = "hardly lowers" if row.matters else "raises" if row.effect.value > 0 else "lowers"
            yield f"{edit} {what} its score: {row.effect.value:+.2f} standard deviations."
    if card.gameable_by is None:
        if card.known_bad is not None:
            yield "Whether it can be gamed by texts that are no answers was not shown: too few could be tried."
    elif card.gameable_by:
        yield (
            f"It is gameable: texts that are no answers ({', '.join(card.gameable_by)}) score above the median good "
            "answer of most prompts. A policy that is trained on it will find them."
        )
    else:
        yield "None of the texts tried that are no answers score above the median good answer of most prompts."


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
