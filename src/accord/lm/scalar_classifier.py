"""A reward model of accord as transformers' sequence classifier with one label, which other tools open.

What is one linear function of what the decoder ends with can be one: members over the same decoder are averaged, and
components that are summed become one head. Transformers gives such a head no bias, so a score is the logit and a
constant; no comparison of two texts depends on it. Everything is in float32, as the head always was.
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase

from accord.errors import ModelError
from accord.lm.classifier import head_weights
from accord.lm.reward_model import ScalarHeadModel

__all__ = ["OFFSET", "ScalarClassifier", "as_classifier"]

OFFSET = "score_offset"
"""The key of the configuration that holds the constant."""
LINEAR = frozenset({"mean", "sum"})


@dataclass(frozen=True)
class ScalarClassifier:
    """A sequence classifier whose logit and `offset` are together the score, its tokenizer, and what an answer ends in.

    `batches` says whether texts can be padded to one batch: where its tokenizer has no token that never ends a text,
    they cannot.
    """

    model: Any
    tokenizer: PreTrainedTokenizerBase
    offset: float
    end: str
    batches: bool


def as_classifier(judge: ScalarHeadModel) -> ScalarClassifier:
    """A reward model in float32 as a sequence classifier.

    Raises `ModelError` where its score is no linear function of one decoder, or transformers has no sequence
    classifier of its architecture.
    """
    if type(judge) is not ScalarHeadModel:
        raise ModelError(
            f"{judge.name}: its members have layers of their own, and a sequence classifier has one decoder"
        )
    if judge.aggregation.rule not in LINEAR:
        raise ModelError(
            f"{judge.name}: aggregation '{judge.aggregation.rule}' of its components is no sum, and a sequence "
            'classifier has one linear head; learn it with aggregation = "mean"'
        )
    causal = judge.causal.merged()
    weight_D, offset = _linear(judge)
    configuration: Any = copy.deepcopy(causal.model.config)
    configuration.num_labels = 1
    pad = _padding(causal.tokenizer, causal.end_ids, causal.vocabulary)
    configuration.pad_token_id = pad
    setattr(configuration, OFFSET, offset)
    model, head = _classifier(configuration, judge.name)
    inner = getattr(model, model.base_model_prefix)
    inner.load_state_dict(causal.backbone.state_dict())
    with torch.no_grad():
        model.get_parameter(head).copy_(torch.tensor(weight_D)[None])
    end = str(causal.tokenizer.convert_ids_to_tokens(causal.eos_id))
    return ScalarClassifier(model.float().eval(), causal.tokenizer, offset, end, pad is not None)


def _linear(judge: ScalarHeadModel) -> tuple[np.ndarray[Any, np.dtype[np.float64]], float]:
    """The weights, [D], and the constant of the score: sum_k a_k mean_s (output_ks - mean_ks) / scale."""
    components = max(1, len(judge.components))
    share_M = np.repeat(judge.aggregation.amounts(components), judge.members) / judge.members / judge.score_scale
    weight_MD = judge.head.weight.detach().double().cpu().numpy()
    bias_M = judge.head.bias.detach().double().cpu().numpy()
    return share_M @ weight_MD, float(share_M @ (bias_M - np.array(judge.mean_M)))


def _classifier(configuration: Any, name: str) -> tuple[Any, str]:
    """A new sequence classifier of an architecture, and the name of its one head."""
    try:
        heads = head_weights(configuration)
        model = AutoModelForSequenceClassification.from_config(configuration, dtype=torch.float32)
    except ValueError as error:
        raise ModelError(
            f"{name}: transformers has no sequence classifier of the architecture '{configuration.model_type}'"
        ) from error
    if len(heads) != 1:
        raise ModelError(f"{name}: a sequence classifier of '{configuration.model_type}' has more than one linear head")
    return model, heads[0]


def _padding(tokenizer: PreTrainedTokenizerBase, ends: frozenset[int], rows: int) -> int | None:
    """A token that pads and ends no text: transformers takes the last that is no padding for the end of a text."""
    candidates = (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id)
    known = (each for each in candidates if isinstance(each, int) and 0 <= each < rows and each not in ends)
    return next(known, None)
