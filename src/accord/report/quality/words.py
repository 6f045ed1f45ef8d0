"""What the table and the page say of the quality of feedback, in words."""

from collections import Counter
from collections.abc import Iterator, Mapping

from accord.feedback.quality.evaluators import EvaluatorQuality, Number
from accord.feedback.quality.measure import Quality
from accord.feedback.quality.poisoning import Poisoning
from accord.feedback.quality.unknown import NotAssessed
from accord.report.words import count, interval, percent, series
from accord.stats import Estimate

__all__ = [
    "HEADINGS",
    "STANDINGS",
    "agreement_in_words",
    "evaluator_name",
    "headline",
    "machine_in_words",
    "poisoning_in_words",
    "suspects",
]

LISTED = 40  # rows of what was named
HEADINGS = {
    "one_coin": "right by all others",
    "agreement": "like all others",
    "control": "control questions right",
    "retest": "same when asked again",
    "lapse": "at random",
    "left": "chose left",
    "repetition": "repeats, beyond chance",
    "fatigue": "later less earlier",
    "seconds": "seconds",
    "too_fast": "too fast to read",
    "declined": "declined",
}
"""The numbers of an evaluator that are shown, and what each is called."""

STANDINGS = {
    "careless": "careless: surely right less often than the others, and nearer to chance than to them",
    "unclear": "unclear: below the others, and perhaps below chance; nothing is concluded",
    "another view": "another view: surely against most others, so as informative as anybody, of something else",
    "ordinary": "ordinary: nothing sure tells them from the others",
}
_PEOPLE = {"careless": "careless", "unclear": "unclear", "another view": "of another view", "ordinary": "ordinary"}


def headline(quality: Quality) -> str:
    """The answers in one line: of whom, and how these stand."""
    if not quality.evaluators:
        return "Nobody's answers stand in this ledger." + _left_out(quality)
    standing: Counter[str | None] = Counter(one.standing for one in quality.evaluators)
    parts = [f"{number:,} {words}" for name, words in _PEOPLE.items() if (number := standing[name])]
    if standing[None]:
        parts.append(f"{standing[None]:,} who cannot be held against anything")
    people = count(len(quality.evaluators), "evaluator")
    return f"{count(quality.answers, 'answer')} of {people}: {series(parts)}.{_left_out(quality)}"


def _left_out(quality: Quality) -> str:
    parts = []
    if quality.taken_back:
        parts.append(f"{count(quality.taken_back, 'answer')} taken back")
    if quality.unknown:
        parts.append(f"{count(quality.unknown, 'answer')} of nobody in particular")
    return f" Left out: {series(parts)}." if parts else ""


def agreement_in_words(quality: Quality, floor: Number | None) -> Iterator[str]:
    """Of the study as a whole: agreement, what it could be, position, fatigue, models."""
    yield _sentence("Another evaluator orders two texts as the first one did (a tie is half): {}.", quality.agreement)
    if isinstance(floor, Estimate):
        yield (
            f"Two people who choose by the margins of the run's reward model would agree in {percent(floor)} pairs: "
            "where agreement comes up to that, texts are close, and nobody is careless."
        )
    elif floor is not None:
        yield f"What the run's reward model makes possible cannot be assessed: {floor.reason}."
    yield _sentence("Of two, people chose the left one: {}.", quality.left)
    if isinstance(quality.fatigue, Estimate):
        yield f"Agreement in the second half of a session less that in the first: {interval(quality.fatigue, 3)}."
    else:
        yield f"Fatigue cannot be assessed: {quality.fatigue.reason}."
    gains = [one.gain for one in quality.models]
    if lacking := [gain.reason for gain in gains if isinstance(gain, NotAssessed)]:
        yield f"Whether to weigh answers by a model of single evaluators cannot be assessed: {lacking[0]}."
        return
    helpful = [one.model.replace("_", "-") for one in quality.models if one.helps]
    yield (
        f"Held-out votes are foretold better with an accuracy for each evaluator by: {series(helpful)}."
        if helpful
        else "No model with an accuracy for each evaluator surely foretells held-out votes better than one for all; "
        "do not weigh answers by one."
    )


def _sentence(words: str, value: Number) -> str:
    if isinstance(value, NotAssessed):
        return words.format(f"cannot be assessed, {value.reason}")
    return words.format(percent(value))


def poisoning_in_words(quality: Quality) -> Iterator[str]:
    """What was named, of how many; or why nothing could be."""
    poisoning = quality.poisoning
    if isinstance(poisoning, NotAssessed):
        yield f"Cannot be assessed: {poisoning.reason}."
        return
    yield (
        f"A model of words foretells {percent(poisoning.accuracy)} comparisons. Where a word of a prompt, or a person, "
        f"goes with answers that it surely does not foresee, they are named: {len(poisoning.words)} of "
        f"{count(poisoning.words_tested, 'word')} and {len(poisoning.people)} of "
        f"{count(poisoning.people_tested, 'person', 'people')}. "
        "Look at the answers before you conclude anything: a word may stand for a subject on which tastes differ."
    )


def suspects(poisoning: Poisoning, names: Mapping[str, str]) -> tuple[list[tuple[str, ...]], int]:
    """Rows of what was named (what, the mean residual, prompts, p), and how many words are left out.

    All people, and words until there are 40 rows: a word that is named may hide no person.
    """
    words = poisoning.words[: max(LISTED - len(poisoning.people), 0)]
    rows = [(f"person {names.get(one.name, one.name)}", one) for one in poisoning.people]
    rows += [(f"word {one.name!r}", one) for one in words]
    cells: list[tuple[str, ...]] = [
        (name, interval(one.residual, 3), f"{len(one.prompts):,}", f"{one.p:.1g}") for name, one in rows
    ]
    return cells, len(poisoning.words) - len(words)


def machine_in_words(quality: Quality) -> Iterator[str]:
    """Shares of written answers."""
    written = quality.written
    if isinstance(written, NotAssessed):
        yield f"Cannot be assessed: {written.reason}."
        return
    for words, value in (
        ("Something was pasted into {}.", written.pasted),
        ("Fewer keys than half their characters were pressed for {}.", written.untyped),
        ("Written faster than anybody types (15 characters a second): {}.", written.too_fast),
        ("Of those that nobody surely typed, written as a model writes: {}.", written.prevalence),
    ):
        yield _sentence(words, value)
    yield "These are shares of all answers. None of them says of one answer, or one person, where it came from."


def evaluator_name(evaluator: EvaluatorQuality) -> str:
    """Who it is: pseudonym, and the kind where it is no person."""
    return evaluator.pseudonym if evaluator.kind == "person" else f"{evaluator.pseudonym} ({evaluator.kind})"
