"""All that evaluators read but the study's own texts: a catalogue for each language, one TOML file each.

A text has a key (`work.send`) and may have places for values (`{n}`), and marks of two kinds: `` `Esc` `` is a key of
the keyboard, `**Saved.**` is strong. Where it counts something it may have a form for each plural of its language,
chosen by `n`:

    [rest]
    given = {one = "You have given {n} answer.", other = "You have given {n} answers."}

English is whole, and every other catalogue is held against it: a key that English has not, another place for a value or
a mark that is not there is refused. A key that is missing stands in English.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from accord.collect.study.locale_rules import LocaleRules, canonical_language
from accord.errors import StudyError, nearest, storage

__all__ = ["ENGLISH", "Catalogue", "Pattern", "english", "packaged_languages", "packaged_texts", "read_texts"]

ENGLISH = "en"
FORMS = frozenset({"zero", "one", "two", "few", "many", "other"})
PLACE = re.compile(r"\{([a-z_]+)\}")
KEYBOARD, STRONG = re.compile(r"`([^`]+)`"), re.compile(r"\*\*(.+?)\*\*")
COUNTED = "n"
FOLDER = "languages"

Pattern = str | Mapping[str, str]
"""A text with places for values; or one for each plural form."""


@dataclass(frozen=True)
class Catalogue:
    """The texts of one language by key. What is not in `texts` is in English.

    `missing` are the keys that are not there and `less` the plural forms that are not, each by its key.
    """

    language: str
    texts: Mapping[str, Pattern] = field(default_factory=dict)

    @cached_property
    def rules(self) -> LocaleRules:
        """How the language writes numbers, plurals, lists and days."""
        return LocaleRules(self.language)

    @cached_property
    def missing(self) -> list[str]:
        """The keys that stand in English, in their order."""
        return [key for key in english().texts if key not in self.texts]

    @cached_property
    def less(self) -> list[str]:
        """The plural forms that the language has and a text has not; it stands in its form `other` there."""
        return [
            f"{key}.{form}"
            for key, pattern in self.texts.items()
            if not isinstance(pattern, str)
            for form in self.rules.plural_forms
            if form not in pattern
        ]

    def home(self, key: str) -> "Catalogue":
        """The catalogue in whose language a key stands: this one, or the English."""
        return self if key in self.texts else english()

    def pattern(self, key: str, n: float | None = None) -> str:
        """The text of a key, in the plural form beside `n`."""
        home = self.home(key)
        pattern = home.texts[key]
        if isinstance(pattern, str):
            return pattern
        return pattern.get(home.rules.plural_form(0 if n is None else n), pattern["other"])


def packaged_languages() -> tuple[str, ...]:
    """The languages whose texts are packaged."""
    folder = files("accord.collect.study").joinpath(FOLDER)
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


@cache
def english() -> Catalogue:
    """The English texts, which are whole."""
    return Catalogue(ENGLISH, _flat(_packaged(ENGLISH), "en.toml"))


@cache
def packaged_texts(language: str) -> Catalogue:
    """The packaged texts of a language; a catalogue without any where there are none."""
    if language == ENGLISH:
        return english()
    if language not in packaged_languages():
        return Catalogue(language)
    return _checked(language, _packaged(language), f"{language}.toml")


def read_texts(path: Path, language: str) -> Catalogue:
    """The texts of a file, before those that are packaged for its language.

    Raises `StudyError` that names the file and every key that English has not or that has other places and marks;
    `StorageError` where the file cannot be read.
    """
    with storage(path):
        raw = path.read_bytes()
    try:
        content = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise StudyError(f"{path.name}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path.name}: not TOML ({error})") from error
    own = _checked(language, content, path.name)
    return Catalogue(language, {**packaged_texts(language).texts, **own.texts})


def _packaged(language: str) -> dict[str, Any]:
    return tomllib.loads(files("accord.collect.study").joinpath(FOLDER, f"{language}.toml").read_text("utf-8"))


# -- what a catalogue may hold --------------------------------------------------------------------------------------


def _checked(language: str, content: Mapping[str, Any], place: str) -> Catalogue:
    assert canonical_language(language) == language, f"{language} is no name of a language"
    texts = _flat(content, place)
    problems = [problem for key, pattern in texts.items() for problem in _problems(language, key, pattern)]
    if problems:
        raise StudyError("\n  ".join([f"{place}: {len(problems)} of its texts cannot be taken", *problems]))
    return Catalogue(language, texts)


def _flat(content: Mapping[str, Any], place: str, above: str = "") -> dict[str, Pattern]:
    """The texts of nested tables, by their keys with dots between."""
    texts: dict[str, Pattern] = {}
    for name, value in content.items():
        key = f"{above}{name}"
        match value:
            case str():
                texts[key] = value
            case dict() if value and set(value) <= FORMS and all(isinstance(text, str) for text in value.values()):
                texts[key] = value
            case dict():
                texts |= _flat(value, place, f"{key}.")
            case _:
                raise StudyError(f"{place}: {key}: is no text; write it between quotation marks")
    return texts


def _problems(language: str, key: str, pattern: Pattern) -> Iterator[str]:
    """What is wrong with a text, each with its key and what to do."""
    known = english().texts
    if key not in known:
        yield f"{key}: no such key{nearest(key, list(known))}"
        return
    in_english = known[key]
    meant = in_english if isinstance(in_english, str) else in_english["other"]
    places = set(PLACE.findall(meant))
    if isinstance(pattern, str):
        yield from _text_problems(key, pattern, places, meant, optional=frozenset())
        return
    if COUNTED not in places:
        yield f"{key}: counts nothing, so it has no plural forms; write one text"
        return
    forms = LocaleRules(language).plural_forms
    for form in pattern:
        if form not in forms:
            yield f"{key}.{form}: no plural form of {language}{nearest(form, list(forms))}; it has {', '.join(forms)}"
    if "other" not in pattern:
        yield f"{key}: lacks the form other, which is taken where no other form fits"
    for form, text in pattern.items():
        optional = frozenset() if form == "other" else frozenset({COUNTED})
        yield from _text_problems(f"{key}.{form}", text, places, meant, optional=optional)


def _text_problems(key: str, text: str, places: set[str], meant: str, *, optional: frozenset[str]) -> Iterator[str]:
    own = set(PLACE.findall(text))
    if unknown := sorted(own - places):
        has = ", ".join(f"{{{name}}}" for name in sorted(places)) or "none"
        yield f"{key}: {{{unknown[0]}}} is no place for a value here; it has {has}"
    if lacking := sorted(places - own - optional):
        yield f"{key}: {{{lacking[0]}}} is missing; write it where the value belongs"
    if "{" in PLACE.sub("", text) or "}" in PLACE.sub("", text):
        yield f"{key}: a brace stands alone; braces are for {{places}} only"
    if not text.strip():
        yield f"{key}: is empty; leave the key out, and it stands in English"
    for marks, sign in ((KEYBOARD, "`"), (STRONG, "**")):
        if marks.search(text) and not marks.search(meant):
            yield f"{key}: has {sign} marks {sign}, which the English text has not; leave them out"
