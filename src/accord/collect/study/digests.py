"""The digest that ties an answer to what stood on the screen."""

import hashlib
import json
from collections.abc import Sequence

from accord.records import Completion, Prompt

__all__ = ["shown_digest"]


def shown_digest(prompt: Prompt, completions: Sequence[Completion]) -> str:
    """The SHA-256 of a prompt and completions in the order shown: for the digests of a `Feedback`."""
    content = [prompt.canonical(), *(completion.canonical() for completion in completions)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
