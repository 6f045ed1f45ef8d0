"""A page as its reader's browser takes it apart: elements, text, links, ids."""

import re
from html.parser import HTMLParser


class Page(HTMLParser):
    """Elements with their attributes, the text outside of style, and what was not closed as it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.unbalanced: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self._in_term = self._goes_on = self._after_data = False
        self.feed(text)
        self.close()
        self.unbalanced += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if dict(attrs).get("class") == "term":
            self._in_term, self._goes_on = True, self._after_data
        else:
            self._after_data = self._goes_on = False
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._in_term:
            self._in_term, self._goes_on, self._after_data = False, True, True
        else:
            self._after_data = self._goes_on = False
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words += [self.words.pop() + data] if self._goes_on and self.words else [data]
        self._goes_on, self._after_data = False, True

    @property
    def text(self) -> str:
        """What is read, with white space run together."""
        return " ".join(" ".join(self.words).split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of that name."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        """All ids, in order."""
        return [each for _, attributes in self.elements if (each := attributes.get("id"))]


def unlinked(text: str) -> str:
    """The text of a page without the links from terms to the glossary."""
    return re.sub(r'<a class="term" href="#[\w-]+">(.*?)</a>', r"\1", text)
