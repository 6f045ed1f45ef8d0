"""The language of the pages: whoever takes part chooses one of those that the study offers, and it is remembered."""

import re

from litestar import MediaType, post
from litestar.response import Redirect

from accord.collect.web.openapi import FormOperation
from accord.collect.web.site import Site, WebRequest

__all__ = ["LANGUAGES"]

OWN_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*", re.ASCII)


@post(
    "/language",
    media_type=MediaType.HTML,
    status_code=200,
    sync_to_thread=False,
    operation_class=FormOperation,
)
def choose_language(request: WebRequest, site: Site) -> Redirect:
    """Back to the page that somebody comes from, in the language that they chose."""
    form = request.state.form
    chosen, back = form.get("language", ""), form.get("back", "")
    target = back if OWN_PATH.fullmatch(back) else f"{site.base}/"
    cookies = [site.jar.cookie("language", chosen)] if chosen in site.spoken else []
    return Redirect(target, status_code=303, cookies=cookies)


LANGUAGES = [choose_language]
