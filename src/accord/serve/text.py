"""Text that grows token by token, and ends before a stop string; and how a single token is spelt."""

import re

from transformers import PreTrainedTokenizerBase

__all__ = ["GrowingText", "bytes_of", "spelt"]

INCOMPLETE = "\ufffd"  # what a tokenizer gives for bytes that are not whole characters yet


class GrowingText:
    """The text of one completion. What could still become part of a stop string or a character is held back.

    `reached` is how many whole characters the tokens so far have made, those held back included.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: tuple[str, ...]) -> None:
        self._tokenizer, self._stop = tokenizer, stop
        self._ids: list[int] = []
        self.given = ""
        self.reached = 0
        self.cut = False

    def add(self, token_id: int, *, last: bool) -> str:
        """The text that is certain now and was not before."""
        self._ids.append(token_id)
        text = str(self._tokenizer.decode(self._ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
        whole = text.rstrip(INCOMPLETE)
        self.reached = len(whole)
        ends = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        self.cut = bool(ends)
        if ends:
            certain = text[: min(ends)]
        elif last:
            certain = text
        else:
            certain = whole[: self._held_from(whole)]
        new = certain[len(self.given) :]
        self.given += new
        return new

    def _held_from(self, text: str) -> int:
        """Where the longest end of the text begins that is the beginning of a stop string."""
        for size in range(min(len(text), max(map(len, self._stop), default=1) - 1), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stop):
                return len(text) - size
        return len(text)


def spelt(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str:
    r"""The text of one token; `bytes:\xe2\x80` where it is a part of a character."""
    text = str(tokenizer.decode([token_id]))
    if INCOMPLETE not in text:
        return text
    found = bytes_of(tokenizer, token_id)
    return text if found is None else "bytes:" + "".join(f"\\x{each:02x}" for each in found)


def bytes_of(tokenizer: PreTrainedTokenizerBase, token_id: int) -> bytes | None:
    """The bytes of one token, None where the tokenizer does not say: byte-level and byte-fallback ones do."""
    text = str(tokenizer.decode([token_id]))
    piece = str(tokenizer.convert_ids_to_tokens(token_id))
    if INCOMPLETE not in text:
        return text.encode()
    if fallback := re.fullmatch(r"<0x([0-9A-Fa-f]{2})>", piece):
        return bytes.fromhex(fallback[1])
    if all(letter in _BYTE for letter in piece):
        found = bytes(_BYTE[letter] for letter in piece)
        if found.decode(errors="replace") == text:
            return found
    return None


def _byte_letters() -> dict[str, int]:
    """The letters with which byte-level tokenizers write bytes (Radford et al. 2019, section 2.2)."""
    themselves = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [each for each in range(256) if each not in themselves]
    return {chr(each): each for each in themselves} | {chr(256 + at): each for at, each in enumerate(others)}


_BYTE = _byte_letters()
