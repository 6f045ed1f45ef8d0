"""Preflight: is the run's arithmetic what it says it is?

The silent faults that cost others weeks, each looked for in what the run left behind: a doubled BOS, an EOS that was
never learnt, rewards that depend on padding, a negative KL, a sampler and a trainer that disagree, a loss that changes
with gradient accumulation, a prompt on both sides of a split.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from accord.artefacts.finding import Finding, Verdict
from accord.audit.checks import Check, near_zero, needed
from accord.audit.evidence import Evidence
from accord.audit.logprob_checks import KL, RATIO, REFERENCE, REMEASURED, ROLLOUTS
from accord.audit.rows import SAMPLES, Row, arm, spread
from accord.audit.settings import AuditSettings
from accord.errors import MissingEvidence
from accord.feedback import Dataset, overlaps, read_data
from accord.records import Completion
from accord.stats import Estimate, mean, proportion

__all__ = ["CHECKS"]

SUPERVISED = "data/sft.jsonl"
CANDIDATES = "policy/candidates.jsonl"  # what a policy learns from that it did not write itself
KINDS = ("prompt", "session", "evaluator", "completion")


def _bos(evidence: Evidence, settings: AuditSettings) -> Finding:
    model = _some_model(evidence, "policy/model", "sft/model")
    from accord.audit.remeasure.tokens import leading_marks

    counts, expected = leading_marks(evidence, model)
    doubled = sum(count > 1 for count in counts)
    missing = sum(expected and count == 0 for count in counts)
    return BOS.finding(
        Verdict.FIRES if doubled + missing else Verdict.QUIET,
        proportion(doubled + missing, len(counts)),
        threshold="above 0 prompts",
        result=f"Of {len(counts)} prompts, {doubled} start with a doubled beginning-of-sequence token and {missing} "
        "lack the one that the tokenizer writes.",
        remedy="Tokenize rendered chat templates with add_special_tokens=False.",
        evidence=("data/prompts.jsonl", model),
    )


def _eos(evidence: Evidence, settings: AuditSettings) -> Finding:
    rows, start = arm(evidence, "policy"), arm(evidence, "start")
    end = _end_mark(evidence, [*rows, *start])
    misplaced = sum(_misplaced(row, end) for row in [*rows, *start])
    stopped, before = (
        mean([row["finish_reason"] == "eos" for row in some], [row["prompt"] for row in some]) for some in (rows, start)
    )
    limit = settings.preflight.stop_rate
    verdict, needs = Verdict.INCONCLUSIVE, needed(stopped, limit)
    if misplaced or (stopped.high is not None and stopped.high < limit):
        verdict, needs = Verdict.FIRES, ""
    elif stopped.low is not None and stopped.low >= limit:
        verdict, needs = Verdict.QUIET, ""
    return EOS.finding(
        verdict,
        stopped,
        threshold=f"fewer than {limit:g} of the completions end themselves, or any goes on after its end",
        result=f"{stopped.value:.0%} of the policy's completions end themselves ({before.value:.0%} at the start); "
        f"{misplaced} do not end where they say.",
        needs=needs,
        remedy="Mask by length, never by `ids != pad`, and put EOS at the end of every training completion.",
        evidence=(SAMPLES,),
        facts={"stop rate at the start": before, "ends misplaced": proportion(misplaced, len(rows) + len(start))},
    )


def _end_mark(evidence: Evidence, rows: list[Row]) -> int | None:
    """The model's end token; without the model, the one that most completions which ended themselves end with."""
    if evidence.run.has("policy/model"):
        from accord.audit.remeasure.tokens import end_mark

        return end_mark(evidence, "policy/model")
    last = Counter(row["token_ids"][-1] for row in rows if row["finish_reason"] == "eos")
    return last.most_common(1)[0][0] if last else None


def _misplaced(row: Row, end: int | None) -> bool:
    """Whether the end mark stands before the end, or is not last exactly where sampling says that it stopped there."""
    return end in row["token_ids"][:-1] or (row["finish_reason"] == "eos") != (row["token_ids"][-1] == end)


def _taught(evidence: Evidence, settings: AuditSettings) -> Finding:
    model = _some_model(evidence, "sft/model", "policy/model")
    rows = spread(evidence.jsonl(SUPERVISED), settings.preflight.samples)
    if not rows:
        raise MissingEvidence(f"supervised examples in {SUPERVISED}")
    from accord.audit.remeasure.tokens import endings

    found = endings(evidence, rows, model=model)
    untaught = found.taught.count(False)
    return TAUGHT.finding(
        Verdict.FIRES if untaught else Verdict.QUIET,
        proportion(untaught, len(rows)),
        threshold="above 0 examples",
        result=f"In {untaught} of {len(rows)} supervised examples the end is not a target, or stands before the last "
        f"place; {model} gives the end a mean probability of {np.mean(found.probability):.2f} where an example ends.",
        remedy="End every training completion with EOS, keep it in the loss, and take marks of the template out of the "
        "texts.",
        evidence=(SUPERVISED, "data/completions.jsonl", model),
        facts={
            "probability of the end where an example ends": mean(found.probability, [row["prompt"] for row in rows])
        },
    )


def _pad(evidence: Evidence, settings: AuditSettings) -> Finding:
    s = settings.preflight
    judges = {name: evidence.judges[name] for name in ("reward", "eval_reward") if name in evidence.judges}
    if not judges:
        raise MissingEvidence("the model of the judge 'reward'")
    rows = spread([row for row in evidence.jsonl(SAMPLES) if row["token_ids"]], s.samples)
    if len(rows) < 2:
        raise MissingEvidence(f"two samples in {SAMPLES}")
    prompts = [evidence.prompts[row["prompt"]] for row in rows]
    written = [Completion(prompt=row["prompt"], text=row["text"]) for row in rows]
    from accord.audit.remeasure.padding import score_changes

    changes, facts = {}, {}
    for name, judge in judges.items():
        change_N, deviation = score_changes(judge, prompts, written)
        if deviation == 0:
            raise MissingEvidence(f"samples in {SAMPLES} that the judge '{name}' tells apart")
        changes[name] = change_N / deviation
        largest = float(changes[name].max())
        facts[f"largest change, {name} (SDs)"] = Estimate(largest, None, None, len(rows), method="maximum")
    worst = max(changes, key=lambda name: float(changes[name].mean()))
    found = mean(changes[worst])
    largest = max(fact.value for fact in facts.values())
    verdict, needs = near_zero(found, s.padding)
    if largest > s.padding_largest:
        verdict, needs = Verdict.FIRES, ""
    return PAD.finding(
        verdict,
        found,
        threshold=f"a mean change above {s.padding:g} standard deviations of the score, or any above "
        f"{s.padding_largest:g}",
        result=f"A score of '{worst}' moves by {found.value:.4f} SDs on average when its completion is scored in other "
        f"company, and by {largest:.4f} at most.",
        needs=needs,
        remedy="Read the score at the completion's own last token, found by length, and mask padding by length.",
        evidence=(SAMPLES, *(f"{name}/model" for name in judges if evidence.run.has(f"{name}/model"))),
        facts=facts,
    )


def _accumulation(evidence: Evidence, settings: AuditSettings) -> Finding:
    s = settings.preflight
    model = _some_model(evidence, "sft/model", "policy/model")
    from accord.audit.remeasure.accumulation import gradient_gap

    gap, tokens = gradient_gap(evidence, examples=min(4, s.samples), model=model)
    return ACC.finding(
        Verdict.FIRES if gap > s.accumulation else Verdict.QUIET,
        Estimate(gap, None, None, tokens, method="no interval: one deterministic comparison"),
        threshold=f"a relative change above {s.accumulation:g}",
        result=f"The gradient of a batch and of its micro-batches differ by {gap:.1e} of its length.",
        remedy="Divide each micro-batch's loss by the whole step's token count, not by its own.",
        evidence=(SUPERVISED, model),
    )


def _split(evidence: Evidence, settings: AuditSettings) -> Finding:
    for name in ("prompts", "completions", "evaluators", "sft", "pairs-train", "pairs-held_out"):
        evidence.require(f"data/{name}.jsonl")
    evidence.require("data/summary.json")
    data = read_data(evidence.run)
    found = overlaps(data)
    looked = _ids(data)
    sides = {kind: (set(found.found[kind]), looked[kind]) for kind in KINDS if kind not in found.unassessable}
    sides |= _strays(evidence, data)
    shared = {kind: len(strays) for kind, (strays, _) in sides.items() if strays}
    said = ", ".join(f"{number} x {kind}" for kind, number in shared.items()) or "nothing"
    unknown = [kind for kind in found.unassessable if kind in KINDS]
    return SPLIT.finding(
        Verdict.FIRES if shared else Verdict.QUIET,
        proportion(sum(shared.values()), sum(len(every) for _, every in sides.values())),
        threshold="anything that stands on the wrong side of a split, or on two sides",
        result=f"On the wrong side of a split, or on two: {said}."
        + (f" Not known, because some pairs do not say it: {', '.join(unknown)}." if unknown else ""),
        remedy="Split by whole prompts, sessions or evaluators (`[data] split_by`), never by row.",
        evidence=(
            *(f"data/pairs-{name}.jsonl" for name in data.pairs),
            *(
                name
                for name in ("data/prompts.jsonl", SUPERVISED, ROLLOUTS, CANDIDATES, SAMPLES)
                if evidence.run.has(name)
            ),
        ),
        facts={"texts in pairs of several splits": proportion(len(found.found["text"]), len(looked["text"]))},
    )


def _ids(data: Dataset) -> dict[str, set[str]]:
    """What stands in any pair, by kind."""
    pairs = [pair for some in data.pairs.values() for pair in some]
    completions = {name for pair in pairs for name in (pair.chosen, pair.rejected)}
    return {
        "prompt": {pair.prompt for pair in pairs},
        "session": {pair.session for pair in pairs if pair.session is not None},
        "evaluator": {pair.evaluator for pair in pairs if pair.evaluator is not None},
        "completion": completions,
        "text": {data.completions[name].text for name in completions},
    }


def _strays(evidence: Evidence, data: Dataset) -> dict[str, tuple[set[str], set[str]]]:
    """What was learnt from though it is kept for judging, what was judged on though it is not; each with all of it."""
    kept = {
        name
        for split, pairs in data.pairs.items()
        if split != "train"
        for pair in pairs
        for name in (pair.chosen, pair.rejected)
    }
    held_out = {prompt for prompt, split in data.split_of.items() if split == "held_out"}
    learnt = set(data.sft)
    found = {
        "supervised example": (
            {name for name in learnt if name in kept or data.completions[name].prompt in held_out},
            learnt,
        )
    }
    for file in (ROLLOUTS, CANDIDATES):
        if evidence.run.has(file):
            trained = _prompts(evidence.jsonl(file))
            found["prompt of a rollout"] = (trained & held_out, trained)
    if evidence.run.has(SAMPLES):
        evaluated = _prompts(evidence.jsonl(SAMPLES))
        found["prompt of the evaluation"] = (evaluated - held_out, evaluated)
    return found


def _prompts(rows: Iterable[Row]) -> set[str]:
    return {row["prompt"] for row in rows}


def _some_model(evidence: Evidence, *names: str) -> str:
    """The first of these models that the run has. Raises `MissingEvidence`."""
    for name in names:
        if evidence.run.has(name):
            return name
    raise MissingEvidence(f"{' or '.join(names)} of the run")


BOS = Check("P-BOS", "tokens", "one beginning", "Every prompt starts with exactly the marks its model expects.", _bos)
EOS = Check("P-EOS", "stopping", "a learnt end", "The policy has learnt to stop, and nothing follows its end.", _eos)
TAUGHT = Check("P-EOS", "taught", "a learnt end", "Every supervised example teaches its end, once and last.", _taught)
PAD = Check("P-PAD", "padding", "rewards and padding", "A score does not depend on padding or batch size.", _pad)
ACC = Check("P-ACC", "gradient", "accumulation", "A step does not depend on how it was split.", _accumulation)
SPLIT = Check("P-SPLIT", "overlap", "clean splits", "Nothing stands on both sides of a split.", _split)

CHECKS = (BOS, EOS, TAUGHT, PAD, KL, RATIO, REMEASURED, REFERENCE, ACC, SPLIT)
