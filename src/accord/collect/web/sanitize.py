"""What a model wrote, made fit to be shown: nothing of it runs, loads, links or hides.

    render_untrusted   Markdown rendered; links and images inert, their addresses shown; marks of lists as they are
    literal            the text as it stands, character by character, for whoever marks stretches of it
    exact              the same with everything that looks like something else as `U+XXXX`
    render_trusted     the study's own instructions and consent, where links may be followed

Characters that cannot be seen (direction overrides, zero-width and control characters, fillers) appear as `U+202E`;
`\\r\\n` and `\\r` are line ends like `\\n`.
What Markdown would swallow (a cell too many, nesting too deep, an entity) is shown as it stands instead, so that the
evaluator judges the whole text: every word of the source is in what is shown.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from accord.collect.study.line_ends import lines_with_places
from accord.collect.web.markdown_rules import read_cautiously

__all__ = ["Line", "exact", "in_lines", "literal", "literal_lines", "looks_like", "render_trusted", "render_untrusted"]

# Signs of category Cf that are drawn (they stand before or around digits of Arabic and Syriac).
VISIBLE_FORMAT_CHARACTERS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2\u0890\u0891\U000110bd\U000110cd"
)
# Letters, marks and symbols of other categories that draw nothing.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
NEWLINE = "\n"
UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
JOINERS = frozenset("\u200c\u200d")
TAGS = frozenset(
    {"blockquote", "br", "code", "del", "div", "em", "hr", "li", "ol", "p", "pre", "s", "span", "strong", "ul"}
)
TAGS |= {"table", "tbody", "td", "th", "thead", "tr"}
TRUSTED_TAGS = TAGS | {"a", "h2", "h3", "h4"}
CLASSES = ["end", "heading", "number", "url", "odd", "language", "image", "link"]
# Letters of other alphabets that are drawn like Latin ones, those beside each other.
ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеѕіјорсухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρ\u2010\u2011\u2212\u2018\u2019\u02bc\u00b7\u2219\u22c5",
    "ABESIJKMHOPCTXYaesijopcyxdhqwABEZHIKMNOPTYXovp---'''\u2022\u2022\u2022",
)


@dataclass(frozen=True)
class Line:
    """A line of a text: where its first character stands in the whole, the line and its end as they are shown."""

    start: int
    shown: Markup
    end: Markup


def literal(text: str) -> Markup:
    """The text as it stands, escaped, what cannot be seen as `U+XXXX` in an element whose `data-n` is 1.

    The characters outside such elements, and one for each of them, are those of `text`, in order.
    """
    return _signed(text, _odd_places(text), _sign)


def exact(text: str) -> Markup:
    """`literal`, where nothing looks like something else.

    Blanks beside blanks or at an end, tabs, line ends, marks that join the letter before, and letters that are drawn
    like others are signs too.
    """
    return _signed(text, [place for place in range(len(text)) if _ambiguous(text, place)], _exact_sign)


def looks_like(text: str) -> str:
    """What the eye makes of a text: equal for two texts that cannot be told apart where `literal` shows them."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(ALIKE).split())


def in_lines(text: str, show: Callable[[str], Markup] = literal) -> Markup:
    """A text line by line as `show` has it: each line reads from the side on which its first letter's script begins."""
    lines = literal_lines(text, show)
    return Markup("").join(Markup('<div dir="auto">{}{}</div>').format(line.shown, line.end) for line in lines)


def literal_lines(text: str, show: Callable[[str], Markup] = literal) -> list[Line]:
    """The lines of `text`, each with the place of its first character and its own end."""
    lines = lines_with_places(text)
    ends = [start for start, _ in lines[1:]] + [len(text)]
    return [
        Line(start, show(line), show(text[start + len(line) : end]))
        for (start, line), end in zip(lines, ends, strict=True)
    ]


@lru_cache(2048)
def render_untrusted(text: str) -> Markup:
    """What a model or a person wrote, its Markdown rendered, nothing of it alive."""
    rendered = _clean(str(_UNTRUSTED.render(text)), links=False)
    if "\0" in text or _words(text) - _words(html.unescape(re.sub(r"<[^>]*>", " ", rendered))):
        return Markup('<div class="raw">{}</div>').format(in_lines(text))
    return Markup(rendered)  # noqa: S704 - cleaned above


@lru_cache(64)
def render_trusted(text: str) -> Markup:
    """The Markdown of whoever runs the study: as `render_untrusted`, with links that open beside this page."""
    return Markup(_clean(str(_TRUSTED.render(text)), links=True))  # noqa: S704 - cleaned


def _odd_places(text: str) -> list[int]:
    return [place for place, letter in enumerate(text) if not _seen(text, place, letter)]


def _signed(text: str, places: Sequence[int], sign: Callable[[str, int], str]) -> Markup:
    """The text, escaped, with signs at some places."""
    shown: list[str] = []
    start = 0
    for place in places:
        shown += [escape(text[start:place]), sign(text, place)]
        start = place + 1
    return Markup("").join(Markup(part) for part in [*shown, escape(text[start:])])  # noqa: S704 - escaped above


def _ambiguous(text: str, place: int) -> bool:
    """Whether a reader may take the character for another one, or not see that it is there."""
    letter, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    if letter == " ":
        return not before or not after or before.isspace() or after.isspace()
    if letter in "\n\t":
        return True
    if " " < letter <= "~":
        return False
    if not _seen(text, place, letter) or unicodedata.category(letter)[0] in "MZ" or letter.translate(ALIKE) != letter:
        return True
    return unicodedata.normalize("NFKC", letter) != letter or len(unicodedata.normalize("NFC", before + letter)) == 1


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


def _sign(text: str, place: int) -> str:
    """The sign of a character; a line end is itself, and counts as one."""
    letter = text[place]
    if letter == "\r":  # before \n it draws nothing, and elsewhere ends the line by itself
        return f'<span class="end" data-n="1">{"" if text[place + 1 : place + 2] == NEWLINE else NEWLINE}</span>'
    return _code_sign(letter)


def _exact_sign(text: str, place: int) -> str:
    letter = text[place]
    if letter == " ":
        return '<span class="odd" data-n="1" title="space">\u2423</span>'
    if letter == "\t":
        return '<span class="odd" data-n="1" title="tab">\u21e5</span>'
    if letter == NEWLINE:
        return f'<span class="odd" data-n="1" title="line end">\u21b5</span>{NEWLINE}'
    return _code_sign(letter)


def _code_sign(letter: str) -> str:
    name = unicodedata.name(letter, "a character without a name")
    return f'<span class="odd" data-n="1" title="{escape(name.lower())}">U+{ord(letter):04X}</span>'


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W_]+", text.translate(dict.fromkeys(map(ord, BLANK), " "))))


def _clean(rendered: str, *, links: bool) -> str:
    """No tag, attribute or address but those that are listed, whatever the renderer wrote."""
    attributes = {"ol": {"start"}, "span": {"title", "data-n"}, "td": {"align"}, "th": {"align"}}
    for tag in ("li", "p", "td", "th"):
        attributes.setdefault(tag, set()).add("dir")
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


def _inline_text(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    """Text in which blanks keep their room: before a line, and beside one another."""
    content = tokens[index].content.replace("\t", "    ")
    begins = index == 0 or tokens[index - 1].type == "hardbreak"
    blanks = "^ +|(?<= ) +" if begins else "(?<= ) +"
    return literal(re.sub(blanks, lambda found: "\u00a0" * len(found[0]), content))


def _break(*_: Any) -> str:
    return "<br>"


def _code(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return f"<code>{literal(tokens[index].content)}</code>"


def _block(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    token = tokens[index]
    language = f'<span class="language">{literal(token.info.strip())}</span>' if token.info.strip() else ""
    return f"<pre>{language}<code>{literal(token.content)}</code></pre>\n"


def _indented_block(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    """Lines that are code for being indented, as far as they were."""
    content = re.sub("^(?=.)", "    ", tokens[index].content, flags=re.MULTILINE)
    return f"<pre><code>{literal(content)}</code></pre>\n"


def _heading(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    token = tokens[index]
    return f'<p class="heading" dir="auto"><span class="url">{token.markup}</span> ' if token.nesting == 1 else "</p>\n"


def _point(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    token = tokens[index]
    return f'<li dir="auto"><span class="number">{escape(token.info + token.markup)}</span> '


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
    rules: dict[str, Any] = {"text": _text, "code_inline": _code, "code_block": _indented_block, "fence": _block}
    rules["image"] = _image
    if links:
        renderer.disable("reference")  # definitions of links would vanish from the page
    else:
        read_cautiously(renderer)
        rules |= {"text": _inline_text, "hardbreak": _break, "softbreak": _break}
        rules |= {"heading_open": _heading, "heading_close": _heading, "list_item_open": _point}
        rules |= {"link_open": _link_open, "link_close": _link_close}
    for name, rule in rules.items():
        renderer.add_render_rule(name, rule)
    return renderer


_UNTRUSTED = _renderer(links=False)
_TRUSTED = _renderer(links=True)
