"""What a study does with what its file says of items: suggestions to start from, shares by a key of the metadata."""

from collections.abc import Iterator

from pydantic import Field

from accord.collect.study.section import Section, Word
from accord.errors import StudyError

__all__ = ["ItemQuota", "Metadata", "Suggest", "stratum_of"]

Metadata = dict[Word, str | int | float | bool]


class Suggest(Section):
    """Answers that the file suggests, filled in on the page for a share of people and items that is drawn by lot."""

    by: Word = Field(default="suggestion", description="who made those of lines that do not say")
    share: float = Field(default=0.5, ge=0, le=1, description="how often a suggestion is filled in where there is one")


class ItemQuota(Section):
    """The share of the answers that items are to have, by what their metadata say under a key."""

    by: Word
    shares: dict[str, float] = Field(min_length=1)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Keys that do not go together, with what to do about it."""
        total = sum(self.shares.values())
        if min(self.shares.values()) < 0 or abs(total - 1) > 1e-6:
            yield "item_quota.shares", f"they sum to {total:g}; make them sum to 1, none below 0"


def stratum_of(quota: ItemQuota | None, metadata: Metadata, place: str) -> str:
    """The group of an item. Raises `StudyError` that names the line where it is none of the quota's."""
    if quota is None:
        return ""
    if quota.by not in metadata:
        raise StudyError(f"{place} metadata.{quota.by}: missing; item_quota goes by it")
    value = str(metadata[quota.by])
    if value not in quota.shares:
        known = ", ".join(quota.shares)
        raise StudyError(f"{place} metadata.{quota.by}: {value!r:.60} has no share in item_quota.shares ({known})")
    return value
