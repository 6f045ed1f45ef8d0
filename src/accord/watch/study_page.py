"""The page of a run among those of whoever runs a study, for those who may see the others."""

from collections.abc import Mapping
from functools import partial

from markupsafe import Markup

from accord.collect.web.added_pages import AddedPage, PageContent
from accord.errors import AccordError
from accord.watch.page import foot_markup, links, own_static, run_markup, seconds_to_next, shown_view
from accord.watch.rounds import Watched

__all__ = ["study_page"]


def study_page(watched: Watched) -> AddedPage:
    """The page of a run, as `accord collect` shows it at /admin/run."""
    return AddedPage("/admin/run", "Run", "watch", partial(_content, watched), own_static())


def _content(watched: Watched, path: str, asked: Mapping[str, str]) -> PageContent:
    link = links(path, asked)
    try:
        view, over = shown_view(watched, asked)
    except AccordError as error:
        return PageContent(Markup("<h1>This cannot be shown</h1><p>{}</p>").format(str(error)))
    every = seconds_to_next(view, asked)
    return PageContent(run_markup(view, over, link) + foot_markup(every, link), every)
