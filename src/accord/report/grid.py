"""What a section of the page is made of: sentences, tables, figures, and what is missing."""

from dataclasses import dataclass

from accord.report.training_curves import Figure

__all__ = ["Grid", "Section"]


@dataclass(frozen=True)
class Grid:
    """A table of texts: the first of each row names it."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """Sentences, tables, figures and what is missing."""

    sentences: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    figures: tuple[Figure, ...] = ()
    missing: tuple[str, ...] = ()
