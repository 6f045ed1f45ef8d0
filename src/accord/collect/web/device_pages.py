"""A second device: whoever is signed in makes a short code there, and types it in here."""

from litestar import MediaType, Response, get, post
from litestar.response import Redirect

from accord.collect.web.openapi import FormOperation
from accord.collect.web.pages import signed_in
from accord.collect.web.site import Site, WebRequest, in_thread
from accord.errors import AccessError

__all__ = ["DEVICES"]

HTML = MediaType.HTML


@get("/device", media_type=HTML)
@in_thread
def device_page(request: WebRequest, site: Site) -> Response[str]:
    """How to go on on another machine."""
    site.person(request)
    return site.page(request, "device.html", code=None, address=site.address_of(request, "/code"))


@post("/device", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def device(request: WebRequest, site: Site) -> Response[str]:
    """A code, shown once."""
    code = site.desk.device_code(site.person(request))
    return site.page(request, "device.html", code=code, address=site.address_of(request, "/code"))


@get("/code", media_type=HTML)
@in_thread
def code_page(request: WebRequest, site: Site) -> Response[str]:
    """Where the code is typed in."""
    return site.page(request, "code.html")


@post("/code", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def code(request: WebRequest, site: Site) -> Redirect:
    """In, by a code. Wrong ones are counted by address."""
    address = site.address(request)
    site.limit("code", address)
    try:
        person = site.desk.accept_code(request.state.form.get("code", ""))
    except AccessError:
        site.count("code", address)
        raise
    return signed_in(site, person)


DEVICES = [device_page, device, code_page, code]
