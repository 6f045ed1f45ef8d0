"""The card of each judge of a run, as the page shows it: what may be claimed, what moves its score, why it errs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from accord.artefacts import CARD, COMPLETIONS, PROMPTS, SCORES, RewardCard, RunReader, WrongPair, WrongText
from accord.records import Completion
from accord.report.canvas import WIDTHS
from accord.report.card_figures import Line, lines
from accord.report.judge_doubt import doubt_on_card
from accord.report.optional import card_of, recipe_of
from accord.report.sections import Grid, Section
from accord.report.training_curves import Drawing, Figure
from accord.report.words import clean, interval, percent, series, signed

__all__ = ["JudgeCard", "TextReason", "judge_cards"]

COMPLETE = 0.05  # of a difference, which its tokens may miss
ACCURACY_ROWS = 16  # of the figure by part; the others stand in the file


@dataclass(frozen=True)
class TextReason:
    """One text of a pair that a judge gets wrong, and the tokens that add or take most."""

    title: str
    text: str
    score: float
    tokens: tuple[tuple[str, str], ...]
    note: str


@dataclass(frozen=True)
class JudgeCard:
    """A judge's part of the page: what may be claimed with figures, and tables.

    `warning` is there where it is gameable; `wrong` are prompts with two texts each.
    """

    stage: str
    name: str
    warning: str | None
    content: Section
    tables: Section
    wrong: tuple[tuple[str, TextReason, TextReason], ...]


def judge_cards(reader: RunReader) -> tuple[JudgeCard, ...]:
    """The cards that say more than an accuracy: of the reward, of the rewards that are its components, of the judge."""
    stages = {"reward": "The reward model"}
    stages |= {f"rewards/{name}": f"The reward '{name}'" for name in recipe_of(reader).get("rewards", {})}
    stages["eval_reward"] = "The independent judge"
    cards = ((stage, name, card_of(reader, stage)) for stage, name in stages.items())
    return tuple(_card(reader, stage, name, card) for stage, name, card in cards if card is not None and card.claims)


def _card(reader: RunReader, stage: str, name: str, card: RewardCard) -> JudgeCard:
    files = (CARD.path(stage),)
    key = f"card-{stage.replace('/', '-').replace('_', '-')}"
    figures = [*_parts(card, key, files), *_edits(card, key, files), *_known_bad(card, key, files)]
    grids = [*_judgements(card, files), *_notes(card, files)]
    sentences = [claim for claim in card.claims or () if not claim.startswith("It is gameable")]
    sentences += [*doubt_on_card(card), *_other_judge(reader, card)]
    content, tables = Section(tuple(sentences), figures=tuple(figures)), Section(grids=tuple(grids))
    return JudgeCard(stage, name, _warning(card), content, tables, tuple(_wrong(reader, card.wrong_pairs or ())))


def _warning(card: RewardCard) -> str | None:
    if not card.gameable_by:
        return None
    beating = [
        f"{row.about} (for {percent(row.beats)} prompts)"
        for row in card.known_bad or ()
        if row.kind in card.gameable_by and row.beats is not None
    ]
    return (
        f"This judge is gameable. Scores above the median good answer: {series(beating)}. A policy that is trained on "
        "it will find that out."
    )


def _other_judge(reader: RunReader, card: RewardCard) -> Iterator[str]:
    """The agreement with the run's other judge, where that one's scores are those that it was held against."""
    other = card.other_judge
    if other is None or not reader.has(SCORES, other.judge):
        return
    file = SCORES.path(reader.stage(other.judge))
    if reader.run.manifest.files[file].sha256 == other.scores_digest and other.estimate is not None:
        yield (
            f"The run's other judge ({other.judge}) orders two texts of a prompt alike in {percent(other.estimate)} "
            "prompts, on average over their pairs; what both get wrong is not seen by that."
        )


def _drawn(
    rows: Sequence[Line], key: str, caption: str, files: tuple[str, ...], **settings: object
) -> Iterator[Figure]:
    if rows:
        drawings = tuple(Drawing(lines(rows, width=width, key=key, **settings), width) for width in WIDTHS)  # type: ignore[arg-type]
        yield Figure(drawings, caption, files)


def _parts(card: RewardCard, key: str, files: tuple[str, ...]) -> Iterator[Figure]:
    """The accuracy of the whole and of its parts."""
    rows = [
        *((row.name, row.estimate) for row in (card.held_out_prompts, card.held_out_evaluators) if row),
        *((row.name, row.estimate) for row in card.lengths or ()),
        *((f"{row.attribute}: {row.group}", row.estimate) for row in card.groups or ()),
        *((f"{row.prompts}, {row.responses}", row.estimate) for row in card.shifts or ()),
        *((f"source {row.name}", row.estimate) for row in card.sources or ()),
    ]
    drawn = [Line(name, estimate, "muted") for name, estimate in rows if estimate is not None][:ACCURACY_ROWS]
    whole = [] if card.accuracy is None else [Line("all held-out pairs", card.accuracy, "judge")]
    caption = (
        "How often it orders two held-out texts as an evaluator did: all of them, and parts of them. With lengths "
        "matched, length alone reaches one half; near and far say how like what was learnt from prompts or texts are. "
        "Dotted lines mark chance."
    )
    yield from _drawn(
        [*whole, *drawn], f"{key}-parts", caption, files, title="Accuracy by part", axis="share of pairs", nothing=0.5
    )


def _edits(card: RewardCard, key: str, files: tuple[str, ...]) -> Iterator[Figure]:
    """What edits do to the score, those that should not matter first."""
    rows = [
        Line(
            f"{row.edit} (should {'lower it' if row.matters else 'not matter'}){': a fault' if row.fault else ''}",
            row.effect,
            "proxy" if row.fault else "judge" if row.matters else "muted",
        )
        for row in card.edits or ()
        if row.effect is not None
    ]
    about = "; ".join(f"{row.edit}: {row.about}" for row in card.edits or () if row.effect is not None)
    caption = (
        "What an edit of good answers does to their score, in standard deviations of the held-out scores. Dotted lines "
        f"mark no change. A fault lies with its whole interval where it should not. {about}."
    )
    title, axis = "What edits do to the score", "change of the score, standard deviations"
    yield from _drawn(rows, f"{key}-edits", caption, files, title=title, axis=axis, nothing=0.0, with_sign=True)


def _known_bad(card: RewardCard, key: str, files: tuple[str, ...]) -> Iterator[Figure]:
    """How often texts that are no answers win."""
    won = card.gameable_by or ()
    rows = [
        Line(row.about, row.beats, "proxy" if row.kind in won else "muted")
        for row in card.known_bad or ()
        if row.beats is not None
    ]
    caption = (
        "How often a text that is no answer scores above the median good answer to the same prompt. Dotted lines mark "
        "one half: beyond it, the judge likes it better than good answers."
    )
    title, axis = "Texts that are no answers against good answers", "share of prompts"
    yield from _drawn(rows, f"{key}-bad", caption, files, title=title, axis=axis, nothing=0.5)


def _judgements(card: RewardCard, files: tuple[str, ...]) -> Iterator[Grid]:
    if card.judgements:
        rows = [
            (row.kind, f"{row.acts:,}", row.name, row.note or "" if row.estimate is None else interval(row.estimate))
            for row in card.judgements
        ]
        head = ("kind", "held out", "measured", "value")
        yield Grid("Every kind of judgement that was held out", head, tuple(rows), files)


def _notes(card: RewardCard, files: tuple[str, ...]) -> Iterator[Grid]:
    """What has no number, and why."""
    notes: dict[str, str | None] = {}
    parts = (card.member_calibration, card.held_out_prompts, card.held_out_evaluators)
    for row in (*parts, *(card.lengths or ()), *(card.sources or ())):
        if row is not None and row.estimate is None:
            notes[row.name] = row.note
    notes |= {f"{row.attribute}: {row.group}": row.note for row in card.groups or () if row.estimate is None}
    notes |= {f"{row.prompts}, {row.responses}": row.note for row in card.shifts or () if row.estimate is None}
    notes |= {f"edit: {row.edit}": row.note for row in card.edits or () if row.effect is None}
    notes |= {f"no answer: {row.kind}": row.note for row in card.known_bad or () if row.beats is None}
    if card.other_judge is not None and card.other_judge.estimate is None:
        notes["agreement with the other judge"] = card.other_judge.note
    names: dict[str, list[str]] = {}
    for name, note in notes.items():
        if note:
            names.setdefault(note.removeprefix("not assessable: "), []).append(name)
    rows = tuple((", ".join(each), note) for note, each in names.items())
    if rows:
        yield Grid("What could not be measured, and why", ("part", "why"), rows, files)


def _wrong(reader: RunReader, pairs: Sequence[WrongPair]) -> Iterator[tuple[str, TextReason, TextReason]]:
    if not pairs:
        return
    prompts = reader.prompts if reader.has(PROMPTS) else {}
    texts = reader.completions if reader.has(COMPLETIONS) else {}
    for pair in pairs:
        prompt = prompts[pair.prompt].text if pair.prompt in prompts else pair.prompt
        yield clean(prompt), _reason("Preferred", pair.chosen, texts), _reason("Not preferred", pair.rejected, texts)


def _reason(title: str, row: WrongText, texts: Mapping[str, Completion]) -> TextReason:
    text = texts[row.completion].text if row.completion in texts else row.completion
    lacks = abs(row.residual) / abs(row.difference) if row.difference else 0.0
    note = f"All tokens together: {signed(row.difference)}; the sum misses {100 * lacks:.1f} % of it"
    note += ", too much to read reasons from it." if lacks > COMPLETE else "."
    tokens = tuple((clean(token.text).strip() or "(space)", signed(token.amount)) for token in row.tokens)
    return TextReason(title, clean(text), row.score, tokens, note)
