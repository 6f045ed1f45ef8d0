"""Saved models opened as anybody would open them: by plain transformers and peft, without a line of accord's."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

__all__ = ["Texts", "opened", "plain_logprobs", "plain_scores"]

Texts = list[tuple[tuple[int, ...], tuple[int, ...]]]  # prompt and completion, in token ids


def opened(folder: Path, **options: Any) -> Any:
    """The decoder, its adapters on it where it was saved with some."""
    return AutoModelForCausalLM.from_pretrained(folder, **options).eval()


@torch.no_grad()
def plain_logprobs(model: Any, texts: Texts) -> Tensor:
    """The log-probability of each completion token of all texts, each text alone, one after the other."""
    found = []
    for prompt, completion in texts:
        logits_TV = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].float()
        found.append(logits_TV.log_softmax(-1)[range(len(completion)), list(completion)])
    return torch.cat(found)


@torch.no_grad()
def plain_scores(folder: Path, texts: Texts, **options: Any) -> Tensor:
    """What a saved reward model makes of each text by each of its heads, normalised as it says, [N, M]."""
    model, head = opened(folder, **options), load_file(folder / "head.safetensors")
    *means, scale = head["normalisation"].tolist()
    rows = []
    for prompt, completion in texts:
        hidden_TD = model(torch.tensor([prompt + completion]), output_hidden_states=True).hidden_states[-1][0]
        rows.append(head["weight"] @ hidden_TD[-1].float() + head["bias"])
    return (torch.stack(rows) - torch.tensor(means)) / scale
