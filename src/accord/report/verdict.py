"""The run in plain words: what was trained on whose feedback, what changed, how sure that is, what fired."""

from collections import Counter

from accord.artefacts.finding import Verdict
from accord.report.reading import Reading
from accord.report.words import count, counted, percent, series, tally
from accord.stats import Estimate

__all__ = ["evaluators_in_words", "headline", "verdict"]

REWARD, EVALUATION = "reward/evaluation.json", "evaluation/evaluation.json"
_KINDS = {
    "person": ("person", "people"),
    "model": ("model", "models"),
    "rule": ("rule", "rules"),
    "simulated": ("simulated evaluator", "simulated evaluators"),
}


def headline(reading: Reading) -> str:
    """The run in one line: the best thing that is known about it, and what fired."""
    win, found = reading.estimate(EVALUATION, "win_rate"), reading.estimate(REWARD, "accuracy")
    if win is not None:
        said = f"{_standing(win)} in {percent(win)} comparisons, by an independent judge."
    elif reading.run.has("policy/model"):
        said = "A policy was trained; no independent judge has compared it with its start."
    elif found is not None:
        said = f"A reward model orders {percent(found)} held-out pairs as its evaluators did; there is no policy."
    else:
        said = "Nothing has been trained and tested in this run yet."
    findings = reading.findings
    if findings is None:
        return f"{said} Its claims were not audited."
    fired = sum(each.verdict is Verdict.FIRES for each in findings)
    return f"{said} {fired} of {count(len(findings), 'check')} of the audit fired."


def _standing(win: Estimate) -> str:
    if win.low is not None and win.low > 0.5:
        return "The policy beats its start"
    if win.high is not None and win.high < 0.5:
        return "The policy is worse than its start: it wins"
    return "The policy cannot be told from its start: it wins"


def verdict(reading: Reading) -> list[str]:
    """The sentences of the first paragraph, in order. What the run lacks is said in its place."""
    return [_feedback(reading), *_judged(reading), *_policy(reading), _audit(reading)]


def evaluators_in_words(reading: Reading) -> str | None:
    """`3 people and 2 models`, with how many of them are inferred; None where nobody is named."""
    rows = reading.jsonl("data/evaluators.jsonl")
    if not rows:
        return None
    kinds = Counter(str(row.get("kind")) for row in rows)
    parts = [count(kinds[kind], *names) for kind, names in _KINDS.items() if kinds[kind]]
    other = sum(kinds.values()) - sum(kinds[kind] for kind in _KINDS)
    parts += [count(other, "evaluator of unknown kind", "evaluators of unknown kind")] if other else []
    inferred = sum(bool(row.get("inferred")) for row in rows)
    whose = "" if inferred == len(rows) else f"{counted(inferred)} of them "
    note = f" ({whose}told apart by the shape of the data, not as recorded)" if inferred else ""
    return series(parts) + note


def _feedback(reading: Reading) -> str:
    content = reading.json("data/summary.json")
    if content is None:
        return "This run has no feedback to show."
    who = evaluators_in_words(reading) or "evaluators who are not named"
    pairs = sum((content.get("pairs") or {}).values())
    ties = sum((content.get("ties") or {}).values())
    said = count(content["feedback"], "judgement") if isinstance(content.get("feedback"), int) else "Judgements"
    drawn = f"{count(pairs, 'pair')} of texts to learn from and to test on, {counted(ties)} of them ties"
    return f"{said} by {who} gave {drawn}."


def _judged(reading: Reading) -> list[str]:
    found = reading.estimate(REWARD, "accuracy")
    if found is None:
        tested = reading.run.has("reward/model") or reading.json(REWARD) is not None
        return ["The reward model was not tested." if tested else "There is no reward model in this run."]
    said = [f"The reward model that learnt from them orders {percent(found)} held-out pairs as the evaluators did."]
    best = _best_baseline(reading)
    if best is not None:
        name, baseline = best
        above = found.low is not None and baseline.high is not None and found.low > baseline.high
        said.append(f"That is {'clearly' if above else 'not clearly'} more than {name} reaches, {percent(baseline)}.")
    agreement = reading.estimate(REWARD, "agreement")
    if agreement is not None:
        said.append(f"Two evaluators agree on {percent(agreement)}: no judge can be expected to do better.")
    return said


def _best_baseline(reading: Reading) -> tuple[str, Estimate] | None:
    names = {"majority": "giving the same answer always", "length_only": "looking at length alone"}
    found = [(name, reading.estimate(REWARD, key)) for key, name in names.items()]
    known = [(name, each) for name, each in found if each is not None]
    return max(known, key=lambda item: item[1].value) if known else None


def _policy(reading: Reading) -> list[str]:
    evaluated = reading.json(EVALUATION) is not None
    if not evaluated and not reading.run.has("policy/model"):
        return ["There is no policy in this run: nothing was optimised."]
    algorithm = reading.json("policy/algorithm.json")
    steps = reading.jsonl("policy/metrics.jsonl")
    trained = algorithm["sentence"] if algorithm else "A policy was then trained"
    said = [trained + (f", in {count(len(steps), 'step')}." if steps else ".")]
    return [*said, *(_changed(reading) if evaluated else ["What that changed was not evaluated."])]


def _changed(reading: Reading) -> list[str]:
    win, own, kl = (reading.estimate(EVALUATION, key) for key in ("win_rate", "win_rate_reward", "kl"))
    said = []
    if win is None:
        said.append("No independent judge compared the policy with its start.")
    else:
        said.append(
            "An independent judge, trained on feedback that the reward model never saw, prefers the policy's text to "
            f"its start's in {percent(win)} comparisons, {_sure(win)}."
        )
    if own is not None:
        more = win is not None and own.low is not None and win.high is not None and own.low > win.high
        tail = ": it sees more improvement than the independent judge does" if more else ""
        said.append(f"By the reward model it learnt from, the policy wins {percent(own)}{tail}.")
    if kl is not None:
        between = "no interval" if kl.low is None or kl.high is None else f"{kl.low:.2f}, {kl.high:.2f}"
        said.append(f"It has moved {kl.value:.2f} nats a text from its start [{between}], over {kl.n:,} texts.")
    return said


def _sure(win: Estimate) -> str:
    if win.low is None or win.high is None:
        return "and how sure that is cannot be said"
    if win.low > 0.5:
        return "more often than chance explains"
    if win.high < 0.5:
        return "less often than chance explains"
    return "which cannot be told from no change at all"


def _audit(reading: Reading) -> str:
    findings = reading.findings
    if findings is None:
        return "The claims of this run were not audited."
    if not findings:
        return "The audit of this run holds no checks."
    return f"In the audit, {tally(findings)}."
