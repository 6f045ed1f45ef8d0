"""The run in one paragraph of plain words: what was trained on whose feedback, what changed, how sure that is."""

from collections import Counter

from accord.report.reading import Reading
from accord.report.words import count, counted, duration, percent, series, tally
from accord.stats import Estimate

__all__ = ["evaluators_in_words", "verdict"]

_KINDS = {
    "person": ("person", "people"),
    "model": ("model", "models"),
    "rule": ("rule", "rules"),
    "simulated": ("simulated evaluator", "simulated evaluators"),
}
_ALGORITHMS = {
    "ppo": "PPO then optimised the policy against the reward model",
    "dpo": "DPO then trained the policy on the pairs themselves",
    "sft": "Supervised fine-tuning then trained the policy on the preferred texts",
}


def verdict(reading: Reading) -> list[str]:
    """The sentences, in order. What the run lacks is said in its place."""
    return [
        _feedback(reading),
        *_judged(reading),
        *_policy(reading),
        _audit(reading),
    ]


def evaluators_in_words(reading: Reading) -> str | None:
    """`3 people and 2 models`, with how many of them are derived; None where nobody is named."""
    rows = reading.jsonl("data/evaluators.jsonl")
    if not rows:
        return None
    kinds = Counter(str(row.get("kind")) for row in rows)
    parts = [count(kinds[kind], *names) for kind, names in _KINDS.items() if kinds[kind]]
    other = sum(kinds.values()) - sum(kinds[kind] for kind in _KINDS)
    parts += [count(other, "evaluator of unknown kind", "evaluators of unknown kind")] if other else []
    derived = sum(bool(row.get("derived")) for row in rows)
    note = f" ({counted(derived)} of them told apart by the shape of the data, not recorded)" if derived else ""
    return series(parts) + note


def _feedback(reading: Reading) -> str:
    content = reading.json("data/summary.json")
    if content is None:
        return "This run has no feedback of its own to show."
    who = evaluators_in_words(reading)
    pairs = sum((content.get("pairs") or {}).values())
    ties = sum((content.get("ties") or {}).values())
    said = f"{counted(content['feedback'])} judgements" if isinstance(content.get("feedback"), int) else "Judgements"
    of = f" of {who}" if who else " of evaluators that are not named"
    return f"{said}{of} gave {count(pairs, 'pair')} of texts to learn from and to test with, {counted(ties)} of them ties."


def _judged(reading: Reading) -> list[str]:
    file = "reward/evaluation.json"
    found = reading.estimate(file, "accuracy")
    if found is None:
        return ["There is no reward model in this run." if reading.json(file) is None else "The reward model was not tested."]
    said = [f"The reward model learnt from them orders held-out pairs as people did in {percent(found)}."]
    said[0] = said[0].replace("as people did", "as the evaluators did")
    best = _best_baseline(reading)
    if best is not None:
        name, baseline = best
        above = found.low is not None and baseline.high is not None and found.low > baseline.high
        said.append(
            f"{'That is clearly more than' if above else 'That is not clearly more than'} {name}, {percent(baseline)}."
        )
    agreement = reading.estimate(file, "agreement")
    if agreement is not None:
        said.append(f"Two evaluators agree with one another in {percent(agreement)}, which is the most to hope for.")
    return said


def _best_baseline(reading: Reading) -> tuple[str, Estimate] | None:
    names = {"majority": "giving always the same answer", "length_only": "looking at length alone"}
    found = [(name, reading.estimate("reward/evaluation.json", key)) for key, name in names.items()]
    known = [(name, each) for name, each in found if each is not None]
    return max(known, key=lambda item: item[1].value) if known else None


def _policy(reading: Reading) -> list[str]:
    if not reading.run.has("policy/model") and reading.json("evaluation/evaluation.json") is None:
        return ["There is no policy in this run: nothing was optimised."]
    kind = ((reading.recipe or {}).get("policy") or {}).get("kind")
    steps = reading.jsonl("policy/metrics.jsonl")
    made = _ALGORITHMS.get(str(kind), "A policy was then trained")
    said = [made + (f", in {count(len(steps), 'step')}." if steps else ".")]
    if reading.json("evaluation/evaluation.json") is None:
        return [*said, "It has not been evaluated, so nothing is known about what changed."]
    return [*said, *_changed(reading)]


def _changed(reading: Reading) -> list[str]:
    file = "evaluation/evaluation.json"
    win, own, kl = (reading.estimate(file, key) for key in ("win_rate", "win_rate_proxy", "kl"))
    said = []
    if win is None:
        said.append("No independent judge compared the policy with its start.")
    else:
        said.append(
            "An independent judge, trained on feedback that the reward model never saw, prefers the policy's text to "
            f"its start's in {percent(win)} comparisons{_sure(win)}."
        )
    if own is not None:
        more = win is not None and own.low is not None and win.high is not None and own.low > win.high
        tail = ": the reward model sees more improvement than the independent judge does" if more else ""
        said.append(f"By its own reward it wins {percent(own)}{tail}.")
    if kl is not None:
        between = "no interval" if kl.low is None or kl.high is None else f"{kl.low:.2f}, {kl.high:.2f}"
        said.append(f"It moved {kl.value:.2f} nats a text away from its start [{between}], over {kl.n:,} texts.")
    return said


def _sure(win: Estimate) -> str:
    if win.low is None or win.high is None:
        return "; how sure that is cannot be said"
    if win.low > 0.5:
        return "; chance alone would not explain that"
    if win.high < 0.5:
        return ", which is worse than the start"
    return ", which cannot be told from no change at all"


def _audit(reading: Reading) -> str:
    findings = reading.findings
    spent = reading.seconds
    time = f" The run took {duration(sum(spent.values()))}." if spent else ""
    if findings is None:
        return f"The claims of this run were not audited.{time}"
    if not findings:
        return f"The audit of this run holds no checks.{time}"
    return f"In the audit, {tally(findings)}.{time}"
