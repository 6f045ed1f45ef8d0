"""What a model wrote, made fit to be shown: nothing of it runs, loads, links or hides.

    render_untrusted   Markdown rendered; links and images inert, their addresses shown; numbers of lists as they are
    literal            the text as it stands, character by character, for whoever marks stretches of it
    render_trusted     the study's own instructions and consent, where links may be followed

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

__all__ = ["Line", "literal", "literal_lines", "render_trusted", "render_untrusted"]

# Signs of category Cf that are drawn (they stand before or around digits of Arabic and Syriac).
VISIBLE_FORMAT_CHARACTERS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2\u0890\u0891\U000110bd\U000110cd"
)
# Letters, marks and symbols of other categories that draw nothing.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
JOINERS = frozenset("\u200c\u200d")
TAGS = frozenset(
    {"blockquote", "br", "code", "del", "div", "em", "hr", "li", "ol", "p", "pre", "s", "span", "strong", "ul"}
)
TAGS |= {"table", "tbody", "td", "th", "thead", "tr"}
TRUSTED_TAGS = TAGS | {"a", "h2", "h3", "h4"}
CLASSES = ["heading", "number", "url", "odd", "language", "image", "link"]


@dataclass(frozen=True)
class Line:
    """A line of a text: where its first character stands in the whole, and the line as `literal` shows it."""

    start: int
    shown: Markup


def literal(text: str) -> Markup:
    """The text as it stands, escaped, what cannot be seen as `U+XXXX` in an element whose `data-n` is 1.

    The characters outside such elements, and one for each of them, are those of `text`, in order.
    """
    shown: list[str] = []
    start = 0
    for place in _odd_places(text):
        shown += [escape(text[start:place]), _sign(text[place])]
        start = place + 1
    return Markup("").join(Markup(part) for part in [*shown, escape(text[start:])])  # noqa: S704 - escaped above


def literal_lines(text: str) -> list[Line]:
    """The lines of `text`, each with the place of its first character; line ends are not shown."""
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append(Line(start, literal(line)))
        start += len(line) + 1
    return lines


@lru_cache(2048)
def render_untrusted(text: str) -> Markup:
    """What a model or a person wrote, its Markdown rendered, nothing of it alive."""
    rendered = _clean(str(_UNTRUSTED.render(text)), links=False)
    if _words(text) - _words(html.unescape(re.sub(r"<[^>]*>", " ", rendered))):
        return Markup('<div class="raw">{}</div>').format(literal(text))
    return Markup(rendered)  # noqa: S704 - cleaned above


@lru_cache(64)
def render_trusted(text: str) -> Markup:
    """The Markdown of whoever runs the study: as `render_untrusted`, with links that open beside this page."""
    return Markup(_clean(str(_TRUSTED.render(text)), links=True))  # noqa: S704 - cleaned


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
    return letter in VISIBLE_FORMAT_CHARACTERS or unicodedata.category(letter) not in UNSEEN


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
    """No tag, attribute or address but those that are listed, whatever the renderer wrote."""
    attributes = {"ol": {"start"}, "span": {"title", "data-n"}, "td": {"align"}, "th": {"align"}}
    if links:
        attributes["a"] = {"href"}
    return nh3.clean(
        rendered,
        tags=set(TRUSTED_TAGS if links else TAGS),
        attributes=attributes,
        allowed_classes={tag: set(CLASSES) for tag in ("span", "p", "div", "code")},
        url_schemes={"https", "http", "mailto"},
        link_rel="noopener noreferrer nofollow" if links else None,
        set_tag_attribute_values={"a": {"target": "_blank"}} if links else {},
    )


# -- the renderer: each function writes one kind of token ----------------------------------------------------


def _text(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return literal(tokens[index].content)


def _code(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return f"<code>{literal(tokens[index].content)}</code>"


def _block(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    token = tokens[index]
    language = f'<span class="language">{literal(token.info.strip())}</span>' if token.info.strip() else ""
    return f"<pre>{language}<code>{literal(token.content)}</code></pre>\n"


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
    return f'<span class="image">{literal(tokens[index].content)}</span>' + _address(tokens[index], "src")


def _address(token: Token, name: str) -> str:
    address = " ".join(str(token.attrs[attribute]) for attribute in (name, "title") if token.attrs.get(attribute))
    return f' <span class="url">({literal(address)})</span>'


def _opening(tokens: Sequence[Token], closing: int) -> Token:
    """The link that ends at `closing`; links never hold links."""
    return next(token for token in reversed(tokens[:closing]) if token.type == "link_open")


def _renderer(*, links: bool) -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    renderer.disable("reference")  # definitions of links would vanish from the page
    rules: dict[str, Any] = {"text": _text, "code_inline": _code, "code_block": _block, "fence": _block}
    rules["image"] = _image
    if not links:
        rules |= {"heading_open": _heading, "heading_close": _heading, "list_item_open": _point}
        rules |= {"link_open": _link_open, "link_close": _link_close}
    for name, rule in rules.items():
        renderer.add_render_rule(name, rule)
    return renderer


_UNTRUSTED = _renderer(links=False)
_TRUSTED = _renderer(links=True)
