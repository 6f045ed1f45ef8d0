"""The page: one file without script or outside resource."""

from dataclasses import replace

from accord.feedback.quality.evaluators import Number
from accord.feedback.quality.measure import Quality
from accord.report.environment import environment
from accord.report.quality.content import Part, parts_of
from accord.report.quality.drawing import figures_of
from accord.report.quality.words import headline

__all__ = ["render_page"]


def render_page(quality: Quality, name: str, floor: Number | None = None) -> str:
    """The page of a ledger called `name`. The same measurements give the same bytes."""
    from markupsafe import Markup

    template = environment(lambda file: Markup("<bdi>{}</bdi>").format(file)).get_template("quality.html.j2")
    return template.render(
        name=name if quality.study is None else f"{quality.study} in {name}",
        headline=headline(quality),
        parts_of_page=_with_figures(quality, parts_of(quality, floor)),
    )


def _with_figures(quality: Quality, parts: list[Part]) -> list[Part]:
    figures = figures_of(quality)
    return [replace(part, section=replace(part.section, figures=figures.get(part.id, ()))) for part in parts]
