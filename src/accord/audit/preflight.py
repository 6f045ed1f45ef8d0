"""Preflight: is the run's arithmetic what it says it is?

The silent faults that cost others weeks, each looked for in what the run left behind: a doubled BOS, an EOS that was
never learnt, rewards that depend on padding, a negative KL, a sampler and a trainer that disagree, a loss that changes
with gradient accumulation, a prompt on both sides of a split.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import norm

from accord.audit.checks import Check
from accord.audit.evidence import Evidence, Missing
from accord.audit.finding import Finding, Verdict
from accord.feedback import overlaps, read_data
from accord.records import Completion
from accord.stats import Estimate, mean, proportion

if TYPE_CHECKING:
    from accord.audit.settings import AuditSettings

__all__ = ["CHECKS", "PreflightSettings"]

Row = dict[str, Any]


class PreflightSettings(BaseModel):
    """Thresholds of the preflight."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stop_rate: float = Field(default=0.5, ge=0, le=1, description="P-EOS fires where fewer completions end themselves")
    padding: float = Field(default=0.05, gt=0, description="P-PAD: mean change of a score by its company, in SDs")
    kl_level: float = Field(default=0.001, gt=0, lt=1, description="P-KL: chance of a false alarm over all steps")
    kl_gap: float = Field(default=0.01, gt=0, description="P-KL: nats between the logged KL and the one recomputed")
    ratio: float = Field(
        default=0.02, gt=0, description="P-RATIO: bias of the mean ratio, of the mean log-ratio a token"
    )
    accumulation: float = Field(default=0.001, gt=0, description="P-ACC: relative change of the gradient")
    samples: int = Field(default=32, ge=4, description="samples and examples that are worked out again")


def _bos(evidence: Evidence, settings: "AuditSettings") -> Finding:
    from accord.audit.remeasure.tokens import leading_marks

    model = _some_model(evidence)
    counts, expected = leading_marks(evidence, model)
    wrong = sum(count > 1 or (expected and count == 0) for count in counts)
    return _finding(
        BOS,
        Verdict.FIRES if wrong else Verdict.QUIET,
        estimate=proportion(wrong, len(counts)),
        threshold="above 0 prompts",
        result=f"{wrong} of {len(counts)} prompts start with a missing or doubled beginning-of-sequence token.",
        remedy="Tokenize rendered chat templates with add_special_tokens=False.",
        evidence=("data/prompts.jsonl", model),
    )


def _eos(evidence: Evidence, settings: "AuditSettings") -> Finding:
    rows = _arm(evidence, "policy")
    start = _arm(evidence, "start")
    misplaced = sum(_misplaced(row, _end_mark([*rows, *start])) for row in [*rows, *start])
    stopped = mean([row["stopped"] == "eos" for row in rows], [row["prompt"] for row in rows])
    before = mean([row["stopped"] == "eos" for row in start], [row["prompt"] for row in start])
    limit = settings.preflight.stop_rate
    low, high = _bounds(stopped)
    verdict = Verdict.INCONCLUSIVE
    if misplaced or high < limit:
        verdict = Verdict.FIRES
    elif low > limit:
        verdict = Verdict.QUIET
    return _finding(
        EOS,
        verdict,
        estimate=stopped,
        threshold=f"fewer than {limit:g} of the completions end themselves, or any goes on after its end",
        result=f"{stopped.value:.0%} of the policy's completions end themselves ({before.value:.0%} at the start); "
        f"{misplaced} go on after their end.",
        needs="" if verdict is not Verdict.INCONCLUSIVE else f"about {4 * stopped.n} samples",
        remedy="Mask by length, never by `ids != pad`, and put EOS at the end of every training completion.",
        evidence=("evaluation/samples.jsonl",),
        facts={"stop rate at the start": before},
    )


def _pad(evidence: Evidence, settings: "AuditSettings") -> Finding:
    s = settings.preflight
    names = [name for name in ("reward", "judge") if name in evidence.judges]
    if not names:
        raise Missing("the model of the judge 'reward'")
    rows = _arm(evidence, "policy")[: s.samples]
    prompts = [evidence.prompts[row["prompt"]] for row in rows]
    written = [Completion(prompt=row["prompt"], text=row["text"]) for row in rows]
    long = Completion(prompt=rows[0]["prompt"], text=" ".join(row["text"] for row in rows[:8]))
    gaps, facts = [], {}
    for name in names:
        judge = evidence.judges[name]
        together = judge.score([prompts[0], *reversed(prompts)], [long, *reversed(written)]).value_N[:0:-1]
        alone = [judge.score([p], [c]).value_N[0] for p, c in zip(prompts, written, strict=True)]
        gap = np.abs(together - np.asarray(alone)) / max(float(np.std(alone)), 1e-9)
        gaps += gap.tolist()
        facts[f"largest change, {name} (SDs)"] = Estimate(float(gap.max()), None, None, len(gap))
    found = mean(gaps)
    return _judged(
        PAD,
        found,
        s.padding,
        what=f"a mean change above {s.padding:g} standard deviations of the score",
        result=f"A score moves by {found.value:.4f} SDs when its completion is scored in other company.",
        remedy="Read the score at the completion's own last token, found by length, and mask padding by length.",
        evidence=("evaluation/samples.jsonl", *(f"{name}/model" for name in names)),
        facts=facts,
    )


def _kl(evidence: Evidence, settings: "AuditSettings") -> Finding:
    s = settings.preflight
    metrics = [row for row in evidence.jsonl("policy/metrics.jsonl") if "kl" in row]
    if not metrics:
        raise Missing("the KL of each step in policy/metrics.jsonl (this algorithm logs none)")
    bound = float(norm.isf(s.kl_level / len(metrics)))
    negative = [row["step"] for row in metrics if row["kl"] + bound * row["kl_se"] < -1e-6]
    again: dict[int, list[float]] = {}
    for row in evidence.jsonl("policy/samples.jsonl"):
        again.setdefault(row["step"], []).append(float(np.sum(row["logprobs"]) - np.sum(row["reference_logprobs"])))
    gaps = [abs(row["kl"] - float(np.mean(again[row["step"]]))) for row in metrics if row["step"] in again]
    wrong = max(gaps, default=0.0) > s.kl_gap
    return _finding(
        KL,
        Verdict.FIRES if negative or wrong else Verdict.QUIET,
        estimate=proportion(len(negative), len(metrics)),
        threshold=f"any step's KL below 0 by more than {bound:.1f} standard errors, or {s.kl_gap:g} nats from the "
        "recomputed one",
        result=f"{len(negative)} of {len(metrics)} steps logged a KL that is negative beyond its error; worked out "
        f"again from the samples it differs by {max(gaps, default=0.0):.4f} nats at most.",
        remedy="Carry the sampled token ids instead of encoding the text again; measure policy and reference alike.",
        evidence=("policy/metrics.jsonl", "policy/samples.jsonl"),
        facts={"largest gap to the recomputed KL (nats)": Estimate(max(gaps, default=0.0), None, None, len(gaps))},
        source="Ziegler et al. 2019 (arXiv 1909.08593), eq. 2",
    )


def _ratio(evidence: Evidence, settings: "AuditSettings") -> Finding:
    limit = settings.preflight.ratio
    rows = evidence.jsonl("policy/samples.jsonl")
    if "sampled_logprobs" not in rows[0]:
        raise Missing("the sampler's own log-probabilities in policy/samples.jsonl")
    bias = [float(np.mean(np.exp(np.subtract(row["logprobs"], row["sampled_logprobs"])))) - 1 for row in rows]
    found = mean(bias, [row["prompt"] for row in rows], weights=[len(row["token_ids"]) for row in rows])
    size = [float(np.mean(np.abs(np.subtract(row["logprobs"], row["sampled_logprobs"])))) for row in rows]
    return _judged(
        RATIO,
        found,
        limit,
        what=f"a mean ratio further than {limit:g} from 1",
        result=f"Sampled tokens are {1 + found.value:.4f} times as likely to the trainer as to the sampler.",
        remedy="Sample at the trainer's precision and without top-p or top-k, or weight by the ratio.",
        evidence=("policy/samples.jsonl",),
        facts={"mean size of the log-ratio a token": mean(size, [row["prompt"] for row in rows])},
    )


def _remeasured(evidence: Evidence, settings: "AuditSettings") -> Finding:
    from accord.audit.remeasure.logprobs import remeasure

    s = settings.preflight
    rows = _arm(evidence, "policy")[:: max(1, len(_arm(evidence, "policy")) // s.samples)][: s.samples]
    again = remeasure(evidence, rows)
    gap = [float(np.mean(np.subtract(now, row["logprobs"]))) for now, row in zip(again, rows, strict=True)]
    found = mean(gap, [row["prompt"] for row in rows], weights=[len(row["token_ids"]) for row in rows])
    size = [float(np.mean(np.abs(np.subtract(now, row["logprobs"])))) for now, row in zip(again, rows, strict=True)]
    return _judged(
        REMEASURED,
        found,
        s.ratio,
        what=f"a mean difference further than {s.ratio:g} nats a token from 0",
        result=f"Worked out again in plain passes, a token's log-probability differs by {found.value:+.4f} nats "
        "on average from the one that the run wrote down.",
        remedy="Look for another tokenizer, template or dtype between training and what was saved.",
        evidence=("evaluation/samples.jsonl", "policy/model"),
        facts={"mean size of the difference (nats a token)": mean(size, [row["prompt"] for row in rows])},
    )


def _accumulation(evidence: Evidence, settings: "AuditSettings") -> Finding:
    from accord.audit.remeasure.accumulation import gradient_gap

    s = settings.preflight
    model = "sft/model" if evidence.run.has("sft/model") else "policy/model"
    gap, tokens = gradient_gap(evidence, examples=min(8, s.samples), model=model)
    return _finding(
        ACC,
        Verdict.FIRES if gap > s.accumulation else Verdict.QUIET,
        estimate=Estimate(gap, None, None, tokens, method="no interval: one deterministic comparison"),
        threshold=f"a relative change above {s.accumulation:g}",
        result=f"The gradient of a batch and of its micro-batches differ by {gap:.1e} of its length.",
        remedy="Divide each micro-batch's loss by the whole step's token count, not by its own.",
        evidence=("data/sft.jsonl", model),
    )


def _split(evidence: Evidence, settings: "AuditSettings") -> Finding:
    for name in ("prompts", "completions", "evaluators", "sft", "pairs-train", "pairs-held_out"):
        evidence.require(f"data/{name}.jsonl")
    data = read_data(evidence.run)
    found = overlaps(data)
    shared = {kind: names for kind, names in found.found.items() if names and kind not in found.unassessable}
    said = ", ".join(f"{len(names)} of kind {kind}" for kind, names in shared.items()) or "nothing"
    unknown = f" Not known: {', '.join(found.unassessable)}." if found.unassessable else ""
    return _finding(
        SPLIT,
        Verdict.FIRES if shared else Verdict.QUIET,
        estimate=proportion(len(shared.get("prompt", ())), len(data.prompts)),
        threshold="anything that stands in more than one split",
        result=f"Between train, judge and held-out pairs is shared: {said}.{unknown}",
        remedy="Split by whole prompts, batches or evaluators (`[data] split_by`), never by row.",
        evidence=tuple(f"data/pairs-{name}.jsonl" for name in data.pairs),
    )


def _some_model(evidence: Evidence) -> str:
    for name in ("policy/model", "sft/model"):
        if evidence.run.has(name):
            return name
    raise Missing("policy/model or sft/model of the run")


def _arm(evidence: Evidence, arm: str) -> list[Row]:
    rows = [row for row in evidence.jsonl("evaluation/samples.jsonl") if row["arm"] == arm]
    if not rows:
        raise Missing(f"samples of the arm '{arm}' in evaluation/samples.jsonl")
    return rows


def _end_mark(rows: list[Row]) -> int | None:
    """The token that ended the completions which ended themselves."""
    return next((row["token_ids"][-1] for row in rows if row["stopped"] == "eos"), None)


def _misplaced(row: Row, end: int | None) -> bool:
    """Whether the end mark stands anywhere but at the end, or is missing where sampling says it stopped there."""
    before = row["token_ids"][:-1]
    return end is not None and (end in before or (row["stopped"] == "eos") != (row["token_ids"][-1] == end))


def _bounds(estimate: Estimate) -> tuple[float, float]:
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return low, high


def _judged(check: Check, found: Estimate, limit: float, *, what: str, **rest: Any) -> Finding:
    """A verdict on a number that should lie within `limit` of 0: by its interval."""
    low, high = _bounds(found)
    if low > limit or high < -limit:
        verdict = Verdict.FIRES
    elif -limit <= low and high <= limit:
        verdict = Verdict.QUIET
    else:
        verdict = Verdict.INCONCLUSIVE
    needs = ""
    if verdict is Verdict.INCONCLUSIVE:
        width = max((high - low) / 2, 1e-12)
        away = max(abs(limit - abs(found.value)), width / 10)
        needs = f"about {int(np.ceil(found.n * (width / away) ** 2))} samples"
    return _finding(check, verdict, estimate=found, threshold=what, needs=needs, **rest)


def _finding(check: Check, verdict: Verdict, **rest: Any) -> Finding:
    return Finding(challenge=check.challenge, check=check.name, claim=check.claim, verdict=verdict, **rest)


BOS = Check("P-BOS", "tokens", "one beginning", "Every prompt starts with exactly the marks its model expects.", _bos)
EOS = Check("P-EOS", "stopping", "a learnt end", "The policy has learnt to stop, and nothing follows its end.", _eos)
PAD = Check("P-PAD", "padding", "rewards and padding", "A score does not depend on padding or batch size.", _pad)
KL = Check("P-KL", "sign", "a KL that is one", "The logged KL is what it says, and not negative.", _kl)
RATIO = Check("P-RATIO", "rollout", "sampler and trainer", "What was sampled is as likely to the trainer.", _ratio)
REMEASURED = Check(
    "P-RATIO",
    "remeasured",
    "sampler and trainer",
    "The saved policy gives the probabilities written down.",
    _remeasured,
)
ACC = Check("P-ACC", "gradient", "accumulation", "A step does not depend on how it was split.", _accumulation)
SPLIT = Check("P-SPLIT", "overlap", "clean splits", "Nothing stands on both sides of a split.", _split)

CHECKS = (BOS, EOS, PAD, KL, RATIO, REMEASURED, ACC, SPLIT)
