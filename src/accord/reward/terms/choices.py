"""What settings may choose of terms, and the outputs that follow; nothing here takes a model."""

from typing import Literal

__all__ = ["BINS", "Distribution", "Partition", "output_names"]

Partition = Literal["samples", "learnt"]
"""What stands for the partition function of inverse RL."""
Distribution = Literal["normal", "categorical"]
"""What the utility of a text is taken to be distributed as."""
BINS = 10


def output_names(distribution: Distribution) -> tuple[str, ...]:
    """What the outputs of the head are: mean and log of the variance, or the logits of bins of utility from low up."""
    return ("mean", "log variance") if distribution == "normal" else tuple(f"bin {i + 1}" for i in range(BINS))
