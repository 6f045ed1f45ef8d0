"""7: how good the reward model is, and who tried to fool it."""

from collections import Counter
from collections.abc import Iterator

from accord.artefacts import CARD, DisclosureEvidence, DisclosureField, DisclosureLine, Measure, RewardCard, pairs_of
from accord.feedback.provenance import group_of
from accord.report.disclosure.fields import inapplicable, known, line, number, table, unknown
from accord.report.disclosure.findings import audit_field
from accord.report.disclosure.item import Item
from accord.report.disclosure.items.objective import no_reward
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.optional import card_of
from accord.report.words import series

__all__ = ["REWARD_EVALUATION_ITEM"]

NUMBERS = {
    "accuracy": "orders held-out pairs as the evaluator did",
    "majority": "the same answer always",
    "length_only": "looking at length alone",
    "words_only": "looking at which words there are",
    "over_words": "how much more often it is right than that, on the same pairs",
    "consensus": "all other evaluators together",
    "agreement": "another evaluator (a tie is half)",
    "ece": "error of its probabilities (ECE)",
    "brier": "Brier score",
    "log_loss": "log loss, nats",
}


def _fields(records: Records) -> Iterator[DisclosureField]:
    reason = no_reward(records)
    if reason is not None:
        for name, label in (("card", CARD_LABEL), ("groups", GROUP_LABEL), ("weaknesses", FOOLED_LABEL)):
            yield inapplicable(name, label, reason)
    else:
        yield _card(records)
        yield _groups(records)
        yield _weaknesses(records)
    label = "Whether it can be relied on (RE1, X7), prefers the wrong things (RG1), or is exploited (RG2)"
    yield audit_field(records, "findings", label, {"RE1", "RG1", "RG2", "X7"})


CARD_LABEL = "How good it is on what was held out"
GROUP_LABEL = "How good it is for each group of people"
FOOLED_LABEL = "What fools it, as far as its card tried"


def _cards(records: Records) -> list[tuple[str, str, RewardCard]]:
    cards = ((stage, name, card_of(records.reader, stage)) for stage, name in records.reward_stages.items())
    return [(stage, name, card) for stage, name, card in cards if card is not None]


def _evidence(records: Records, cards: list[tuple[str, str, RewardCard]]) -> list[DisclosureEvidence]:
    return [records.evidence(CARD, stage) for stage, _, _ in cards]


def _card(records: Records) -> DisclosureField:
    cards = _cards(records)
    lines = [each for _, name, card in cards for each in _numbers(name, card)]
    if not lines:
        return unknown("card", CARD_LABEL, "no reward of this run was tested on what was held out")
    value = f"Measured on pairs that nothing was learnt from, of {series([name for _, name, _ in cards])}."
    head = ("of what", "measure", "value")
    return known("card", CARD_LABEL, value, _evidence(records, cards), lines=table(head, lines))


def _numbers(name: str, card: RewardCard) -> Iterator[DisclosureLine]:
    for key, words in NUMBERS.items():
        estimate = getattr(card, key)
        if estimate is not None:
            yield line(name, words, number(estimate), estimate=estimate)
    parts: list[Measure | None] = [card.held_out_prompts, card.held_out_evaluators, card.member_calibration]
    for row in (*parts, *(card.lengths or ())):
        if row is not None and row.estimate is not None:
            yield line(name, row.name, number(row.estimate), estimate=row.estimate)
    for shift in card.shifts or ():
        if shift.estimate is not None:
            yield line(name, f"{shift.prompts}, {shift.responses}", number(shift.estimate), estimate=shift.estimate)
    for judged in card.judgements or ():
        if judged.estimate is not None and judged.kind != "comparison":
            yield line(name, f"{judged.kind}: {judged.name}", number(judged.estimate), estimate=judged.estimate)


def _groups(records: Records) -> DisclosureField:
    """Accuracy by group; in a redacted version of groups of whom five people or more judged held-out pairs."""
    cards = _cards(records)
    told = records.privacy.name
    lines = [
        line(name, f"{told(row.attribute)}: {told(row.group)}", number(row.estimate), estimate=row.estimate)
        for _, name, card in cards
        for row in card.groups or ()
        if row.estimate is not None and row.group in _tellable(records, row.attribute)
    ]
    if not lines:
        return unknown("groups", GROUP_LABEL, "no two groups of people judged enough held-out pairs")
    value = "Accuracy on the held-out pairs that people of each group judged."
    if records.privacy.redacting:
        value += " Groups of few people are left out."
    head = ("of what", "group", "accuracy")
    return known("groups", GROUP_LABEL, value, _evidence(records, cards), lines=table(head, lines))


def _tellable(records: Records, attribute: str) -> frozenset[str]:
    """The groups whose numbers may be told, by how many of their people judged held-out pairs."""
    pairs = records.reader.pairs("held_out") if records.reader.has(pairs_of("held_out")) else []
    judged = {each.evaluator for each in pairs}
    groups = [group_of(one, attribute) for name, one in records.evaluators.items() if name in judged]
    people = Counter("" if group is None else group for group in groups)
    return frozenset(records.privacy.cells(people).apart)


def _weaknesses(records: Records) -> DisclosureField:
    """Edits that should not matter and do, texts that are no answers and win."""
    cards = _cards(records)
    lines = [each for _, name, card in cards for each in _attempts(name, card)]
    if not lines:
        return unknown("weaknesses", FOOLED_LABEL, "no card of this run asked a judge about edited texts")
    gameable = sorted({kind for _, _, card in cards for kind in card.gameable_by or ()})
    value = "None of the texts that are no answers wins mostly; others were not tried."
    if gameable:
        value = f"It is gameable: these win though they are no answers: {series(gameable)}."
    head = ("of what", "what was tried", "what came of it")
    return known("weaknesses", FOOLED_LABEL, value, _evidence(records, cards), lines=table(head, lines))


def _attempts(name: str, card: RewardCard) -> Iterator[DisclosureLine]:
    for edit in card.edits or ():
        if edit.effect is not None:
            result = f"{number(edit.effect, 2)} deviations: {'a fault' if edit.fault else 'as it should be'}"
            yield line(name, f"edit: {edit.about}", result, estimate=edit.effect)
    for bad in card.known_bad or ():
        if bad.beats is not None:
            wins = bad.kind in (card.gameable_by or ())
            result = f"{number(bad.beats)} of prompts: {'it wins' if wins else 'it does not win'}"
            yield line(name, f"no answer: {bad.about}", result, estimate=bad.beats)


REWARD_EVALUATION_ITEM = Item(
    7,
    "reward_model.evaluation",
    "How good the reward model is",
    "How was the reward model evaluated, with which results, and what came of attempts to fool it (red teaming)?",
    "records and a person",
    _fields,
    (
        Question("text", "Who tried to fool the reward model, how, and what came of it?"),
        Question("red_team_hours", "How many hours was that tried, all people together?", "amount", "hours"),
        Question("not_tried", "What was not tried?"),
        Question("card", "How good is the reward model on what was held out?"),
        Question("groups", "How good is it for each group of people?"),
        Question("findings", "How was it tested whether it can be relied on and is not exploited?"),
        Question("weaknesses", "What fools it, as far as you know?"),
    ),
)
