"""Figures of the quality page: how right each evaluator is by all others, and who answered beside the population."""

from collections.abc import Mapping, Sequence

from accord.feedback.quality.composition import AttributeShares, Composition
from accord.feedback.quality.evaluators import EvaluatorQuality
from accord.feedback.quality.measure import Quality
from accord.report.canvas import NORMAL, SMALL, WIDTHS, high_end, low_end, new_canvas, whisker, x_axis
from accord.report.quality.words import HEADINGS
from accord.report.svg import COLOURS, own_style, render_svg
from accord.report.training_curves import Drawing, Figure
from accord.report.words import clean, interval
from accord.stats import Estimate

__all__ = ["figures_of"]

SHOWN = 30  # evaluators that are drawn, those to look at first
_COLOUR = {"careless": "proxy", "unclear": "proxy", "another view": "judge"}
MUTED = COLOURS["muted"]


def figures_of(quality: Quality) -> Mapping[str, tuple[Figure, ...]]:
    """The figures of each section that has any, by its id."""
    attributes = quality.composition.attributes if isinstance(quality.composition, Composition) else ()
    return {
        "evaluators": _figure_of_evaluators(quality.evaluators),
        "composition": tuple(_figure_of_shares(shares, place) for place, shares in enumerate(attributes, 1)),
    }


def _figure_of_evaluators(evaluators: Sequence[EvaluatorQuality]) -> tuple[Figure, ...]:
    known = sum(isinstance(one.numbers["one_coin"], Estimate) for one in evaluators)
    if not known:
        return ()
    drawings = tuple(Drawing(_draw_evaluators(evaluators, width=width), width) for width in WIDTHS)
    which = f"the {SHOWN} to look at first, of {known:,}" if known > SHOWN else "everybody"
    caption = (
        f"How often each is right where all others tell what is right: {which}. Bars are 95 % intervals. Orange: "
        "careless or unclear; blue: another view; grey: ordinary. Who answers at random lies on the dotted line; who "
        "is surely left of it says the opposite of the others."
    )
    return (Figure(drawings, caption, ()),)


def _figure_of_shares(shares: AttributeShares, place: int) -> Figure:
    return Figure(
        tuple(Drawing(_draw_shares(shares, place, width=width), width) for width in WIDTHS),
        "Dots are the shares of the answers with 95 % intervals over people, open squares those of the population.",
        (),
    )


@own_style()
def _draw_evaluators(evaluators: Sequence[EvaluatorQuality], *, width: int) -> str:
    """A dot and an interval each, by standing; chance is dotted. Only those with an accuracy by the others."""
    known = [(one, value) for one in evaluators if isinstance(value := one.numbers["one_coin"], Estimate)][:SHOWN]
    row, top, bottom = 27, 30, 46
    left = 118 if width < 400 else 240
    figure, axes = new_canvas(width, top + row * len(known) + bottom, left=left, right=12, top=top, bottom=bottom)
    least = min(0.4, *(low_end(value) for _, value in known))
    axes.set_xlim(max(least - 0.02, 0.0), 1.0)
    axes.set_ylim(len(known), 0)
    axes.axvline(0.5, color=MUTED, linewidth=1.4, linestyle=(0, (1, 2)))
    axes.annotate(
        "chance", (0.5, 0), xytext=(0, 8), textcoords="offset points", ha="center", color=MUTED, fontsize=SMALL
    )
    for place, (one, value) in enumerate(known):
        colour = COLOURS[_COLOUR.get(one.standing or "", "muted")]
        whisker(axes, value, place + 0.5, colour)
        name = _label(one, 12 if width < 400 else 24)
        axes.annotate(
            name,
            (0, place + 0.5),
            xytext=(-8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center",
            color=colour,
            fontsize=NORMAL,
            annotation_clip=False,
            parse_math=False,
        )
    x_axis(axes, HEADINGS["one_coin"])
    values = "; ".join(f"{clean(one.pseudonym)}, {one.standing}, {interval(value, 2)}" for one, value in known)
    return render_svg(
        figure,
        f"evaluators-{width}",
        title="How often each evaluator is right, as all the others have it",
        description=f"Dots with 95 % intervals; chance, 0.5, is dotted: {values}.",
    )


def _shortened(name: str, most: int) -> str:
    name = clean(name)
    return name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _label(one: EvaluatorQuality, most: int) -> str:
    name = _shortened(one.pseudonym, most)
    return name if one.standing in {None, "ordinary"} or most < 20 else f"{name}, {one.standing}"


@own_style()
def _draw_shares(shares: AttributeShares, number: int, *, width: int) -> str:
    """Each group's share of the answers as a dot and an interval, the population's as an open square.

    `number` is the attribute's in the page: what it is called may hold anything, and is no id.
    """
    row, top, bottom = 34, 8, 46
    left = 118 if width < 400 else 200
    figure, axes = new_canvas(
        width, top + row * len(shares.groups) + bottom, left=left, right=12, top=top, bottom=bottom
    )
    most = max(max(high_end(one.of_answers), one.target) for one in shares.groups)
    axes.set_xlim(0, min(1.02, most + 0.05))
    axes.set_ylim(len(shares.groups), 0)
    for place, one in enumerate(shares.groups):
        y = place + 0.5
        whisker(axes, one.of_answers, y, COLOURS["judge"])
        axes.plot(
            [one.target], [y], "s", color="none", markeredgecolor=COLOURS["proxy"], markeredgewidth=2.2, markersize=12
        )
        axes.annotate(
            _shortened(one.group, 12 if width < 400 else 22),
            (0, y),
            xytext=(-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=MUTED,
            fontsize=NORMAL,
            annotation_clip=False,
            parse_math=False,
        )
    x_axis(axes, f"{_shortened(shares.attribute, 12 if width < 400 else 40)}: share of the answers")
    values = "; ".join(
        f"{clean(one.group)} {interval(one.of_answers, 2)}, population {one.target:g}" for one in shares.groups
    )
    return render_svg(
        figure,
        f"shares-{number}-{width}",
        title=f"Shares of the answers by {shares.attribute}, beside the population's",
        description=f"Dots with 95 % intervals, squares for the population: {values}.",
    )
