"""A prompt that is sent back before what was written after it, with the log-probabilities of its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from accord.lm.causal import CausalModel
from accord.lm.conversation import text_after
from accord.lm.prompt_logprobs import PromptLogprobs
from accord.lm.token_reach import reach_of_tokens
from accord.serve.detokenizer import token_text

__all__ = ["Echo", "echo_of", "top_by_text"]


@dataclass(frozen=True)
class Echo:
    """The text of a prompt; where each of its tokens begins in it, and what the model says of them, if that was asked.

    As in the OpenAI API the first token has no log-probability: nothing stands before it.
    """

    text: str
    token_ids: tuple[int, ...]
    starts: tuple[int, ...]
    scores: PromptLogprobs | None

    def logprobs(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, list[Any]]:
        """The fields of `logprobs`."""
        assert self.scores is not None
        return {
            "tokens": [token_text(tokenizer, token) for token in self.token_ids],
            "token_logprobs": [None, *self.scores.logprobs],
            "top_logprobs": [None, *(top_by_text(tokenizer, top) for top in self.scores.top)],
            "text_offset": list(self.starts),
        }


def top_by_text(tokenizer: PreTrainedTokenizerBase, top: Sequence[tuple[int, float]]) -> dict[str, float]:
    """Likely tokens by their text; of two that read the same, the likelier one."""
    return {token_text(tokenizer, token): logprob for token, logprob in reversed(top)}


def echo_of(
    causal: CausalModel, prompt: str | Sequence[int], token_ids: Sequence[int], scores: PromptLogprobs | None
) -> Echo:
    """What is sent back of a prompt that was read as `token_ids`: the text that came, or that of the ids that came.

    A text is sent back as it came where its tokens say it again, else as they say it, so that places are places in it.
    A token that the tokenizer put in front of it has no text in it.
    """
    tokenizer, ids = causal.tokenizer, list(token_ids)
    own = 0
    whole = text_after(tokenizer, (), ids)
    if isinstance(prompt, str) and whole != prompt:
        own = _put_in_front(tokenizer, ids)
        whole = text_after(tokenizer, (), ids[own:])
    reached = reach_of_tokens(lambda part: text_after(tokenizer, (), part), (), ids[own:], whole)
    starts = [0] * own + [0, *reached][: len(ids) - own]
    return Echo(whole, tuple(ids), tuple(starts), scores)


def _put_in_front(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> int:
    """How many control tokens stand at the beginning."""
    control = set(tokenizer.all_special_ids)
    return next((place for place, token in enumerate(ids) if token not in control), len(ids))
