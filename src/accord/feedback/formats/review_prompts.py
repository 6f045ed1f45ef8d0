"""The packaged prompts: 64 ways to ask for a one-sentence movie review.

Sixty-four is a choice, so that data sets can be split by prompt: with some 350 sheets of 30 snippets, every prompt
gets several sheets. None of them names a film or asks for praise or blame.
"""

import hashlib
from functools import lru_cache
from importlib.resources import files

from accord.records import Prompt

__all__ = ["REVIEW_SYSTEM", "prompt_for", "review_prompts"]

REVIEW_SYSTEM = "You write one-sentence movie reviews."
SOURCE = "accord-review-prompts"


@lru_cache(maxsize=1)
def review_prompts() -> tuple[Prompt, ...]:
    """The 64 prompts, in the order of the packaged file, each after the same system message."""
    lines = files("accord.feedback.formats").joinpath("review_prompts.txt").read_text(encoding="utf-8").splitlines()
    return tuple(Prompt.ask(line, system=REVIEW_SYSTEM, source=SOURCE) for line in lines)


def prompt_for(name: str) -> Prompt:
    """The packaged prompt that belongs to `name` (of a session), by a digest of the name."""
    prompts = review_prompts()
    return prompts[int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % len(prompts)]
