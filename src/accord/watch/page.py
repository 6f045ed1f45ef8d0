"""What is shown of a run as HTML, for a page of its own and for that of a study. All that is not ours is escaped."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

from accord.collect.web.site import templates as shared_templates
from accord.collect.web.static_files import read_static
from accord.report.words import clean, duration, memory
from accord.watch.drawing import draw
from accord.watch.rounds import Watched
from accord.watch.series import OVER, Over
from accord.watch.view import RunView, view_of

__all__ = [
    "foot_markup",
    "links",
    "own_static",
    "run_markup",
    "seconds_to_next",
    "shown_view",
    "templates",
]

LIVE, AT_REST = 5, 30  # seconds from one look to the next, while a process works on the run and otherwise
Link = Callable[..., str]


def shown_view(watched: Watched, query: Mapping[str, str]) -> tuple[RunView, Over]:
    """The view that an address asks for by `round` and `over`. Raises `ArtefactError` for a round that is not there."""
    over = _asked_over(query)
    return view_of(watched, query.get("round"), over), over


def _asked_over(query: Mapping[str, str]) -> Over:
    """What curves are over; anything else than what there is means steps."""
    return next((over for over in OVER if over == query.get("over")), "step")


def links(path: str, query: Mapping[str, str]) -> Link:
    """What makes the address of the same page with something else of it, as templates ask for it."""
    known = {name: query[name] for name in ("round", "over", "still") if name in query}

    def link(**changes: Any) -> str:
        fields = {name: str(value) for name, value in {**known, **changes}.items()}
        plain = {("still", "0"), ("over", "step")}  # what is so without being said
        fields = {name: value for name, value in fields.items() if (name, value) not in plain}
        return f"{path}?{urlencode(fields)}" if fields else path

    return link


def run_markup(view: RunView, over: Over, link: Link) -> Markup:
    """The parts of the page of a run, without its frame."""
    module: Any = templates().get_template("run_parts.html").module
    return Markup(module.run(view, over, link, draw))  # noqa: S704 - the template has escaped all of it


def foot_markup(every: int, link: Link) -> Markup:
    """When it was looked at, and whether that goes on."""
    module: Any = templates().get_template("run_parts.html").module
    return Markup(module.foot(datetime.now(UTC), every, link))  # noqa: S704 - as above


def seconds_to_next(view: RunView, query: Mapping[str, str]) -> int:
    """After how many seconds a run is looked at again; 0 where the address says that it is not."""
    return 0 if query.get("still") == "1" else LIVE if view.state.is_live else AT_REST


@cache
def templates() -> Environment:
    """The templates of this room before those that all pages share."""
    own, shared = PackageLoader("accord.watch"), PackageLoader("accord.collect.web")
    environment = shared_templates().overlay(loader=ChoiceLoader([own, shared]), finalize=_displayable)
    environment.filters = {**environment.filters, "took": duration, "held": memory, "slug": _slug}
    return environment


def _displayable(value: Any) -> Any:
    """Text with what cannot be shown made visible, in a title or a label as elsewhere."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _slug(name: str) -> str:
    """A name as a part of an id; two names never give the same one."""
    return re.sub(r"[^a-z0-9-]", lambda letter: f"_{ord(letter[0]):x}_", name)


def own_static() -> dict[str, bytes]:
    """The page's own sheet and script by name."""
    return read_static("watch.css", "watch.js", package="accord.watch")
