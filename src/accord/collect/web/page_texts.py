"""The texts of a catalogue as pages show them: marks as elements, values escaped, what the script says as JSON."""

import json
from datetime import datetime
from functools import cached_property

from markupsafe import Markup, escape

from accord.collect.study.catalogue import KEYBOARD, PLACE, STRONG, Catalogue, english
from accord.collect.study.phrases import Phrase, Value, value_in_words

__all__ = ["PageTexts"]

SCRIPT = "script."


class PageTexts:
    """The texts of one language on pages: called with a key and the values of its places, it gives the text in HTML."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    @property
    def language(self) -> str:
        """The language, for `lang`."""
        return self.catalogue.language

    @property
    def direction(self) -> str:
        """The side from which it is written, for `dir`."""
        return self.catalogue.rules.direction

    @property
    def name(self) -> str:
        """What the language calls itself."""
        return self.catalogue.rules.name

    def __call__(self, key: str, **values: Value) -> Markup:
        """A text with its values; those that are `Markup` stand as they are. Raises `KeyError` for an unknown key."""
        n = values.get("n")
        text = str(escape(self.catalogue.pattern(key, n if isinstance(n, int | float) else None)))
        marked = KEYBOARD.sub(r"<kbd>\1</kbd>", STRONG.sub(r"<strong>\1</strong>", text))
        home = self.catalogue.home(key)
        return Markup(PLACE.sub(lambda place: str(_shown(home, values[place[1]])), marked))  # noqa: S704 - escaped above

    def translate(self, text: str | Exception) -> Markup:
        """A sentence from below the pages, or what an error says, in this language; all else as it stands."""
        words = text.args[0] if isinstance(text, Exception) and text.args else text
        return self(words.key, **words.values) if isinstance(words, Phrase) else escape(words)

    def number(self, value: float) -> str:
        """A number as the language writes it."""
        return self.catalogue.rules.number(value)

    def moment(self, time: datetime) -> Markup:
        """A day and a time of day, which the script says in the reader's own zone."""
        return Markup('<time datetime="{}">{}</time>').format(time.isoformat(), self.catalogue.rules.moment(time))

    @cached_property
    def script(self) -> str:
        """What the script says, by key, as JSON."""
        keys = [key for key in english().texts if key.startswith(SCRIPT)]
        return json.dumps({key.removeprefix(SCRIPT): self._pattern(key) for key in keys}, ensure_ascii=False)

    def _pattern(self, key: str) -> object:
        pattern = self.catalogue.home(key).texts[key]
        return pattern if isinstance(pattern, str) else dict(pattern)


def _shown(catalogue: Catalogue, value: Value) -> Markup:
    return value if isinstance(value, Markup) else escape(value_in_words(catalogue, value))
