"""Links from terms to their entries: the first of each in every section of a page, and the entries that are needed."""

import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser

from accord.report.glossary.terms import TERMS, Term

__all__ = ["PLACE", "explained"]

PLACE = "<!-- glossary -->"
"""Where the entries go, in the text of a page."""

_OPAQUE = frozenset({"a", "blockquote", "bdi", "code", "h1", "h2", "pre", "script", "style", "summary", "svg", "title"})
"""Elements whose text is no prose of the page: data, drawings, names, and what is a link or a button already."""
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})
_AFRESH = frozenset({"article", "caption", "figure", "h2"})
"""With these begins what is read for itself: a term is linked again."""


def explained(page: str, entries: Callable[[Sequence[Term]], str], terms: Sequence[Term] = TERMS) -> str:
    """The page with its terms linked, and in `PLACE` what `entries` makes of those that are used, in order of names.

    An entry may use other terms, which then have entries of their own. A page in which no `PLACE` stands is refused by
    ValueError; text of the data that lies in `_OPAQUE` elements, or in one of the class `data`, is left as it is.
    """
    if page.count(PLACE) != 1:
        raise ValueError(f"a page has one place for its glossary, {PLACE!r}; this one has {page.count(PLACE)}")
    linked, used = _linked(page, terms)
    while True:
        of_page = sorted((term for term in terms if term.id in used), key=lambda term: term.name.lower())
        glossary, further = _linked(entries(of_page), terms, own=True)
        if further <= used:
            return linked.replace(PLACE, glossary)
        used |= further


def _linked(text: str, terms: Sequence[Term], *, own: bool = False) -> tuple[str, set[str]]:
    linker = _Linker(terms, own=own)
    linker.feed(text)
    linker.close()
    return "".join(linker.parts), linker.used


class _Linker(HTMLParser):
    """Writes a page as it reads it, but for the links. With `own` an entry is not linked to itself."""

    def __init__(self, terms: Sequence[Term], *, own: bool) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self.used: set[str] = set()
        self._own = own
        self._form, self._term_of = _forms(terms)
        self._here: set[str] = set()
        self._opaque: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        target = (values.get("href") or "").removeprefix("#")
        if tag == "a" and target in {term.id for term in self._term_of.values()}:
            self._here.add(target)
            self.used.add(target)
        if tag in _AFRESH and not self._opaque:
            self._here = set()
        if self._own and tag == "dt":
            self._here = {values.get("id") or ""}
        if tag not in _VOID and (self._opaque or tag in _OPAQUE or "data" in (values.get("class") or "").split()):
            self._opaque.append(tag)
        self.parts.append(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if self._opaque and self._opaque[-1] == tag:
            self._opaque.pop()
        self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.parts.append(data if self._opaque else self._form.sub(self._link, data))

    def handle_entityref(self, name: str) -> None:
        self.parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.parts.append(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self.parts.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.parts.append(f"<!{decl}>")

    def _link(self, match: re.Match[str]) -> str:
        term = self._term_of[match[0] if match[0] in self._term_of else match[0][0].lower() + match[0][1:]]
        if term.id in self._here:
            return match[0]
        self._here.add(term.id)
        self.used.add(term.id)
        return f'<a class="term" href="#{term.id}">{match[0]}</a>'


def _forms(terms: Sequence[Term]) -> tuple[re.Pattern[str], dict[str, Term]]:
    """What matches any form, the longest first, and the term of each form."""
    term_of = {form: term for term in terms for form in (term.name, *term.forms)}
    written = sorted(term_of, key=len, reverse=True)
    any_form = "|".join(
        f"[{form[0]}{form[0].upper()}]{re.escape(form[1:])}" if form.islower() and len(form) > 1 else re.escape(form)
        for form in written
    )
    return re.compile(rf"(?<![\w-])(?:{any_form})(?![\w-])"), term_of
