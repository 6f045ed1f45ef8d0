"""How workers of a crowd platform come in: by one link for all, whose parameters say who they are.

Looking at the link makes nothing and holds nothing, so that whatever previews links does no harm.
"""

from typing import Any

from litestar import MediaType, Response, get, post
from litestar.exceptions import NotFoundException

from accord.collect.desk.identities import PlatformIds
from accord.collect.desk.platform import ids_of
from accord.collect.study import Platform
from accord.collect.web.form_parsing import read
from accord.collect.web.openapi import FormOperation
from accord.collect.web.pages import consent_page, signed_in
from accord.collect.web.site import Site, WebRequest, in_thread
from accord.errors import AccessError, FormError

__all__ = ["PLATFORM", "shared_link"]

HTML = MediaType.HTML


@get("/start", media_type=HTML)
@in_thread
def start_page(request: WebRequest, site: Site) -> Response[Any]:
    """What taking part means, for whom the platform sent; on to the work for whoever takes part already."""
    platform = _platform(site)
    ids = ids_of(platform, read(request.scope["query_string"]))
    login = site.login(request, "person")
    if login is not None and site.desk.is_worker(login.subject, ids):
        return site.to("/work")
    return consent_page(request, site, "/start", ids=_named(platform, ids))


@post("/start", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def start(request: WebRequest, site: Site) -> Response[Any]:
    """A worker agrees to take part, or comes back in the platform's session that they began with."""
    platform, form, address = _platform(site), request.state.form, site.address(request)
    for action in ("link", "start"):
        site.limit(action, address)
    attributes = {name: form.get(f"about-{place}", "") for place, name in enumerate(site.study.attributes)}
    try:
        ids = ids_of(platform, form)
        person = site.desk.enter(ids, consent=bool(form.get("consent")), attributes=attributes)
    except FormError as error:
        return consent_page(
            request, site, "/start", ids=_named(platform, ids_of(platform, form)), error=error, form=form, status=400
        )
    except AccessError:
        site.count("link", address)
        raise
    site.count("start", address)
    return signed_in(site, person)


def _platform(site: Site) -> Platform:
    if site.study.platform is None:
        raise NotFoundException
    return site.study.platform


def _named(platform: Platform, ids: PlatformIds) -> dict[str, str]:
    """The ids under the names of the platform's parameters."""
    pairs = ((platform.worker, ids.worker), (platform.session, ids.session), (platform.study, ids.study))
    return {name: value for name, value in pairs if name is not None}


def shared_link(site: Site, request: WebRequest) -> str | None:
    """The link that the platform is given, with a place for each of its ids; None where the study has no platform."""
    return None if site.study.platform is None else site.address_of(request, site.study.platform.link)


PLATFORM = [start_page, start]
