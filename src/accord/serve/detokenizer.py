"""Text that grows token by token, and ends before a stop string; and the text and bytes of a single token."""

import re
from collections.abc import Sequence
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

from accord.lm.conversation import CONTEXT, text_after

__all__ = ["IncrementalText", "bytes_of", "token_text"]

OPEN = 64  # tokens that are decoded together
INCOMPLETE = "\ufffd"  # what a tokenizer gives for bytes that are not whole characters yet


class IncrementalText:
    """The text of one completion after its prompt, exactly as it was written: outer white space, control tokens.

    What could still become part of a stop string or a character is held back; the end token is not to be added. Text
    that further tokens cannot change is not decoded again, so that the work of a token does not grow with the text.

    emitted   the text that is certain
    reached   how many whole characters the tokens so far have made, those held back included
    cut       whether a stop string has ended it
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int], stop: tuple[str, ...]) -> None:
        self._tokenizer, self._before, self._stop = tokenizer, list(prompt[-CONTEXT:]), stop
        self._settled = ""
        self._ids: list[int] = []
        self.emitted = ""
        self.reached = 0
        self.cut = False

    def add(self, token_id: int | None, *, last: bool) -> str:
        """The text that is certain now and was not before; None is an end, which has no text."""
        self._ids += [] if token_id is None else [token_id]
        text = self._settled + (tail := text_after(self._tokenizer, self._before, self._ids))
        seek = max(0, len(self._settled) - max(map(len, self._stop), default=0))
        self._settle(tail)
        complete = text.rstrip(INCOMPLETE)
        self.reached = len(complete)
        ends = [place for stop in self._stop if (place := text.find(stop, seek)) >= 0]
        self.cut = bool(ends)
        if ends:
            certain = text[: min(ends)]
        elif last:
            certain = text
        else:
            certain = complete[: self._uncertain_from(complete)]
        new = certain[len(self.emitted) :]
        self.emitted += new
        return new

    def _settle(self, tail: str) -> None:
        """Let the first half of the tokens go, where the text of the others does not hang on it."""
        if len(self._ids) < OPEN or len(self._ids) % (OPEN // 2):
            return
        first, rest = self._ids[: -OPEN // 2], self._ids[-OPEN // 2 :]
        head, before = text_after(self._tokenizer, self._before, first), [*self._before, *first][-CONTEXT:]
        if not head.endswith(INCOMPLETE) and head + text_after(self._tokenizer, before, rest) == tail:
            self._settled, self._before, self._ids = self._settled + head, before, rest

    def _uncertain_from(self, text: str) -> int:
        """Where the longest end of the text begins that is the beginning of a stop string."""
        for size in range(min(len(text), max(map(len, self._stop), default=1) - 1), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stop):
                return len(text) - size
        return len(text)


@lru_cache(maxsize=1 << 18)
def token_text(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str:
    r"""The text of one token; `bytes:\xe2\x80` where it is a part of a character."""
    text = str(tokenizer.decode([token_id]))
    if INCOMPLETE not in text:
        return text
    token_bytes = bytes_of(tokenizer, token_id)
    return text if token_bytes is None else "bytes:" + "".join(f"\\x{byte:02x}" for byte in token_bytes)


@lru_cache(maxsize=1 << 18)
def bytes_of(tokenizer: PreTrainedTokenizerBase, token_id: int) -> bytes | None:
    """The bytes of one token, None where the tokenizer does not say: byte-level and byte-fallback ones do."""
    text = str(tokenizer.decode([token_id]))
    piece = str(tokenizer.convert_ids_to_tokens(token_id))
    if INCOMPLETE not in text:
        return text.encode()
    if fallback := re.fullmatch(r"<0x([0-9A-Fa-f]{2})>", piece):
        return bytes.fromhex(fallback[1])
    if all(letter in _BYTE for letter in piece):
        decoded = bytes(_BYTE[letter] for letter in piece)
        if decoded.decode(errors="replace") == text:
            return decoded
    return None


def _byte_letters() -> dict[str, int]:
    """The letters with which byte-level tokenizers write bytes (Radford et al. 2019, section 2.2)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + index): byte for index, byte in enumerate(hidden)}


_BYTE = _byte_letters()
