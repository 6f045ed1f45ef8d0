"""The starts, how much each is tuned, and what is measured of it."""

from accord.lab.cell import Measurement

__all__ = ["BASE", "CONTEXT", "SIZES", "STARTS", "StartResult"]

BASE = "base"
STARTS = ("supervised", "distilled", "curated")
SIZES = (64, 256)  # texts that a start is tuned on
CONTEXT = "You write short movie reviews. You liked the movie very much, and say warmly what was good about it."


class StartResult(Measurement):
    """A start, and what RLOO made of it.

    size            texts that it was tuned on; 0 for the base model
    start_reward    the independent judge's mean score of what the start writes
    policy_reward   the same of the policy that came of it
    kl              policy to start, nats a text
    stop_rate       share of the policy's texts that end themselves
    distinct_2      share of word pairs that differ among a prompt's samples
    intervals       over prompts, by the name of the number
    """

    start: str
    size: int
    start_reward: float
    policy_reward: float
    kl: float
    stop_rate: float
    distinct_2: float | None = None
    seconds: float
    intervals: dict[str, tuple[float | None, float | None]]
