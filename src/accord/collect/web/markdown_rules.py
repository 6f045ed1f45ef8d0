"""How Markdown is read in what a model or a person wrote: marks that may mean something else stay to be seen.

CommonMark takes `*` for emphasis within words, `_` and `\\` for marks, drops the blanks before a line, and knows links
wherever brackets meet. In texts of models these are products, powers, names, formulas and code as often as not, and
whoever judges must see them. So only this is read:

    emphasis      `*` and `**` around words: before them a blank or an opening sign, after them a blank or a closing one
    links         where no word ends before them (`f[i](x)` is none)
    quotations    of one or more `>` with blanks between them (`>>> x` is what Python asks)
    line ends     every one; the blanks before a line are kept

`_`, `\\` and `&...;` stay as they are, and so does a line of `-` or `=` below another.
"""

import re
import unicodedata

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.blockquote import blockquote
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize
from markdown_it.rules_inline.link import link

__all__ = ["read_cautiously"]

RUN = re.compile(r"\*+|_+")
BEFORE = frozenset("\"'-|")
AFTER = frozenset("\"'-|.,:;!?")
NEVER_FIRST = frozenset(".,:;!?)]}/")


def read_cautiously(renderer: MarkdownIt) -> None:
    """Have a renderer read Markdown by the rules above."""
    renderer.disable(["reference", "lheading", "escape", "entity"])
    renderer.inline.ruler.at("emphasis", _emphasis)
    renderer.inline.ruler.at("newline", _line_end)
    renderer.inline.ruler.at("link", _link)
    renderer.block.ruler.at("blockquote", _quotation, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    renderer.core.ruler.after("block", "paragraphs", _paragraphs)


def _emphasis(state: StateInline, silent: bool) -> bool:
    run = RUN.match(state.src, state.pos)
    if run is None or silent:
        return False
    before, after = state.src[run.start() - 1 : run.start()], state.src[run.end() : run.end() + 1]
    opens, closes = _may_open(before, after), _may_close(before, after)
    if run[0].startswith("_") or not (opens or closes):
        state.pending += run[0]
        state.pos = run.end()
        return True
    known = len(state.delimiters)
    tokenize(state, silent)
    for delimiter in state.delimiters[known:]:
        delimiter.open, delimiter.close = delimiter.open and opens, delimiter.close and closes
    return True


def _may_open(before: str, after: str) -> bool:
    """Whether a mark between these two can be the first of two."""
    if not after or after.isspace() or after in NEVER_FIRST:
        return False
    return not before or before.isspace() or before in BEFORE or _is(before, "Ps", "Pi", "Pd") or _unspaced(before)


def _may_close(before: str, after: str) -> bool:
    """Whether a mark between these two can be the second of two."""
    if not before or before.isspace() or _is(before, "Ps", "Pi"):
        return False
    if not after or after.isspace() or after in AFTER or _unspaced(after):
        return True
    return _is(after, "Pe", "Pf", "Pd") or (after > "~" and _is(after, "Po"))


def _is(letter: str, *categories: str) -> bool:
    return unicodedata.category(letter) in categories


def _unspaced(letter: str) -> bool:
    """Whether a letter is of a script that parts no words by blanks (Thai to Khmer, Chinese, Japanese), or an emoji."""
    return "\u0e00" <= letter <= "\u0eff" or "\u1000" <= letter <= "\u109f" or "\u1780" <= letter <= "\u17ff" or (
        letter >= "\u2e80"
    )  # fmt: skip


def _line_end(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "\n":
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos += 1
    return True


def _link(state: StateInline, silent: bool) -> bool:
    before = state.src[state.pos - 1 : state.pos] if state.pos else ""
    return not (before.isalnum() or (before in {")", "]"} and before)) and link(state, silent)


def _quotation(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    place = state.bMarks[start] + state.tShift[start]
    return not state.src.startswith(">>", place) and blockquote(state, start, end, silent)


def _paragraphs(state: StateCore) -> None:
    """Give the first line of a paragraph its blanks back, and every paragraph the direction of its first letter."""
    lines = state.src.split("\n")
    for place, token in enumerate(state.tokens):
        in_point = place > 0 and state.tokens[place - 1].type == "list_item_open"  # which has a direction of its own
        if token.type in {"paragraph_open", "td_open", "th_open"} and not in_point:
            token.attrSet("dir", "auto")
        if token.type == "inline" and token.level == 1 and token.map:
            line = lines[token.map[0]]
            text = line.lstrip(" \t")
            if text.startswith(token.content[:1]):
                token.content = line[: len(line) - len(text)] + token.content
