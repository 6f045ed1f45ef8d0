"""How prompts become token ids."""

from accord.audit.evidence import Evidence
from accord.audit.remeasure.models import open_model

__all__ = ["leading_marks"]


def leading_marks(evidence: Evidence, model: str) -> tuple[list[int], bool]:
    """How many BOS tokens each prompt of the run starts with, and whether the tokenizer would write one by itself.

    Only the start counts: in some models BOS is also the mark of every chat turn. All are 0 where the tokenizer has no
    BOS. Raises `Missing` without the model.
    """
    causal = open_model(evidence, model)
    bos = causal.tokenizer.bos_token_id
    if bos is None:
        return [0 for _ in evidence.prompts], False
    counts = []
    for prompt in evidence.prompts.values():
        ids = causal.encode_prompt(prompt)
        counts.append(next((place for place, token in enumerate(ids) if token != bos), len(ids)))
    plain = causal.tokenizer("x")["input_ids"]
    return counts, isinstance(plain, list) and plain[0] == bos
