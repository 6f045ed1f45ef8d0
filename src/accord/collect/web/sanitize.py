"""What a model wrote, made fit to be shown: nothing of it runs, loads, links or hides.

    written    Markdown rendered; links and images inert, their addresses shown; numbers of lists as they were written
    plain      the text as it stands, character by character, for whoever marks stretches of it
    own        the study's own instructions and consent, where links may be followed

Characters that cannot be seen (direction overrides, zero-width and control characters, fillers) appear as `U+202E`.
What Markdown would swallow (a cell too many, nesting too deep, an entity) is shown as it stands instead, so that the
evaluator judges the whole text: every word of the source is in what is shown.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

__all__ = ["Line", "lines", "own", "plain", "written"]

# Signs of category Cf that are drawn (they stand before or around digits of Arabic and Syriac).
DRAWN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2\u0890\u0891\U000110bd\U000110cd")
# Letters, marks and symbols of other categories that draw nothing.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
JOINERS = frozenset("\u200c\u200d")
TAGS = frozenset(
    {"blockquote", "br", "code", "del", "div", "em", "hr", "li", "ol", "p", "pre", "s", "span", "strong", "ul"}
)
TAGS |= {"table", "tbody", "td", "th", "thead", "tr"}
OWN_TAGS = TAGS | {"a", "h2", "h3", "h4"}
CLASSES = ["heading", "number", "url", "odd", "language", "image", "link"]


@dataclass(frozen=True)
class Line:
    """A line of a text: where its first character stands in the whole, and the line as `plain` shows it."""

    start: int
    shown: Markup


def plain(text: str) -> Markup:
    """The text as it stands, escaped, what cannot be seen as `U+XXXX` in an element whose `data-n` is 1.

    The characters outside such elements, and one for each of them, are those of `text`, in order.
    """
    shown: list[str] = []
    start = 0
    for place in _odd_places(text):
        shown += [escape(text[start:place]), _sign(text[place])]
        start = place + 1
    return Markup("").join(Markup(each) for each in [*shown, escape(text[start:])])  # noqa: S704 - escaped above


def lines(text: str) -> list[Line]:
    """The lines of `text`, each with the place of its first character; line ends are not shown."""
    found, start = [], 0
    for each in text.split("\n"):
        found.append(Line(start, plain(each)))
        start += len(each) + 1
    return found


@lru_cache(2048)
def written(text: str) -> Markup:
    """What a model or a person wrote, its Markdown rendered, nothing of it alive."""
    rendered = _clean(str(_MARKDOWN.render(text)), links=False)
    if _words(text) - _words(html.unescape(re.sub(r"<[^>]*>", " ", rendered))):
        return Markup('<div class="raw">{}</div>').format(plain(text))
    return Markup(rendered)  # noqa: S704 - cleaned above


@lru_cache(64)
def own(text: str) -> Markup:
    """The Markdown of whoever runs the study: as `written`, with links to web pages that open beside this one."""
    return Markup(_clean(str(_OWN.render(text)), links=True))  # noqa: S704 - cleaned


def _odd_places(text: str) -> list[int]:
    return [place for place, letter in enumerate(text) if not _seen(text, place, letter)]


def _seen(text: str, place: int, letter: str) -> bool:
    """Whether the reader can tell that the character is there, or that it does what it is for."""
    if letter in "\n\t" or " " <= letter <= "~":
        return True
    if letter in JOINERS:  # in emoji and in scripts whose letters join; elsewhere they hide
        return _joins(text[place - 1 : place]) and _joins(text[place + 1 : place + 2])
    if "\ufe00" <= letter <= "\ufe0f":  # variation selectors
        before = text[place - 1 : place]
        return before in set("#*0123456789") or unicodedata.category(before or " ") in {"So", "Sm", "Po"}
    if letter in BLANK or "\U000e0100" <= letter <= "\U000e01ef":
        return False
    return letter in DRAWN or unicodedata.category(letter) not in UNSEEN


def _joins(letter: str) -> bool:
    if letter == "\ufe0f" or unicodedata.category(letter or " ") in {"So", "Sk"}:
        return True
    return "\u0600" <= letter <= "\u0dff" and letter not in BLANK and unicodedata.category(letter)[0] in "LM"


def _sign(letter: str) -> str:
    name = unicodedata.name(letter, "a character without a name")
    return f'<span class="odd" data-n="1" title="{escape(name.lower())}">U+{ord(letter):04X}</span>'


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W_]+", text.translate(dict.fromkeys(map(ord, BLANK), " "))))


def _clean(rendered: str, *, links: bool) -> str:
    """No tag, attribute or address but those that are listed, whatever the renderer was made to say."""
    attributes = {"ol": {"start"}, "span": {"title", "data-n"}, "td": {"align"}, "th": {"align"}}
    if links:
        attributes["a"] = {"href"}
    return nh3.clean(
        rendered,
        tags=set(OWN_TAGS if links else TAGS),
        attributes=attributes,
        allowed_classes={tag: set(CLASSES) for tag in ("span", "p", "div", "code")},
        url_schemes={"https", "http", "mailto"},
        link_rel="noopener noreferrer nofollow" if links else None,
        set_tag_attribute_values={"a": {"target": "_blank"}} if links else {},
    )


# -- the renderer: each function writes one kind of token ----------------------------------------------------


def _text(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return plain(tokens[index].content)


def _code(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return f"<code>{plain(tokens[index].content)}</code>"


def _block(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    token = tokens[index]
    told = f'<span class="language">{plain(token.info.strip())}</span>' if token.info.strip() else ""
    return f"<pre>{told}<code>{plain(token.content)}</code></pre>\n"


def _heading(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return '<p class="heading">' if tokens[index].nesting == 1 else "</p>\n"


def _point(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    token = tokens[index]
    return f'<li><span class="number">{escape(token.info + token.markup)}</span> ' if token.info else "<li>"


def _link_open(*_: Any) -> str:
    return '<span class="link">'


def _link_close(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return "</span>" + _address(_opening(tokens, index), "href")


def _image(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return f'<span class="image">{plain(tokens[index].content)}</span>' + _address(tokens[index], "src")


def _address(token: Token, name: str) -> str:
    said = " ".join(str(token.attrs[each]) for each in (name, "title") if token.attrs.get(each))
    return f' <span class="url">({plain(said)})</span>'


def _opening(tokens: Sequence[Token], closing: int) -> Token:
    """The link that ends at `closing`; links never hold links."""
    return next(token for token in reversed(tokens[:closing]) if token.type == "link_open")


def _renderer(*, links: bool) -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    made.disable("reference")  # definitions of links would vanish from the page
    rules: dict[str, Any] = {"text": _text, "code_inline": _code, "code_block": _block, "fence": _block}
    rules["image"] = _image
    if not links:
        rules |= {"heading_open": _heading, "heading_close": _heading, "list_item_open": _point}
        rules |= {"link_open": _link_open, "link_close": _link_close}
    for name, rule in rules.items():
        made.add_render_rule(name, rule)
    return made


_MARKDOWN = _renderer(links=False)
_OWN = _renderer(links=True)
