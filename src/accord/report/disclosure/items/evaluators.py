"""2: who judged, how they came to it, and whom they stand for."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from accord.artefacts import EVALUATORS, POPULATION, DisclosureField, DisclosureLine
from accord.feedback.provenance import group_of
from accord.feedback.quality.evaluators import EvaluatorQuality
from accord.records import Evaluator
from accord.report.disclosure.fields import known, line, number, table, unknown, withheld
from accord.report.disclosure.findings import audit_field
from accord.report.disclosure.item import Item
from accord.report.disclosure.privacy import FEWER, WITHHELD
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.verdict import evaluators_in_words
from accord.report.words import count, series
from accord.stats import Estimate, rate

__all__ = ["EVALUATORS_ITEM"]

POOL = "pool"
UNSAID = "not stated"
MOST_MACHINES = 50


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield _who(records)
    yield _composition(records)
    yield _concentration(records)
    yield _control(records)
    yield _noted(records, "recruitment", "How they were recruited")
    yield _noted(records, "training", "Instructions and training")
    yield _population(records)
    label = "Whether they are representative, biased or poison the data (MH1, MH2, MH3)"
    yield audit_field(records, "findings", label, {"MH1", "MH2", "MH3"})


def _who(records: Records) -> DisclosureField:
    label = "Who judged"
    if not records.evaluators:
        return unknown("who", label, "the run does not record who judged")
    machines = [one for one in records.evaluators.values() if one.kind in {"model", "rule"}]
    lines = [each for kind in ("person", "simulated") for each in _pools(records, kind)]
    lines += [line(records.privacy.name(one.pseudonym), "1", one.kind) for one in machines[:MOST_MACHINES]]
    value = _in_words(records)
    if any(one.kind == "simulated" for one in records.evaluators.values()):
        value += " Simulated evaluators are programs that stand for people, not people."
    evidence = [records.evidence(EVALUATORS)]
    return known("who", label, value, evidence, lines=table(("pool, or machine", "how many", "what"), lines))


def _pools(records: Records, kind: str) -> Iterator[DisclosureLine]:
    """People, or those who stand for them, by the pool that they came from."""
    pools = Counter(one.pool or "no pool" for one in records.people.values() if one.kind == kind)
    what = {"person": "people", "simulated": "simulated evaluators"}[kind]
    for names, shown in _cells(records, pools):
        yield line(" and ".join(map(records.privacy.name, names)), shown, what)


def _in_words(records: Records) -> str:
    """In a redacted version without a number of few people."""
    if records.privacy.redacting:
        kinds: Counter[str] = Counter(one.kind for one in records.evaluators.values())
        plural = {"person": "people", "model": "models", "rule": "rules", "simulated": "simulated evaluators"}
        told = [f"{records.privacy.people(number_of)} {plural[kind]}" for kind, number_of in sorted(kinds.items())]
        return f"{series(told)}."
    return f"{evaluators_in_words(records.reader) or 'nobody that is known'}."


def _cells(records: Records, people: Mapping[str, int]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Groups with their numbers of people; in a redacted version without those of few people, told together."""
    cells = records.privacy.cells(people)
    for name in cells.apart:
        yield (name,), records.privacy.people(people[name])
    if cells.together:
        names = ("several groups, of few people or left out with them",)
        yield names, records.privacy.people(sum(people[name] for name in cells.together))


def _composition(records: Records) -> DisclosureField:
    """People, and their share of the answers, by what they said of themselves."""
    label = "Composition of those who judged"
    attributes = sorted({name for one in records.people.values() for name in one.attributes or {}})
    if not attributes:
        return unknown("composition", label, "no evaluator's attributes are on record")
    lines = [each for name in attributes for each in _groups(records, name)]
    head = ("attribute", "group", "people", "share of the answers")
    value = f"By {series([records.privacy.name(name) for name in attributes])}, as people said of themselves."
    evidence = [records.evidence(EVALUATORS), *records.answers_evidence()]
    return known("composition", label, value, evidence, lines=table(head, lines))


def _groups(records: Records, attribute: str) -> Iterator[DisclosureLine]:
    group = {name: group_of(one, attribute) or UNSAID for name, one in records.people.items()}
    people = Counter(group.values())
    answers: Counter[str] = Counter()
    for name, of in group.items():
        answers[of] += records.answers_of[name]
    cells, total = records.privacy.cells(people), answers.total()
    told = records.privacy.name(attribute)

    def share(names: tuple[str, ...]) -> str:
        return f"{sum(answers[name] for name in names) / total:.1%}" if total else "no answers are kept"

    for name in cells.apart:
        yield line(told, records.privacy.name(name), records.privacy.people(people[name]), share((name,)))
    if cells.together:
        number_of = records.privacy.people(sum(people[name] for name in cells.together))
        yield line(told, "other groups together", number_of, WITHHELD if cells.untold else share(cells.together))


def _concentration(records: Records) -> DisclosureField:
    """How few people gave how much, from the audit."""
    label = "Whether a few people gave most of the answers"
    for each in records.findings or ():
        if each.id == "MH1 concentration" and each.estimate is not None:
            threshold = records.privacy.name(each.threshold)
            effective = each.facts.get("effective number of people")
            value = f"The most active gave {each.estimate.value:.1%} of the answers (threshold: {threshold})"
            value += "" if effective is None else f"; as if {effective.value:,.0f} people had given equally many"
            return known("concentration", label, f"{value}.", records.audit_evidence)
    return unknown("concentration", label, "the audit (MH1 concentration) did not say")


def _control(records: Records) -> DisclosureField:
    """Control questions that were answered rightly, over all answers to them; clusters are people."""
    label = "Right answers to questions whose answer is known"
    counted = [] if records.quality is None else [_counts(one) for one in records.quality.evaluators]
    known_ones = [each for each in counted if each is not None]
    if not known_ones:
        return unknown("control", label, "no control question was asked that a program can check")
    if not records.privacy.tells(len(known_ones)):
        return withheld("control", label, f"they were asked of {FEWER} people", records.answers_evidence())
    outcomes = np.concatenate([np.repeat([1.0, 0.0], [right, n - right]) for right, n in known_ones])
    people = [place for place, (_, n) in enumerate(known_ones) for _ in range(n)]
    estimate = rate(outcomes, people)
    lines = table(("number", "value"), [line(label.lower(), number(estimate), estimate=estimate)])
    return known("control", label, f"{estimate.value:.1%} of {estimate.n:,}.", records.answers_evidence(), lines=lines)


def _counts(one: EvaluatorQuality) -> tuple[int, int] | None:
    """Right answers and all answers of a person to control questions."""
    value = one.numbers["control"]
    return (round(value.value * value.n), value.n) if isinstance(value, Estimate) and one.kind != "model" else None


def _noted(records: Records, field: str, label: str) -> DisclosureField:
    """What each evaluator's record says, by how many people; words that somebody wrote."""
    notes = Counter(text for one in records.people.values() if (text := _note(one, field)))
    if not notes:
        return unknown(field, label, "the records of evaluators do not say")
    evidence = [records.evidence(EVALUATORS)]
    if records.privacy.redacting:
        return withheld(field, label, "what is noted of evaluators is written in words", evidence)
    value = f"On record for {sum(notes.values()):,} of {count(len(records.people), 'person', 'people')}."
    lines = [line(text, f"{number_of:,}") for text, number_of in notes.most_common()]
    return known(field, label, value, evidence, lines=table(("as recorded", "people"), lines))


def _note(one: Evaluator, field: str) -> str | None:
    return {"recruitment": one.recruitment, "training": one.training}[field]


def _population(records: Records) -> DisclosureField:
    label = "The population that they stand for"
    if not records.population:
        return unknown("target_population", label, "the recipe names no population")
    lines = [
        line(records.privacy.name(attribute), records.privacy.name(group), f"{share:.1%}")
        for attribute, shares in records.population.items()
        for group, share in shares.items()
    ]
    value = f"Shares of groups by {series([records.privacy.name(name) for name in records.population])}."
    evidence = [records.evidence(POPULATION)]
    return known("target_population", label, value, evidence, lines=table(("attribute", "group", "share"), lines))


EVALUATORS_ITEM = Item(
    2,
    "human_feedback.evaluators",
    "Evaluators",
    "How were those who judged selected and trained, so that they are not malicious, unrepresentative or unable?",
    "records and a person",
    _fields,
    (
        Question("text", "How were the people found who judged, and why these?"),
        Question(
            "screening",
            "By what were people let in, kept or sent away? Did it count whether they agree with the researchers?",
        ),
        Question("who", "Who judged, and how many were they?"),
        Question("composition", "Who were they: age, sex, place, language, work, as far as they said?"),
        Question("concentration", "Did a few people give most of the answers?"),
        Question("control", "How often did they answer questions rightly whose answer is known?"),
        Question("recruitment", "How were they recruited?"),
        Question("training", "What were they told, and how were they trained?"),
        Question("target_population", "For which population shall they stand, and why for that one?"),
        Question("findings", "How was it tested whether they are representative, unbiased and honest?"),
    ),
)
