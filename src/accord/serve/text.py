"""Text that grows token by token, and ends before a stop string."""

from transformers import PreTrainedTokenizerBase

__all__ = ["GrowingText"]

INCOMPLETE = "\ufffd"  # what a tokenizer gives for bytes that are not whole characters yet


class GrowingText:
    """The text of one completion. What could still become part of a stop string or a character is held back."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: tuple[str, ...]) -> None:
        self._tokenizer, self._stop = tokenizer, stop
        self._ids: list[int] = []
        self.given = ""

    def add(self, token_id: int, *, last: bool) -> str:
        """The text that is certain now and was not before."""
        self._ids.append(token_id)
        text = str(self._tokenizer.decode(self._ids, skip_special_tokens=True))
        ends = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        if ends:
            certain = text[: min(ends)]
        elif last:
            certain = text
        else:
            certain = self._certain(text)
        new = certain[len(self.given) :]
        self.given += new
        return new

    def _certain(self, text: str) -> str:
        whole = text.rstrip(INCOMPLETE)
        if len(whole) < len(text):
            return whole[: self._held_from(whole)]
        return text[: self._held_from(text)]

    def _held_from(self, text: str) -> int:
        """Where the longest end of the text begins that is the beginning of a stop string."""
        for size in range(min(len(text), max(map(len, self._stop), default=1) - 1), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stop):
                return len(text) - size
        return len(text)
