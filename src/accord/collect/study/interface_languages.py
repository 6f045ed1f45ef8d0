"""The languages in which a study's pages are read: which it offers, and where their texts come from."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from accord.collect.study.catalogue import ENGLISH, Catalogue, packaged_languages, packaged_texts, read_texts
from accord.collect.study.locale_rules import canonical_language

__all__ = ["interface_catalogues", "language_problems", "missing_texts"]

Texts = str | Mapping[str, str] | None
"""The file of a study's own texts, which is of its `language`; or one for each language."""


def language_problems(language: str, languages: Sequence[str], texts: Texts) -> Iterator[tuple[str, str]]:
    """What is wrong with a study's languages: each key with what to do about it."""
    named = [("language", language), *(("languages", each) for each in languages)]
    named += [("texts", each) for each in texts] if isinstance(texts, Mapping) else []
    for key, name in named:
        known = canonical_language(name)
        if known is None:
            yield key, f"{name!r} is no language that is known; write it as BCP 47 does: de, pt-BR"
        elif known != name:
            yield key, f"{name!r} is written {known!r}"
    if len(set(languages)) < len(languages):
        yield "languages", "name each language once"
    if languages and language not in languages:
        yield "language", f"{language!r} is not among languages = {list(languages)}; add it, or name one of them"
    if isinstance(texts, Mapping) and (unused := [name for name in texts if name not in {language, *languages}]):
        yield f"texts.{unused[0]}", "no page is in this language; name it in languages"
    packaged, own = packaged_languages(), _own_files(language, texts)
    for name in languages or (language,):
        if name not in packaged and name not in own:
            remedy = f"no texts are packaged for it (only for {', '.join(packaged)}); name a file of them in texts"
            yield "languages" if languages else "language", f"{name!r}: {remedy}"


def interface_catalogues(language: str, languages: Sequence[str], texts: Texts) -> dict[str, Catalogue]:
    """The catalogue of each language that is offered; the first is the one that everybody begins with.

    Raises what `read_texts` does.
    """
    own = _own_files(language, texts)
    order = [language, *(name for name in languages if name != language)]
    return {name: read_texts(Path(own[name]), name) if name in own else packaged_texts(name) for name in order}


def missing_texts(catalogues: Mapping[str, Catalogue]) -> list[str]:
    """What stands in English in each of the catalogues, one sentence a language."""
    told = []
    for language, catalogue in catalogues.items():
        if language == ENGLISH:
            continue
        if catalogue.missing:
            count = f"{len(catalogue.missing)} of {len(catalogue.missing) + len(catalogue.texts)} texts"
            told.append(f"{language}: {count} are missing and stand in English: {', '.join(_short(catalogue))}")
        if catalogue.less:
            told.append(f"{language}: plural forms are missing, other stands there: {', '.join(catalogue.less)}")
    return told


def _own_files(language: str, texts: Texts) -> dict[str, str]:
    if texts is None:
        return {}
    return {language: texts} if isinstance(texts, str) else dict(texts)


def _short(catalogue: Catalogue) -> list[str]:
    """The missing keys; of a section of which nothing is there, its name."""
    there = {key.partition(".")[0] for key in catalogue.texts}
    named = [key if key.partition(".")[0] in there else f"{key.partition('.')[0]}.*" for key in catalogue.missing]
    return list(dict.fromkeys(named))
