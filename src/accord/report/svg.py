"""From a matplotlib figure to SVG that lives inside a page: no outside names, unique ids, the page's own colours.

Colours are drawn as fixed stand-ins and then become the page's CSS variables, so a figure follows light and dark with
the rest. Text stays text, in the page's font.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import TYPE_CHECKING

from accord.report.words import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "own_style", "render_svg"]

# Stand-ins: what matplotlib draws with, and the CSS variable each becomes.
COLOURS = {
    "ink": "#1b1d21",
    "muted": "#565c66",
    "line": "#d8d4ca",
    "card": "#fffefb",
    "proxy": "#b3470b",
    "judge": "#1a5fa6",
}
_NAME = re.compile(r"[a-z][a-z0-9_-]*")  # what can stand in an attribute, a reference and a list of ids as it is


@contextmanager
def own_style() -> Iterator[None]:
    """What is drawn inside follows matplotlib's defaults, whatever the machine's own settings are."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def render_svg(figure: "Figure", name: str, *, title: str, description: str) -> str:
    """The figure as one `<svg>` element, accessible by `title` and `description`; the same bytes every time.

    `name` becomes a part of every id: unique in the page, of small letters, digits, `-` and `_`, and never from data.
    `title` and `description` may hold anything. Raises `ValueError` for another name.
    """
    import matplotlib as mpl

    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a figure; write small letters, digits, - and _")
    buffer = StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _head(_ids(_plain(buffer.getvalue()), name), name, title, description)


def _plain(text: str) -> str:
    """Without prologue, metadata, page-wide style, name spaces, comments and fonts; colours as variables."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r"font: (?:(bold|\d00) )?([\d.]+px) [^;\"]*", _font, text)
    for variable, stand_in in COLOURS.items():
        text = text.replace(stand_in, f"var(--{variable})")
    text = re.sub(r"<defs>\s*</defs>", "", text)
    return re.sub(r"\n\s*", "\n", text)


def _font(match: re.Match[str]) -> str:
    weight = f"; font-weight: {match[1]}" if match[1] else ""
    return f"font-size: {match[2]}{weight}"


def _ids(text: str, name: str) -> str:
    """Ids that something refers to are made unique by `name`; the others go."""
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)


def _head(text: str, name: str, title: str, description: str) -> str:
    """The opening tag by role and name; width and height are left to the page."""
    tag, _, rest = text.partition(">")
    box = re.search(r'viewBox="[^"]*"', tag)
    assert box is not None, "matplotlib writes a viewBox into the opening tag"
    title, description = escape(clean(title)), escape(clean(description))
    return (
        f'<svg {box[0]} role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{title}</title><desc id="{name}-desc">{description}</desc>{rest}'
    ).strip()
