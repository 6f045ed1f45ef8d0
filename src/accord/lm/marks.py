"""Control tokens stand where a template writes them, and nowhere else.

A text of a person may hold `<|im_end|>` or `<s>` as characters. Tokenized with the conversation around it, they would
become the control tokens of those names: an end of the turn, a turn of the system. So marks in people's texts are
replaced by stand-ins before the template sees them, and the rendered text is read by a second tokenizer, in which the
control tokens have other names and the old ones are characters like any. A conversation without such marks is read by
the model's own tokenizer, and both give the same ids for it.
"""

import json
import re
import secrets
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from accord.errors import ModelError

__all__ = ["Marks", "control_tokens"]


def control_tokens(tokenizer: PreTrainedTokenizerBase, scaffold: str) -> dict[str, int]:
    """The special tokens of a tokenizer, and what it added that the template writes around texts: ids by name.

    `scaffold` is what the template writes. Added white space is no control token.
    """
    return {
        token.content: number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special or (token.content in scaffold and not token.content.isspace())
    }


class Marks:
    """Reads rendered conversations in which the marks of people's texts are text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, tokens: Iterable[str], name: str) -> None:
        self._tokenizer, self._name = tokenizer, name
        self._tokens = sorted(tokens, key=len, reverse=True)  # a name that begins another one is tried after it
        # Nobody can write a stand-in: its number is drawn anew in every process, and no id depends on it.
        nonce = secrets.token_hex(8)
        self._stand_in = {token: f"\U000f0000{nonce}:{place}\U000f0001" for place, token in enumerate(self._tokens)}
        self._alias = {token: f"\U000f0002{nonce}:{place}\U000f0003" for place, token in enumerate(self._tokens)}
        self._mark = re.compile("|".join(map(re.escape, self._tokens)) or "(?!)")
        self._stood_in = re.compile("|".join(map(re.escape, self._stand_in.values())) or "(?!)")

    def hidden(self, text: str) -> str:
        """A person's text with a stand-in for every mark."""
        return self._mark.sub(lambda found: self._stand_in[found[0]], text)

    def encode(self, rendered: str) -> list[int]:
        """The token ids of a rendered text: marks that the template wrote are control tokens, stand-ins are text.

        Raises `ModelError` where there are stand-ins and the tokenizer is none of the `tokenizers` library.
        """
        if self._stood_in.search(rendered) is None:
            return list(self._tokenizer(rendered, add_special_tokens=False)["input_ids"])
        aliased = self._mark.sub(lambda found: self._alias[found[0]], rendered)
        texts = {stand_in: token for token, stand_in in self._stand_in.items()}
        revealed = self._stood_in.sub(lambda found: texts[found[0]], aliased)
        ids: list[int] = self._reader.encode(revealed, add_special_tokens=False).ids
        return ids

    @cached_property
    def _reader(self) -> Tokenizer:
        """The tokenizer with its control tokens under their aliases, at the same ids."""
        backend: Any = getattr(self._tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise ModelError(
                f"{self._name}: a text holds marks of its template, and its tokenizer cannot read them as text; take "
                "the marks out of the texts, or save the model with a fast tokenizer"
            )
        content = json.loads(backend.to_str())
        for token in content["added_tokens"]:
            token["content"] = self._alias.get(token["content"], token["content"])
        content["post_processor"] = content["truncation"] = content["padding"] = None
        content["model"] = self._aliased(content["model"])
        reader = Tokenizer.from_str(json.dumps(content))
        own = {token: backend.token_to_id(token) for token in self._tokens}
        if moved := [token for token, number in own.items() if reader.token_to_id(self._alias[token]) != number]:
            raise ModelError(f"{self._name}: a text holds marks of its template, and {moved[0]!r} cannot be told apart")
        return reader

    def _aliased(self, model: dict[str, Any]) -> dict[str, Any]:
        """The vocabulary with control tokens under their aliases, so that their names are made of smaller pieces."""
        vocabulary = model["vocab"]
        if isinstance(vocabulary, dict):
            renamed: Any = {self._alias.get(piece, piece): number for piece, number in vocabulary.items()}
        else:
            renamed = [[self._alias.get(piece, piece), score] for piece, score in vocabulary]
        unknown = model.get("unk_token")
        return model | {"vocab": renamed} | ({"unk_token": self._alias.get(unknown, unknown)} if unknown else {})
