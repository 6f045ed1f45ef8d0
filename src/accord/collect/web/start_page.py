"""Several studies under one address: the page that lists those that are open to somebody, and the way into another one.

A person is one person in all of them: one invite, one sign-in, one evaluator in the ledger. Each study asks for its own
consent before the first item.
"""

from dataclasses import dataclass
from typing import Any

from litestar import MediaType, Response, get, post

from accord.collect.desk.identities import Person
from accord.collect.desk.service import Desk
from accord.collect.web.openapi import FormOperation
from accord.collect.web.pages import consent_page
from accord.collect.web.site import Site, StrangerError, WebRequest, in_thread
from accord.errors import FormError

__all__ = ["ENTRANCE", "StudyLine", "start_page"]

HTML = MediaType.HTML


@dataclass(frozen=True)
class StudyLine:
    """A study as somebody sees it on the start page: what they did, what is `left`, and whether they take part."""

    title: str
    base: str
    state: str
    done: int
    left: int | None


@get("/", media_type=HTML)
@in_thread
def start_page(request: WebRequest, site: Site) -> Response[Any]:
    """The studies that are open to whoever is signed in."""
    known = _known(request, site)
    lines = [_line(desk, known) for desk in site.house]
    open_to = [line for line in lines if line is not None]
    return site.page(request, "start.html", person=known, lines=open_to, here_path="/")


def _known(request: WebRequest, site: Site) -> Person:
    login = site.login(request, "person")
    known = None if login is None else site.known(login)
    if known is None:
        raise StrangerError("person")
    return known


def _line(desk: Desk, known: Person) -> StudyLine | None:
    """A study's line; none where somebody may not come in, as its people come from a platform."""
    person, study = desk.person(known.pseudonym), desk.study
    if person is None:
        return None if study.platform is not None else StudyLine(study.title, f"/{study.name}", "new", 0, None)
    left = desk.left(person) if person.status == "active" else 0
    return StudyLine(study.title, f"/{study.name}", person.status, person.done, left)


@get("/take-part", media_type=HTML)
@in_thread
def take_part_page(request: WebRequest, site: Site) -> Response[Any]:
    """What taking part in this study means, for whoever takes part in another one of this address."""
    known = _known(request, site)
    if site.desk.person(known.pseudonym) is not None:
        return site.to("/work")
    return consent_page(request, site, "/take-part", known=True)


@post("/take-part", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def take_part(request: WebRequest, site: Site) -> Response[Any]:
    """They agree, and go on as who they are."""
    known, form = _known(request, site), request.state.form
    if site.study.platform is not None:
        raise StrangerError("person")
    attributes = {name: form.get(f"about-{place}", "") for place, name in enumerate(site.study.attributes)}
    try:
        person = site.desk.take_part(known, consent=bool(form.get("consent")), attributes=attributes)
    except FormError as error:
        return consent_page(request, site, "/take-part", known=True, error=error, form=form, status=400)
    return site.to("/work" if person.done else "/instructions")


ENTRANCE = [take_part_page, take_part]
