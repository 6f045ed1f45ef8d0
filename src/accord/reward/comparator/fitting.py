"""One step of training a comparator: the cross-entropy of both questions over a batch of pairs."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from accord.artefacts import RewardMetrics
from accord.lm.encoder import EncodedText
from accord.reward.comparator.alignment import AlignmentHead, padded
from accord.reward.comparator.pairs import TextPair
from accord.train import Optimiser

__all__ = ["cross_entropy", "fit_step"]


def cross_entropy(logit_B2: Tensor, pairs: Sequence[TextPair]) -> Tensor:
    """Mean over pairs of -log P(same) - log P(extra), each of what is true, nats."""
    truth_B2 = torch.tensor([[pair.same, pair.extra] for pair in pairs], dtype=logit_B2.dtype)
    return 2 * torch.nn.functional.binary_cross_entropy_with_logits(logit_B2, truth_B2)


def fit_step(
    head: AlignmentHead, read: Mapping[str, EncodedText], pairs: Sequence[TextPair], optimiser: Optimiser, step: int
) -> RewardMetrics:
    """Move the head by one batch; `read` holds what the encoder makes of all its texts."""
    head.train()
    logit_B2 = head(padded([read[pair.text] for pair in pairs]), padded([read[pair.reference] for pair in pairs]))
    rate = optimiser.rate
    loss = float(optimiser.add(cross_entropy(logit_B2, pairs)))
    right = [(float(z[0]) > 0) == pair.same for z, pair in zip(logit_B2.detach(), pairs, strict=True)]
    return RewardMetrics(
        step=step,
        lr=rate,
        grad_norm=optimiser.step(),
        loss=loss,
        accuracy=sum(right) / len(right),
        pairs=len(pairs),
    )
