"""Random models of entailment, as their makers would save them."""

from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, LlamaConfig, LlamaForSequenceClassification

from accord.lm.tiny import tiny_tokenizer

__all__ = ["entailment_model"]

LABELS = {0: "CONTRADICTION", 1: "neutral", 2: "Entailment"}
SIZES: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def entailment_model(
    folder: Path, kind: str = "bert", *, labels: dict[int, str] | None = None, positions: int = 256
) -> Path:
    """A small random one, whose scores lie far apart; label 2 is that of entailment unless others are given."""
    tokenizer, labels = tiny_tokenizer(), LABELS if labels is None else labels
    own: dict[str, Any] = {"vocab_size": len(tokenizer), "max_position_embeddings": positions}
    own |= {"id2label": labels, "label2id": {name: number for number, name in labels.items()}}
    own |= {"num_labels": len(labels), "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(5)
    model: Any = (
        BertForSequenceClassification(BertConfig(**SIZES, **own))
        if kind == "bert"
        else LlamaForSequenceClassification(LlamaConfig(**SIZES, **own))
    )
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn(weight.shape)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
