"""The run in plain words: what was trained on whose feedback, what changed, how sure that is, what fired."""

from collections import Counter
from collections.abc import Iterator

from accord.artefacts import ALGORITHM, EVALUATORS, METRICS, MODEL, PolicyEvaluation, RewardCard, RunReader, Verdict
from accord.feedback.provenance import is_identified, is_known
from accord.report.optional import card_of, evaluation_of, findings_of, rows_of_file, summary_of
from accord.report.words import count, counted, percent, series, tally
from accord.stats import Estimate

__all__ = ["evaluators_in_words", "headline", "verdict"]

_KINDS = {
    "person": ("person", "people"),
    "model": ("model", "models"),
    "rule": ("rule", "rules"),
    "simulated": ("simulated evaluator", "simulated evaluators"),
}


def headline(reader: RunReader) -> str:
    """The run in one line: the best thing that is known about it, and what fired."""
    evaluation, card, findings = evaluation_of(reader), card_of(reader, "reward"), findings_of(reader)
    if evaluation is not None and evaluation.win_rate is not None:
        win = evaluation.win_rate
        sentence = f"{_standing(win)} in {percent(win)} comparisons, by an independent judge."
    elif reader.has(MODEL, "policy"):
        sentence = "A policy was trained; no independent judge has compared it with its start."
    elif card is not None and card.accuracy is not None:
        sentence = (
            f"A reward model orders {percent(card.accuracy)} held-out pairs as its evaluators did; there is no policy."
        )
    elif software := reader.run.manifest.made_by:
        sentence = f"A run of {software}, read from what it left behind; no evaluation of its policy is in it."
    else:
        sentence = "Nothing has been trained and tested in this run yet."
    if findings is None:
        return f"{sentence} Its claims were not audited."
    fired = sum(finding.verdict is Verdict.FIRES for finding in findings)
    return f"{sentence} {fired} of {count(len(findings), 'check')} of the audit fired."


def _standing(win: Estimate) -> str:
    if win.low is not None and win.low > 0.5:
        return "The policy beats its start"
    if win.high is not None and win.high < 0.5:
        return "The policy is worse than its start: it wins"
    return "The policy cannot be told from its start: it wins"


def verdict(reader: RunReader) -> list[str]:
    """The sentences of the first paragraph, in order. What the run lacks is said in its place."""
    return [_feedback(reader), *_judged(reader), *_policy(reader), _audit(reader)]


def evaluators_in_words(reader: RunReader) -> str | None:
    """`3 people and 2 models`; `an unknown number of people` where it was not recorded who they are.

    None where nobody is named. An evaluator that was told apart by the shape of the data (a place in a list) is no
    person that is known: the same one may stand in many lists.
    """
    evaluators = rows_of_file(reader, EVALUATORS)
    if not evaluators:
        return None
    kinds: Counter[str] = Counter(evaluator.kind for evaluator in evaluators if is_identified(evaluator))
    unknown: Counter[str] = Counter(evaluator.kind for evaluator in evaluators if not is_identified(evaluator))
    parts = []
    for kind, (singular, plural) in _KINDS.items():
        if kinds[kind]:
            parts.append(count(kinds[kind], singular, plural))
        if unknown[kind]:
            parts.append(f"an unknown number of {'other ' if kinds[kind] else ''}{plural}")
    inferred = sum(bool(evaluator.inferred) and is_known(evaluator) for evaluator in evaluators)
    note = f" (what was recorded tells {count(inferred, 'place')} in lists apart, not people)" if inferred else ""
    return series(parts) + note


def _feedback(reader: RunReader) -> str:
    summary = summary_of(reader)
    if summary is None:
        return "This run has no feedback to show."
    who = evaluators_in_words(reader) or "evaluators who are not named"
    pairs, ties = sum(summary.pairs.values()), sum(summary.ties.values())
    judgements = "Judgements" if summary.feedback is None else count(sum(summary.feedback.values()), "judgement")
    return (
        f"{judgements} by {who} gave {count(pairs, 'pair')} of texts to learn from and to test on, {counted(ties)} of "
        "them ties."
    )


def _judged(reader: RunReader) -> list[str]:
    card = card_of(reader, "reward")
    if card is None:
        trained = reader.has(MODEL, "reward")
        return ["The reward model was not tested." if trained else "There is no reward model in this run."]
    if card.accuracy is None:
        return [f"The reward{_origin(reader)} was not tested on pairs: none was held out that says which is better."]
    sentences = [
        f"The reward{_origin(reader)} orders {percent(card.accuracy)} held-out pairs as the evaluators did.",
        *_beside_baseline(card, card.accuracy),
    ]
    if card.consensus is not None:
        sentences.append(f"All other evaluators together order {percent(card.consensus)} as the one did.")
    elif card.agreement is not None:
        sentences.append(f"Another evaluator orders {percent(card.agreement)} as the one did.")
    return sentences


def _origin(reader: RunReader) -> str:
    """What to call a reward after that word: a model that learnt, or a function that was given."""
    return (
        " model that learnt from them"
        if reader.has(MODEL, "reward")
        else ", a given one that learnt nothing from them,"
    )


def _beside_baseline(card: RewardCard, accuracy: Estimate) -> Iterator[str]:
    known = {
        "giving the same answer always": card.majority,
        "looking at length alone": card.length_only,
        "looking at which words there are": card.words_only,
    }
    baselines = {name: estimate for name, estimate in known.items() if estimate is not None}
    if baselines:
        name, baseline = max(baselines.items(), key=lambda item: item[1].value)
        above = accuracy.low is not None and baseline.high is not None and accuracy.low > baseline.high
        if baseline is card.words_only and card.over_words is not None and card.over_words.low is not None:
            above = card.over_words.low > 0
        yield f"That is {'clearly' if above else 'not clearly'} more than {name} reaches, {percent(baseline)}."


def _policy(reader: RunReader) -> list[str]:
    evaluation = evaluation_of(reader)
    if evaluation is None and not reader.has(MODEL, "policy"):
        return ["There is no policy in this run: nothing was optimised."]
    known = reader.has(ALGORITHM, "policy")
    training = reader.value(ALGORITHM, "policy").sentence if known else "A policy was then trained"
    steps = rows_of_file(reader, METRICS, "policy")
    sentence = training + (f", in {count(len(steps), 'step')}." if steps else ".")
    return [
        sentence,
        *(["What that changed was not evaluated."] if evaluation is None else _changes(reader, evaluation)),
    ]


def _changes(reader: RunReader, evaluation: PolicyEvaluation) -> list[str]:
    win, own, kl = evaluation.win_rate, evaluation.win_rate_reward, evaluation.kl
    origin = (
        "trained on feedback that the reward never saw" if reader.has(MODEL, "eval_reward") else "given with the run"
    )
    sentences = []
    if win is None:
        sentences.append("No independent judge compared the policy with its start.")
    else:
        sentences.append(
            f"An independent judge, {origin}, prefers the policy's text to its start's in {percent(win)} comparisons, "
            f"{_sure(win)}."
        )
    if own is not None:
        more = win is not None and own.low is not None and win.high is not None and own.low > win.high
        tail = ": it sees more improvement than the independent judge does" if more else ""
        sentences.append(f"By the reward it learnt from, the policy wins {percent(own)}{tail}.")
    between = "no interval" if kl.low is None or kl.high is None else f"{kl.low:.2f}, {kl.high:.2f}"
    sentences.append(f"It has moved {kl.value:.2f} nats a text from its start [{between}], over {kl.n:,} texts.")
    return sentences


def _sure(win: Estimate) -> str:
    if win.low is None or win.high is None:
        return "and how sure that is cannot be said"
    if win.low > 0.5:
        return "more often than chance explains"
    if win.high < 0.5:
        return "less often than chance explains"
    return "which cannot be told from no change at all"


def _audit(reader: RunReader) -> str:
    findings = findings_of(reader)
    if findings is None:
        return "The claims of this run were not audited."
    if not findings:
        return "The audit of this run holds no checks."
    return f"In the audit, {tally(findings)}."
