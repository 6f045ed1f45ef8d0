"""How prompts and supervised examples become token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from accord.audit.evidence import Evidence
from accord.audit.remeasure.models import open_model
from accord.lm.logprobs import completion_logprobs
from accord.lm.packed import pack, tokenized
from accord.records import Example

__all__ = ["Endings", "end_marks", "endings", "leading_marks"]


def leading_marks(evidence: Evidence, model: str, read: Sequence[Sequence[int]] = ()) -> tuple[list[int], bool]:
    """How many BOS tokens each prompt of the run starts with, and whether the tokenizer would write one by itself.

    `read` are the ids of prompts as the run read them; without any they are encoded here. Only the start counts: in
    some models BOS is also the mark of every chat turn. All are 0 where the tokenizer has no BOS. Raises
    `MissingEvidence` without the model.
    """
    causal = open_model(evidence, model)
    bos = causal.tokenizer.bos_token_id
    if bos is None:
        return [0 for _ in read or evidence.prompts], False
    counts = []
    for ids in read or map(causal.encode_prompt, evidence.prompts.values()):
        counts.append(next((place for place, token in enumerate(ids) if token != bos), len(ids)))
    plain = causal.tokenizer("x")["input_ids"]
    return counts, isinstance(plain, list) and plain[0] == bos


def end_marks(evidence: Evidence, model: str) -> frozenset[int]:
    """The tokens that end a completion. Raises `MissingEvidence` without the model."""
    return open_model(evidence, model).end_ids


@dataclass(frozen=True)
class Endings:
    """Of each supervised example: whether its end is a target, once and last; how probable its last token is.

    `taught` is None for a text that the limit cut off: it has no end to be taught.
    """

    taught: tuple[bool | None, ...]
    probability: tuple[float, ...]


def endings(evidence: Evidence, rows: Sequence[Example], *, model: str) -> Endings:
    """What is taught about the end by the rows of `data/examples.jsonl`, and what the model learnt.

    Raises `MissingEvidence` without the model.
    """
    causal = open_model(evidence, model)
    answers = [
        tokenized(causal, causal.encode_prompt(evidence.prompts[row.prompt]), evidence.completions[row.completion], key)
        for key, row in enumerate(rows)
    ]
    targets: list[list[int]] = [[] for _ in answers]
    for batch in pack(causal, answers):
        for owner, target in zip(batch.owner_N.tolist(), batch.target_N.tolist(), strict=True):
            targets[batch.keys[owner]].append(target)
    learnt = completion_logprobs(
        causal, [answer.prompt for answer in answers], [answer.completion for answer in answers]
    )
    return Endings(
        tuple(
            _taught(ids, causal.end_ids, cut=answer.completion[-1] not in causal.end_ids)
            for ids, answer in zip(targets, answers, strict=True)
        ),
        tuple(exp(float(logprob_T[-1])) for logprob_T in learnt),
    )


def _taught(targets: Sequence[int], ends: frozenset[int], *, cut: bool) -> bool | None:
    if cut:
        return None
    return targets[-1] in ends and ends.isdisjoint(targets[:-1])
