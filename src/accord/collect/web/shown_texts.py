"""How texts are put before somebody who judges them: what differs between two of them is seen to differ.

Markdown is rendered where the study wants it so. Where two texts would then show the same characters, all of them are
shown as they stand; and where even those cannot be told apart (blanks, letters of other alphabets, accents that are
characters of their own), with a sign for whatever looks like something else. What was rendered is a key away as it
stands.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from accord.collect.web.sanitize import exact, in_lines, looks_like, render_untrusted

__all__ = ["ShownText", "show_texts"]


@dataclass(frozen=True)
class ShownText:
    """A text as it is shown, and as it stands: `source` is None where these are the same.

    `alike` where it is shown as it stands because another text would have looked the same.
    """

    shown: Markup
    source: Markup | None
    alike: bool = False


def show_texts(texts: Sequence[str], *, markdown: bool) -> list[ShownText]:
    """Texts that are judged beside one another; with `markdown` rendered as far as all of them can be told apart."""
    if markdown:
        rendered = [render_untrusted(text) for text in texts]
        if _differ(_characters(page) for page in rendered):
            return [ShownText(page, in_lines(text)) for page, text in zip(rendered, texts, strict=True)]
    if _differ(looks_like(text) for text in texts):
        return [ShownText(_as_it_stands(in_lines(text)), None, alike=markdown) for text in texts]
    return [ShownText(_as_it_stands(in_lines(text, exact)), None, alike=True) for text in texts]


def _as_it_stands(page: Markup) -> Markup:
    return Markup('<div class="raw">{}</div>').format(page)


def _characters(page: Markup) -> str:
    """The characters that a page shows, without the room between them."""
    return looks_like(html.unescape(re.sub("<[^>]*>", "", page))).replace(" ", "")


def _differ(looks: Iterable[str]) -> bool:
    seen = list(looks)
    return len(set(seen)) == len(seen)
