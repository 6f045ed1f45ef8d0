"""Line ends, cut and compared in one way everywhere: `\\n`, `\\r\\n` and `\\r` end a line, and nothing else does.

Browsers send `\\r\\n` for each of them, and show no difference. Other characters that some call line ends (U+2028,
U+0085, form feed) stand in a line like any character that cannot be seen.
"""

import re

__all__ = ["LINE_END", "lines_with_places", "with_ends_of", "with_plain_ends"]

LINE_END = re.compile(r"\r\n|\r|\n")


def lines_with_places(text: str) -> list[tuple[int, str]]:
    """The lines of a text without their ends, each with the place of its first character."""
    lines, start = [], 0
    for end in LINE_END.finditer(text):
        lines.append((start, text[start : end.start()]))
        start = end.end()
    return [*lines, (start, text[start:])]


def with_plain_ends(text: str) -> str:
    """The text with every line end as `\\n`."""
    return LINE_END.sub("\n", text)


def with_ends_of(written: str, original: str) -> str:
    """What somebody made of `original` in a browser, with the line ends that `original` has.

    Where nothing was changed this is `original` itself, also where its line ends are of several kinds; of such a text
    what was changed keeps `\\n`.
    """
    if with_plain_ends(written) == with_plain_ends(original):
        return original
    kinds = set(LINE_END.findall(original))
    return with_plain_ends(written).replace("\n", kinds.pop() if len(kinds) == 1 else "\n")
