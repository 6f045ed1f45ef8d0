"""The words of a text in any script."""

import re

__all__ = ["words_of"]

# Scripts that are written without spaces between words: Thai, Lao, Tibetan, Burmese, Khmer, Tai Le to Tai Tham,
# hiragana and katakana, and the characters that Chinese, Japanese and others share.
UNSPACED = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
# A vowel sign or tone mark belongs to the letter before it.
MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f71-\u0f84\u0f90-\u0fbc"
    "\u102b-\u103e\u17b6-\u17d3\u3099\u309a"
)
WORD = re.compile(rf"[{UNSPACED}][{MARKS}]*|[^\s{UNSPACED}]+")


def words_of(text: str) -> list[str]:
    """What stands between spaces, in small letters; where a script has no spaces, each character with its marks.

    A text may mix both.
    """
    return WORD.findall(text.lower())
