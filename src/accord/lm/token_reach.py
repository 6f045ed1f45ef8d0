"""How far into a text each of its tokens reaches, in time that grows with the text.

Tokens are decoded in windows, each behind a few tokens before it. What a window adds is held against the whole text,
which is known: a window goes on where it does not say what stands there, because bytes at its end become a character
by what follows. That gives what decoding from the beginning for each token gives, which takes quadratic time. Where a
run of bytes is no text, tokenizers that read all bytes of a run or none give as many characters as there are bytes,
and a window may become as long as the run.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate

__all__ = ["CONTEXT", "INCOMPLETE", "reach_of_tokens"]

INCOMPLETE = "\ufffd"  # what a tokenizer gives for bytes that are not whole characters
CONTEXT = 4  # tokens before a text with which it is decoded: some tokenizers drop a space where a text begins
WINDOW = 16  # tokens that are decoded together, at least
BYTES = 4  # of one character, at most


def reach_of_tokens(
    decode: Callable[[Sequence[int]], str], before: Sequence[int], token_ids: Sequence[int], whole: str
) -> list[int]:
    """How many characters of `whole`, the text of `token_ids`, there are with the tokens up to and with each, [T].

    `before` stands in front of them when they are decoded. Bytes that are part of a character are counted as it, so
    the numbers never fall; the last one is the length of the text.
    """
    ids, context = list(token_ids), list(before)
    head = decode(context)
    reached, first, certain = list[int](), 0, 0
    for end in range(1, len(ids) + 1):
        new = _added(head, decode([*context, *ids[first:end]]))
        reached.append(certain + len(new))
        if end - first < WINDOW or not whole.startswith(new, certain):
            continue
        for size in range(CONTEXT, CONTEXT + BYTES):
            text = decode(ids[end - size : end])
            if whole.endswith(text.removeprefix(" "), 0, reached[-1]):
                head, context, first, certain = text, ids[end - size : end], end, reached[-1]
                break
    backwards = accumulate(reversed(reached[:-1]), min, initial=len(whole))
    return list(backwards)[::-1][: len(ids)]


def _added(head: str, both: str) -> str:
    """What was added to `head`; bytes at its end may have become a character by what follows."""
    return both[len(head) :] if both.startswith(head) else both[len(head.rstrip(INCOMPLETE)) :]
