"""What became different by the training, in words, and how sure that is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import EVALUATION_SAMPLES, MODEL, EvaluationSample, PolicyEvaluation, RunReader
from accord.report.optional import card_of, evaluation_of, rows_of_file
from accord.report.words import count, of_hundred
from accord.stats import Estimate, difference_of, jackknife

__all__ = ["Changes", "changes"]


@dataclass(frozen=True)
class Changes:
    """What came of the training in one sentence, what that rests on, and what else changed, a sentence each."""

    headline: str
    measured: str = ""
    sentences: tuple[str, ...] = ()
    basis: str = ""


def changes(reader: RunReader) -> Changes:
    """The policy against its start; or how far the run has come."""
    evaluation = evaluation_of(reader)
    if evaluation is None:
        return _so_far(reader)
    rows = rows_of_file(reader, EVALUATION_SAMPLES)
    sentences = (*_own_score(evaluation), *_length(rows), *_variety(evaluation), *_endings(evaluation))
    win = evaluation.win_rate
    if win is None:
        return Changes("A model was trained; no second judge compared its texts with those from before.", "", sentences)
    return Changes(_standing(win), _measured(reader, win), sentences, _basis(rows))


def _so_far(reader: RunReader) -> Changes:
    if reader.has(MODEL, "policy"):
        return Changes("A model was trained; nobody has compared its texts with those from before.")
    card = card_of(reader, "reward")
    if card is None or card.accuracy is None:
        return Changes(_elsewhere(reader) or "Nothing has been trained and tested in this run yet.")
    return Changes(
        "No model that writes was trained here, only one that scores texts.",
        f"Of two texts it prefers the one that people preferred in {of_hundred(card.accuracy)} cases; guessing reaches "
        "50.",
    )


def _elsewhere(reader: RunReader) -> str:
    """Of a run that other software made and nobody evaluated; empty of one of accord's."""
    software = reader.run.manifest.made_by
    if not software:
        return ""
    return f"A model was trained with {software}; nobody has compared its texts with those from before."


def _standing(win: Estimate) -> str:
    if win.low is None or win.high is None:
        return "How sure it is that training made the texts better cannot be said."
    if win.low > 0.5:
        return "The trained model's texts are preferred to those from before."
    if win.high < 0.5:
        return "The trained model's texts are worse than those from before."
    return "Whether training made the texts better cannot be told."


def _measured(reader: RunReader, win: Estimate) -> str:
    by = "another program, which learnt from answers that training never saw"
    if not reader.has(MODEL, "eval_reward"):
        by = "a second program that was given with the run"
    return (
        f"Of two answers to the same question, one from before and one from after, that of the trained model is "
        f"preferred in {of_hundred(win)} cases; 50 would be no difference. So says {by}. No person compared them."
    )


def _own_score(evaluation: PolicyEvaluation) -> Iterator[str]:
    """Where the score that training raised sees more than the second judge does."""
    win, own = evaluation.win_rate, evaluation.win_rate_reward
    if win is None or own is None or own.low is None or win.high is None:
        return
    if own.low > win.high:
        yield (
            f"The score that training was to raise prefers them more often still, in {of_hundred(own)}: a part of the "
            "improvement may please that score alone."
        )


def _length(rows: Sequence[EvaluationSample]) -> Iterator[str]:
    ratio = _ratio(rows, lambda row: float(len(row.text)))
    if ratio is None:
        return
    change, before, after = ratio
    figures = f"{before:,.0f} characters on average before, {after:,.0f} after"
    if change.low is None or change.high is None or change.low <= 1 <= change.high:
        yield f"The length of texts did not clearly change ({figures})."
    else:
        share = abs(change.value - 1)
        size = f"{100 * share:.0f}\N{NO-BREAK SPACE}%" if change.value < 2 else f"{change.value:.1f} times as long"
        ends = sorted(abs(100 * (end - 1)) for end in (change.low, change.high))
        likely = f"likely {ends[0]:.0f} to {ends[1]:.0f}\N{NO-BREAK SPACE}%"
        if change.value >= 2:
            yield f"Texts became {size} ({figures})."
        else:
            yield f"Texts became {size} {'longer' if change.value > 1 else 'shorter'} ({likely}; {figures})."


def _ratio(
    rows: Sequence[EvaluationSample], number_of: Callable[[EvaluationSample], float]
) -> tuple[Estimate, float, float] | None:
    """The mean of the policy's texts over that of the start's, over prompts, and both; None where there is none."""
    value_N = np.array([number_of(row) for row in rows])
    policy_N = np.array([row.arm == "policy" for row in rows], dtype=bool)
    if not policy_N.any() or policy_N.all() or not value_N[~policy_N].sum():
        return None

    def ratio(places: NDArray[np.intp]) -> float:
        value, policy = value_N[places], policy_N[places]
        if not policy.any() or policy.all() or not value[~policy].sum():
            return float("nan")
        return float(value[policy].mean() / value[~policy].mean())

    estimate = jackknife(ratio, len(rows), [row.prompt for row in rows])
    return estimate, float(value_N[~policy_N].mean()), float(value_N[policy_N].mean())


def _variety(evaluation: PolicyEvaluation) -> Iterator[str]:
    before, after = evaluation.start.distinct_2, evaluation.policy.distinct_2
    if before is None or after is None:
        return
    shift = _direction(before, after)
    words = {1: "are more varied", -1: "are more alike", 0: "are about as varied as before, as far as can be told"}
    figures = f"of 100 two-word pieces {100 * before.value:.0f} differed before, {100 * after.value:.0f} now"
    yield f"Texts that answer the same question {words[shift]} ({figures})."


def _endings(evaluation: PolicyEvaluation) -> Iterator[str]:
    before, after = evaluation.start.stop_rate, evaluation.policy.stop_rate
    shift = _direction(before, after)
    figures = f"{100 * after.value:.0f} of 100, {100 * before.value:.0f} before"
    if shift:
        yield f"{'More' if shift > 0 else 'Fewer'} texts come to an end before the longest that is allowed ({figures})."
    elif after.value < 0.9:
        yield f"Many texts are cut off at the longest that is allowed: only {figures}, come to an end by themselves."


def _direction(before: Estimate, after: Estimate) -> int:
    """1 or -1 where the second is surely more or less than the first, 0 where that cannot be told."""
    change = difference_of(after, before)
    if change.low is None or change.high is None or change.low <= 0 <= change.high:
        return 0
    return 1 if change.value > 0 else -1


def _basis(rows: Sequence[EvaluationSample]) -> str:
    if not rows:
        return ""
    prompts = len({row.prompt for row in rows})
    each = sum(row.arm == "policy" for row in rows)
    return (
        f"Measured on {count(each, 'text')} of the trained model and as many from before, in answer to "
        f"{count(prompts, 'question')} that nothing was trained on. “Likely” is the range that holds the true number "
        "in 95 of 100 such measurements."
    )
