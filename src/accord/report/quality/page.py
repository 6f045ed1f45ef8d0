"""The page: one file without script or outside resource."""

from accord.feedback.quality.evaluators import Number
from accord.feedback.quality.measure import Quality
from accord.report.environment import environment
from accord.report.quality.content import parts_of
from accord.report.quality.words import headline

__all__ = ["render_page"]


def render_page(quality: Quality, name: str, floor: Number | None = None) -> str:
    """The page of a ledger called `name`. The same measurements give the same bytes."""
    from markupsafe import Markup

    template = environment(lambda file: Markup("<bdi>{}</bdi>").format(file)).get_template("quality.html.j2")
    return template.render(
        name=name if quality.study is None else f"{quality.study} in {name}",
        headline=headline(quality),
        parts_of_page=parts_of(quality, floor),
    )
