"""P-BOS and P-EOS: how prompts begin, how completions end, and what supervised examples teach about the end."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from accord.artefacts import METRICS as METRICS_FILE
from accord.artefacts import EvaluationSample, SupervisedMetrics
from accord.audit.challenges import P_BOS, P_EOS
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import COMPLETIONS, EXAMPLES, METRICS, POLICY_MODEL, PROMPTS, SAMPLES, SFT_MODEL, Evidence
from accord.audit.preflight.logged_ends import stopping_as_logged
from accord.audit.preflight.spread import spread
from accord.audit.preflight.thresholds import PreflightThresholds
from accord.audit.verdicts import at_least, none_of, unless
from accord.errors import MissingEvidence
from accord.stats import mean, proportion, rate

__all__ = ["beginning", "ending", "stopping"]

OFTEN = 0.05  # of the completions that ended themselves


@check(
    P_BOS,
    "tokens",
    claim="Every prompt starts with exactly the marks its model expects.",
    thresholds=PreflightThresholds,
    needs=(artefact(POLICY_MODEL, SFT_MODEL), artefact(PROMPTS)),
)
def beginning(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """Prompts that start with two beginning-of-sequence tokens, or lack the one that the tokenizer writes.

    As they were read, where samples say so (`prompt_token_ids`); else as they are read here.
    """
    from accord.audit.remeasure.tokens import leading_marks

    model = evidence.first_of(POLICY_MODEL, SFT_MODEL)
    samples = evidence.evaluation_samples if evidence.holds(SAMPLES) else []
    read = {row.prompt: row.prompt_token_ids for row in samples if row.prompt_token_ids is not None}
    names = list(read or evidence.prompts)
    counts, expected = leading_marks(evidence, model, list(read.values()))
    doubled = [name for name, count in zip(names, counts, strict=True) if count > 1]
    missing = [name for name, count in zip(names, counts, strict=True) if expected and count == 0]
    return Outcome(
        ruling=none_of(len(doubled) + len(missing)),
        estimate=proportion(len(doubled) + len(missing), len(counts)),
        threshold="above 0 prompts",
        result=f"Of {len(counts)} prompts, {len(doubled)} start with a doubled beginning-of-sequence token and "
        f"{len(missing)} lack the one that the tokenizer writes.",
        remedy="Tokenize rendered chat templates with add_special_tokens=False.",
        evidence=(SAMPLES if read else PROMPTS, model),
        ids={"prompts": doubled + missing},
    )


@check(
    P_EOS,
    "stopping",
    claim="The policy has learnt to stop, and nothing follows its end.",
    thresholds=PreflightThresholds,
    needs=(artefact(SAMPLES, METRICS),),
)
def stopping(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """Share of the policy's completions that end themselves; and ends that are not last, of either arm.

    A run that kept no samples with their ends is judged by the shares that its last steps logged.
    """
    rows = evidence.evaluation_samples if evidence.holds(SAMPLES) else []
    if not rows or any(row.finish_reason is None or row.token_ids is None for row in rows):
        return stopping_as_logged(evidence, thresholds.stop_rate)
    policy, start = evidence.samples_of("policy"), evidence.samples_of("start")
    ends = _end_marks(evidence, [*policy, *start])
    misplaced = [row for row in [*policy, *start] if _misplaced(row, ends)]
    stop_rate, stop_rate_at_start = (
        rate([row.finish_reason != "length" for row in rows], [row.prompt for row in rows]) for rows in (policy, start)
    )
    limit = thresholds.stop_rate
    return Outcome(
        ruling=unless(at_least(stop_rate, limit), violated=bool(misplaced)),
        estimate=stop_rate,
        threshold=f"fewer than {limit:g} of the completions end themselves, or any goes on after its end",
        result=f"{stop_rate.value:.0%} of the policy's completions end themselves ({stop_rate_at_start.value:.0%} at "
        f"the start); {len(misplaced)} do not end where they say.",
        remedy="Mask by length, never by `ids != pad`, and put EOS at the end of every training completion.",
        evidence=(SAMPLES,),
        ids={"prompts": [row.prompt for row in misplaced]},
        facts={
            "stop rate at the start": stop_rate_at_start,
            "ends misplaced": proportion(len(misplaced), len(policy) + len(start)),
        },
    )


def _end_marks(evidence: Evidence, rows: Sequence[EvaluationSample]) -> frozenset[int]:
    """The model's end tokens; without the model, those that many completions which ended themselves end with."""
    if evidence.holds(POLICY_MODEL):
        from accord.audit.remeasure.tokens import end_marks

        return end_marks(evidence, POLICY_MODEL)
    last = Counter(row.token_ids[-1] for row in rows if row.token_ids and row.finish_reason == "eos")
    return frozenset(token for token, number in last.items() if number >= OFTEN * last.total())


def _misplaced(row: EvaluationSample, ends: frozenset[int]) -> bool:
    """Whether an end mark stands before the end, or is not last exactly where sampling says that it stopped there."""
    ids = row.token_ids or ()
    return not ends.isdisjoint(ids[:-1]) or (row.finish_reason == "eos") != (ids[-1] in ends)


def _ends_in_training(evidence: Evidence, stage: str) -> tuple[int, int]:
    """How many texts a stage learnt from, and how many of them had an end for their last target, as it logged."""
    rows = [row for row in evidence.metrics(stage) if isinstance(row, SupervisedMetrics) and row.texts is not None]
    if not rows:
        raise MissingEvidence(f"how many of the texts had an end (`texts`, `ended`) in {METRICS_FILE.path(stage)}")
    return sum(row.texts or 0 for row in rows), sum(row.ended or 0 for row in rows)


@check(
    P_EOS,
    "taught",
    claim="Every supervised example teaches its end, once and last.",
    thresholds=PreflightThresholds,
    needs=(artefact(SFT_MODEL, POLICY_MODEL), artefact(EXAMPLES), artefact(PROMPTS), artefact(COMPLETIONS)),
)
def ending(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """Supervised examples whose end was no target in training, or stands before the last place.

    How many ended is what the run logged of the tokens that it learnt from; which ones do not is worked out by reading
    the examples again.
    """
    from accord.audit.remeasure.tokens import endings

    model = evidence.first_of(SFT_MODEL, POLICY_MODEL)
    learnt, ended_in_training = _ends_in_training(evidence, model.partition("/")[0])
    rows = spread(evidence.examples, thresholds.max_samples)
    if not rows:
        raise MissingEvidence(f"supervised examples in {EXAMPLES}")
    measured = endings(evidence, rows, model=model)
    untaught, ended = measured.taught.count(False), len(rows) - measured.taught.count(None)
    if not ended:
        raise MissingEvidence(f"supervised examples in {EXAMPLES} that the limit did not cut off")
    lacking = proportion(learnt - ended_in_training, learnt)
    cut = proportion(len(rows) - ended, len(rows))
    return Outcome(
        ruling=unless(none_of(untaught), violated=lacking.low is not None and lacking.low > (cut.high or 1.0)),
        estimate=proportion(untaught, ended),
        threshold="above 0 examples, or more texts learnt from without an end than limits cut off",
        result=f"Training learnt from {learnt} texts, {learnt - ended_in_training} of them without an end for their "
        f"last target. In {untaught} of {ended} supervised examples, read again, the end is not a target, or stands "
        f"before the last place; {model} gives the end a mean probability of {np.mean(measured.probability):.2f} where "
        "an example ends.",
        remedy="End every training completion with EOS, keep it in the loss, and take marks of the template out of the "
        "texts.",
        evidence=(EXAMPLES, COMPLETIONS, model),
        ids={
            "completions": [
                row.completion for row, taught in zip(rows, measured.taught, strict=True) if taught is False
            ]
        },
        facts={
            "probability of the end where an example ends": mean(measured.probability, [row.prompt for row in rows]),
            "texts learnt from without an end": lacking,
            "examples that the limit cuts off": cut,
        },
    )
