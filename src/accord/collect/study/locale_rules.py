"""Plural forms, numbers, lists, moments and the side from which a language is written, by the rules of Babel (CLDR)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from babel import Locale

__all__ = ["LocaleRules", "canonical_language"]

NUMBER = "#,##0.#################"
PLACES = 6  # of a number in words; fields of forms have all of them


@cache
def _locale(language: str) -> "Locale":
    from babel import Locale  # its tables are read where a page needs them, not with every import of this room

    return Locale.parse(language, sep="-")


def canonical_language(name: str) -> str | None:
    """A language as BCP 47 writes it (`pt-BR`); None where no rules of such a language are known."""
    from babel import UnknownLocaleError

    try:
        return str(_locale(name.strip().replace("_", "-"))).replace("_", "-")
    except (ValueError, UnknownLocaleError):
        return None


class LocaleRules:
    """The rules of one language, named as `canonical_language` does."""

    def __init__(self, language: str) -> None:
        self.language = language

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """From which side it is written."""
        return "rtl" if _locale(self.language).text_direction == "rtl" else "ltr"

    @property
    def name(self) -> str:
        """What it calls itself."""
        name = _locale(self.language).get_display_name() or self.language
        return name[:1].upper() + name[1:]

    @property
    def plural_forms(self) -> tuple[str, ...]:
        """The forms that its words may have beside numbers, `other` last."""
        return (*sorted(_locale(self.language).plural_form.rules), "other")

    def plural_form(self, n: float) -> str:
        """The form beside this number."""
        return str(_locale(self.language).plural_form(Decimal(repr(n))))

    def number(self, value: float) -> str:
        """A number as it is written."""
        from babel.numbers import format_decimal

        exact = round(Decimal(repr(value)), PLACES) if abs(value) < 10**15 else Decimal(repr(value))
        return str(format_decimal(exact, format=NUMBER, locale=_locale(self.language)))

    def listed(self, words: Sequence[str]) -> str:
        """Words one after the other, of which one is to be chosen."""
        from babel.lists import format_list

        return str(format_list(words, style="or", locale=_locale(self.language))) if words else ""

    def moment(self, time: datetime) -> str:
        """A day and a time of day, in UTC."""
        from babel.dates import format_date, format_time

        locale, utc = _locale(self.language), time.astimezone(UTC)
        day, hour = format_date(utc, "medium", locale=locale), format_time(utc, "short", locale=locale)
        return f"{day}, {hour} UTC"
