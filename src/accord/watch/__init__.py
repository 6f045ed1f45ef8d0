"""Runs as they are at this moment, from nothing but their files: on a page, on a terminal, as numbers.

    live_log     a log that may be growing, read on from where it was left
    live_run     a run's files as they are now: the one reader of this room     snapshot   what it hands on
    rounds       the rounds of a run: folders of their own, or prefixes of its stages
    state  stage_table  series  sample_table  label_budget   pure functions of a snapshot into what is shown
    view         all of it as one value       numbers   as JSON       terminal   on one screen
    drawing      places of curves on a drawing, without any style of its own
    listing      all runs below a folder      site  app   the page

Nothing is written, no run is held, and nothing is opened but files; a run that is being worked on never notices.
"""

from typing import TYPE_CHECKING, Any

from accord.extras import import_module

if TYPE_CHECKING:
    from accord.watch.app import make_watch_app
    from accord.watch.listing import list_runs
    from accord.watch.rounds import Watched
    from accord.watch.view import RunView, view_of

__all__ = ["RunView", "Watched", "list_runs", "make_watch_app", "view_of"]

_HOME = {
    "RunView": "view",
    "Watched": "rounds",
    "list_runs": "listing",
    "make_watch_app": "app",
    "view_of": "view",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
