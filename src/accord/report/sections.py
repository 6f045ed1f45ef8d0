"""What the sections on feedback, judges and policy show, drawn from the run; the template only lays it out."""

import math
from collections.abc import Iterator, Mapping, Sequence

from accord.artefacts import (
    CARD,
    EVALUATION,
    EVALUATION_SAMPLES,
    MODEL,
    SUMMARY,
    DataSummary,
    OptimumEstimate,
    PolicyEvaluation,
    RewardCard,
    RunReader,
)
from accord.report import figures
from accord.report.grid import Grid, Section
from accord.report.judge_doubt import std_of_scores
from accord.report.optional import card_of, evaluation_of, summary_of
from accord.report.own_evaluation import own_grids, own_sentences
from accord.report.table_row import Row
from accord.report.training_curves import Drawing, Figure, along_the_run
from accord.report.trust import trust_in_words
from accord.report.verdict import evaluators_in_words
from accord.report.words import count, counted, interval, observations, percent
from accord.stats import Estimate

__all__ = ["Grid", "Section", "feedback", "judges", "policy"]


def feedback(reader: RunReader) -> Section:
    """Who said what: counts, ties, splits, the agreement of two evaluators."""
    summary = summary_of(reader)
    if summary is None:
        return Section(missing=("No summary of the feedback in this run.",))
    who = evaluators_in_words(reader)
    sentences = [f"Evaluators: {who}." if who else "Who the evaluators were is not recorded.", *_counts(summary)]
    card = card_of(reader, "reward")
    agreement = summary.agreement or (None if card is None else card.agreement)
    missing = []
    if agreement is None:
        missing.append(
            "How often evaluators agree was not measured, so it is not known what a judge of these answers could reach."
        )
    else:
        sentences.append(
            f"Another evaluator of the same two texts orders them as the first did in {percent(agreement)} (a tie is "
            "half)."
        )
    consensus = summary.consensus or (None if card is None else card.consensus)
    if consensus is not None:
        sentences.append(
            f"All other evaluators together do in {percent(consensus)}: so much can be reached at least by a judge "
            "that has one opinion for everybody."
        )
    sentences += trust_in_words(reader)
    return Section(tuple(sentences), (_splits(summary),), missing=tuple(missing))


_PURPOSES = {
    "train": "the reward model and the policy",
    "eval_reward": "the independent judge",
    "held_out": "testing both judges",
}


def _counts(summary: DataSummary) -> Iterator[str]:
    """What was read and drawn, as far as the run counted it."""
    if summary.feedback is not None:
        kinds = f" ({_by_name(summary.feedback)})" if len(summary.feedback) > 1 else ""
        yield f"Judgements read: {counted(sum(summary.feedback.values()))}{kinds}."
    if summary.possible_pairs is not None:
        yield f"Pairs that could be drawn from them: {counted(summary.possible_pairs)}."
    yield f"Texts that stand in the pairs drawn: {counted(summary.completions)}."
    if summary.unused:
        yield f"These give no pairs: {_by_name(summary.unused)}."


def _by_name(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{counted(number)} {name}" for name, number in numbers.items())


def _splits(summary: DataSummary) -> Grid:
    columns = (summary.prompts, summary.pairs, summary.ties)
    names = list(dict.fromkeys([*_PURPOSES, *(name for column in columns for name in column)]))
    rows = [
        (_purpose(name), *(counted(column.get(name, 0)) if column else "unknown" for column in columns))
        for name in names
        if any(name in column for column in columns)
    ]
    head = ("split", "prompts", "pairs", "ties")
    return Grid("Prompts and pairs by split", head, tuple(rows), (SUMMARY.path(),))


def _purpose(name: str) -> str:
    return name.replace("_", " ") + (f", for {_PURPOSES[name]}" if name in _PURPOSES else "")


def judges(reader: RunReader, rows: Sequence[Row]) -> Section:
    """The reward model and the independent judge beside people and baselines."""
    marks, cards, missing = [], {}, []
    sentences: list[str] = []
    for stage, name, role in (("reward", "reward model", "proxy"), ("eval_reward", "independent judge", "judge")):
        card = card_of(reader, stage)
        sentences += std_of_scores(reader, stage, name)
        sentences += _over_words(name, card)
        if card is None:
            missing.append(f"No {name} in this run.")
        elif card.accuracy is None:
            missing.append(f"The {name} was not tested on pairs: none was held out that says which is better.")
        else:
            cards[CARD.path(stage)] = card
            marks.append(figures.Mark(name, card.accuracy, role))
    if not marks:
        return Section(tuple(sentences), missing=tuple(missing))
    people = {row.key: row.estimate for row in rows if row.key in {"agreement", "consensus"}}
    first = next(iter(cards.values()))
    others = (
        ("all other evaluators together", people.get("consensus")),
        ("another evaluator", people.get("agreement")),
        ("which words stand in it (TF-IDF)", first.words_only),
        ("length alone", first.length_only),
        ("the same answer always", first.majority),
    )
    marks += [figures.Mark(name, estimate, "muted") for name, estimate in others if estimate is not None]
    drawings = tuple(Drawing(figures.accuracy(marks, width=width), width) for width in figures.WIDTHS)
    caption = (
        "How often each orders two held-out texts as an evaluator did, ties of that evaluator left out and ties of "
        "whoever is tested counted half. Bars are 95 % intervals over sessions and, where people share them, texts. "
        "Dotted lines mark chance."
    )
    return Section(tuple(sentences), figures=(Figure(drawings, caption, tuple(cards)),), missing=tuple(missing))


def _over_words(name: str, card: RewardCard | None) -> Iterator[str]:
    """Beside the cheapest model that reads the texts, on the very same pairs."""
    gain = None if card is None else card.over_words
    if gain is None:
        return
    than = "a logistic regression on the words (TF-IDF) that learnt from the same pairs"
    size = f"{interval(gain)}, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{observations(gain)}"
    if gain.low is None or gain.high is None or gain.low <= 0 <= gain.high:
        yield f"That the {name} is right more often than {than} cannot be told: the difference in accuracy is {size}."
    else:
        more = "more" if gain.low > 0 else "less"
        yield f"The {name} is right {more} often than {than}: the difference in accuracy is {size}."


def policy(reader: RunReader) -> Section:
    """The policy: before and after, its scores along the run, its training."""
    sentences, missing, grids, drawings = [], [], [], []
    evaluation = evaluation_of(reader)
    if evaluation is None:
        missing.append(
            "No policy was evaluated in this run." if reader.has(MODEL, "policy") else "No policy in this run."
        )
    else:
        grids.append(_before_and_after(evaluation))
        if evaluation.optimum is not None:
            sentences.append(_optimum(evaluation.optimum, evaluation.kl))
    sentences += own_sentences(reader)
    grids += own_grids(reader)
    for part in along_the_run(reader):
        if isinstance(part, Figure):
            drawings.append(part)
        else:
            missing.append(part)
    return Section(tuple(sentences), tuple(grids), tuple(drawings), tuple(missing))


def _optimum(optimum: OptimumEstimate, own: Estimate) -> str:
    """Where the objective has its optimum, beside where the policy is; or that the start's texts cannot tell."""
    objective = f"the score less {optimum.kl_coef:.3g} times the KL to the start (the last step's coefficient)"
    texts, kl = count(optimum.samples, "text"), interval(optimum.kl, 2)
    if optimum.resolved:
        return (
            f"What it was trained for, {objective}, is greatest {kl} nats a text from the start, as far as {texts} a "
            f"prompt of the start show; the policy is {interval(own, 2)} nats from it."
        )
    return (
        f"What it was trained for, {objective}, is greatest at least about {kl} nats a text from the start; {texts} a "
        f"prompt cannot tell how much farther, since that optimum rests on {interval(optimum.effective, 1)} of them "
        f"and so many show {math.log(optimum.samples):.2f} nats at most. The policy's own {interval(own, 2)} nats "
        "therefore say where training ended, not where the objective has its optimum; a larger coefficient of the KL "
        "brings that nearer, a larger evaluate.samples_per_prompt shows more of it."
    )


_MEASURES = (
    ("eval_reward", "score by the independent judge", 2),
    ("reward", "score by the reward model", 2),
    ("stop_rate", "texts that end themselves", 3),
    ("length", "length, tokens", 1),
    ("entropy", "entropy, nats a token", 2),
    ("distinct_1", "distinct words (distinct-1)", 3),
    ("distinct_2", "distinct word pairs (distinct-2)", 3),
)


def _before_and_after(evaluation: PolicyEvaluation) -> Grid:
    rows = []
    for column, name, digits in _MEASURES:
        arms = [getattr(arm, column) for arm in (evaluation.start, evaluation.policy)]
        if any(arms):
            cells = [interval(estimate, digits) if estimate else "not measured" for estimate in arms]
            rows.append((name, *cells, _observations(arms)))
    head = ("measure", "start", "policy", "n (prompts)")
    files = (EVALUATION.path(), EVALUATION_SAMPLES.path())
    return Grid("Fresh texts on held-out prompts, before and after", head, tuple(rows), files)


def _observations(estimates: Sequence[Estimate | None]) -> str:
    """How many there were; of both arms where they differ."""
    return " and ".join(dict.fromkeys(observations(estimate) for estimate in estimates if estimate is not None))
