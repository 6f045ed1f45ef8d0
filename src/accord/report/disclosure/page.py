"""The disclosure as one page that stands alone: no script, nothing from outside, readable on a phone and on paper."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from accord.artefacts import Disclosure
from accord.report.disclosure.summary import (
    ORIGIN,
    filled,
    filled_by,
    headline,
    source_of,
    status_words,
    unredacted_note,
)
from accord.report.environment import environment
from accord.report.words import clean, count
from accord.run import MANIFEST, RunDirectory

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["render_page"]

SHOWN = 3  # files that a field names at once; of more it says how many, and unfolds
LONGEST_WORD = 16  # characters that a column of a table is widened for
DIGITS = 12  # of a digest, as shown; disclosure.json has all


def render_page(disclosure: Disclosure, run: RunDirectory) -> str:
    """The page as text. Files of the run are links, but in a redacted version, which goes out without the run."""
    from markupsafe import Markup

    linked = frozenset() if disclosure.redacted else frozenset({*run.manifest.files, MANIFEST})

    def source(name: str) -> "Markup":
        shown = Markup("<bdi>{}</bdi>").format(clean(name))
        return Markup('<a href="{}">{}</a>').format(quote(name), shown) if name in linked else shown

    template = environment(source).get_template("disclosure.html.j2")
    return template.render(
        disclosure=disclosure,
        headline=headline(disclosure),
        redaction=unredacted_note(disclosure),
        origin=ORIGIN,
        words=status_words,
        filled=filled,
        filled_by=filled_by,
        source_of=source_of,
        count=count,
        is_long=_is_long,
        shown=SHOWN,
        digits=DIGITS,
    )


def _is_long(cell: str) -> bool:
    """Whether a word of it is so long that it has to be broken, such as a digest."""
    return any(len(word) > LONGEST_WORD for word in cell.split())
