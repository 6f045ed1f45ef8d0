"""The sections of the page, as sentences and tables; the template only lays them out."""

from collections.abc import Iterator
from dataclasses import dataclass

from accord.feedback.quality.composition import Composition
from accord.feedback.quality.evaluators import NUMBERS, EvaluatorQuality, Number
from accord.feedback.quality.measure import Quality
from accord.feedback.quality.poisoning import Poisoning
from accord.feedback.quality.unknown import NotAssessed
from accord.report.quality import words
from accord.report.sections import Grid, Section
from accord.report.words import count, interval, observations, series
from accord.stats import Estimate

__all__ = ["Part", "parts_of"]

LISTED = 100  # evaluators in the table of the page
CARD = ("one_coin", "agreement", "control", "retest", "left", "fatigue", "too_fast")


@dataclass(frozen=True)
class Part:
    """A section of the page under its heading."""

    id: str
    heading: str
    section: Section


def parts_of(quality: Quality, floor: Number | None) -> list[Part]:
    """All sections in the order of the page, without figures."""
    return [
        Part("evaluators", "Evaluators", _evaluators(quality)),
        Part("numbers", "Each evaluator's numbers", _numbers(quality)),
        Part("agreement", "Agreement", _agreement(quality, floor)),
        Part("composition", "Who answered", _composition(quality)),
        Part("assistance", "Machines beside people", _assistance(quality)),
        Part("poisoning", "Suspected poisoning", _poisoning(quality)),
        Part("written", "Machine-written answers", Section(tuple(words.machine_in_words(quality)))),
    ]


def _evaluators(quality: Quality) -> Section:
    if not quality.evaluators:
        return Section(missing=("Nobody's answers stand.",))
    standing = {one.standing for one in quality.evaluators}
    sentences = [f"{text[0].upper()}{text[1:]}." for name, text in words.STANDINGS.items() if name in standing]
    if "another view" in standing:
        sentences.append("Never weigh another view down: ask what they see, and whether one reward can hold it.")
    return Section(tuple(sentences))


def _numbers(quality: Quality) -> Section:
    if not quality.evaluators:
        return Section(missing=("Nobody's answers stand.",))
    rows = [_row(one) for one in quality.evaluators[:LISTED]]
    more = len(quality.evaluators) - len(rows)
    caption = "Those to look at first; n stands behind each number" + (f"; {more:,} more are in --json" if more else "")
    head = ("evaluator", "answers", *(words.HEADINGS[name] for name in CARD))
    lacking = [(name, reason) for name in CARD if (reason := _for_nobody(quality, name)) is not None]
    return Section(
        tuple(f"{words.HEADINGS[name].capitalize()}: {NUMBERS[name]}." for name in CARD),
        (Grid(caption, head, tuple(rows)),),
        missing=tuple(f"{words.HEADINGS[name].capitalize()} cannot be assessed: {reason}." for name, reason in lacking),
    )


def _row(one: EvaluatorQuality) -> tuple[str, ...]:
    name = (
        words.evaluator_name(one)
        if one.standing in {None, "ordinary"}
        else f"{words.evaluator_name(one)}: {one.standing}"
    )
    return name, f"{one.answers:,}", *(_cell(one.numbers[key]) for key in CARD)


def _cell(value: Number) -> str:
    return f"{interval(value, 2)} of {value.n:,}" if isinstance(value, Estimate) else "\N{EN DASH}"


def _for_nobody(quality: Quality, name: str) -> str | None:
    """Why nobody has the number; None where somebody has."""
    values = [one.numbers[name] for one in quality.evaluators]
    first = values[0]
    return first.reason if isinstance(first, NotAssessed) and not any(isinstance(v, Estimate) for v in values) else None


def _agreement(quality: Quality, floor: Number | None) -> Section:
    rows, groups = [], []
    for one in quality.questions:
        name = " ".join(part for part in (one.study, f"{one.kind}: {one.about}") if part)
        alpha = "nothing could have differed" if one.alpha is None else interval(one.alpha, 2)
        n = "" if one.alpha is None else observations(one.alpha)
        rows.append((name, f"{one.people:,}", one.metric, alpha, n))
        for by in one.groups:
            values = (by.alpha.within, by.alpha.between, by.alpha.difference)
            groups.append((f"{name}, by {by.attribute}", *(interval(value, 2) for value in values)))
    grids = []
    if rows:
        caption = "Krippendorff's alpha of each question: 1 is perfect agreement, 0 what chance gives"
        grids.append(Grid(caption, ("question", "people", "scale", "alpha", "n (people)"), tuple(rows)))
    if groups:
        caption = (
            "Alpha of two people of one group, and of two groups. A difference surely above 0 means that groups see "
            "the question differently"
        )
        grids.append(Grid(caption, ("question", "within", "between", "difference"), tuple(groups)))
    return Section(tuple(words.agreement_in_words(quality, floor)), tuple(grids))


def _composition(quality: Quality) -> Section:
    composition = quality.composition
    if isinstance(composition, NotAssessed):
        return Section(missing=(f"Cannot be assessed: {composition.reason}.",))
    grids = [
        Grid(
            f"{one.attribute}: the answers lie {interval(one.distance_of_answers, 2)} from the population, the people "
            f"{interval(one.distance_of_people, 2)} (total variation: 0 the same, 1 nothing in common)",
            (one.attribute, "people", "answers", "share of the answers", "population"),
            tuple(
                (
                    share.group,
                    f"{share.people:,}",
                    f"{share.answers:,}",
                    interval(share.of_answers, 2),
                    f"{share.target:.2f}",
                )
                for share in one.groups
            ),
        )
        for one in composition.attributes
    ]
    return Section(tuple(_weights(composition)), tuple(grids))


def _weights(composition: Composition) -> Iterator[str]:
    gone = [f"{name} {group}" for name, groups in composition.missing.items() for group in groups]
    if gone:
        yield f"Nobody is {series(gone)}: no weights bring them back; ask such people."
    if not composition.converged:
        yield "No weights reach all shares at once: groups that the target has together are never together here."
    yield (
        f"Weights that bring the answers to the population (raking, the largest {composition.largest:.2f}) leave "
        f"{count(composition.answers, 'answer')} worth {composition.effective:,.0f} of equal weight: a design effect "
        f"of {composition.design_effect:.2f}."
    )


def _assistance(quality: Quality) -> Section:
    if not quality.assistance:
        return Section(missing=("No machine made a remark beside an item of this ledger.",))
    rows = tuple(
        (
            f"{one.kind} of {one.by}",
            f"{one.evaluators:,}",
            *(
                "not assessed" if value is None else interval(value, 2)
                for value in (one.shown, one.withheld, one.difference)
            ),
        )
        for one in quality.assistance
    )
    caption = (
        "Control questions answered rightly with the remark and without; a difference below 0 means that it misleads"
    )
    return Section(grids=(Grid(caption, ("remark", "people", "shown", "withheld", "difference"), rows),))


def _poisoning(quality: Quality) -> Section:
    sentences = tuple(words.poisoning_in_words(quality))
    poisoning = quality.poisoning
    if not isinstance(poisoning, Poisoning) or not (poisoning.words or poisoning.people):
        return Section(sentences)
    names = {one.evaluator: one.pseudonym for one in quality.evaluators}
    rows, more = words.suspects(poisoning, names)
    caption = "Whose answers are foretold worse than all others: people, then words, those least likely by chance first"
    caption += f"; {more:,} more are in --json" if more else ""
    head = ("what", "residual", "prompts", "p")
    return Section(sentences, (Grid(caption, head, tuple(rows)),))
