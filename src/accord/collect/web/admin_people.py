"""The people of a study, for whoever runs it: who takes part, one person by themselves, and what is done about them.

Who somebody is stands on these pages only for those who have the right to see it.
"""

from collections.abc import Mapping
from typing import Any

from litestar import MediaType, Response, get, post
from litestar.exceptions import NotFoundException

from accord.collect.desk.identities import Invite
from accord.collect.desk.names import Identity
from accord.collect.web.admin_frame import admin_page, recipe_line
from accord.collect.web.curves import curves_of
from accord.collect.web.form_parsing import read
from accord.collect.web.openapi import FormOperation
from accord.collect.web.platform_pages import shared_link
from accord.collect.web.site import Site, WebRequest, in_thread
from accord.errors import FormError

__all__ = ["PEOPLE"]

HTML = MediaType.HTML
LIST = ("/admin/people", "To the people")


@get("/admin/people", media_type=HTML)
@in_thread
def people(request: WebRequest, site: Site) -> Response[str]:
    """Who takes part, with the figures that say whom to talk to."""
    return _people(request, site, site.admin(request))


@post("/admin/people/invite", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def invite(request: WebRequest, site: Site) -> Response[str]:
    """A new link for one person."""
    admin = site.admin(request)
    form = request.state.form
    days = form.get("days", "14")
    if not (days.isascii() and days.isdecimal() and 1 <= int(days[:4]) <= 365 and len(days) <= 3):
        wrong = FormError("days", "A link is valid for 1 to 365 days.")
        return _people(request, site, admin, error=wrong, status=400)
    expert = form.get("expert") == "1" and site.study.experts is not None
    new = site.desk.invite(note=form.get("note", "")[:200], days=int(days), expert=expert)
    whom = "expert" if expert else "person"
    return _people(request, site, admin, link=_link(request, site, f"A link for one {whom}.", new))


@get("/admin/people/{pseudonym:str}", media_type=HTML)
@in_thread
def person(request: WebRequest, site: Site, pseudonym: str) -> Response[str]:
    """One person: who they are, how they agree with others, their speed and agreement over time."""
    return _person(request, site, site.admin(request), pseudonym)


@post(
    "/admin/people/{pseudonym:str}/{action:str}",
    media_type=HTML,
    status_code=200,
    operation_class=FormOperation,
)
@in_thread
def change(request: WebRequest, site: Site, pseudonym: str, action: str) -> Response[Any]:
    """Pause somebody, let them go on, leave their answers out of training, note or erase who they are, or make them a
    new link to sign in."""
    admin, form = site.admin(request), request.state.form
    person = site.desk.person(pseudonym)
    if person is None or (person.status == "erased" and action not in {"erase", "exclude", "include"}):
        title = "Nobody of that name" if person is None else "This person was erased"
        status = 404 if person is None else 409
        return site.message(request, title, "The people of this study are in the list.", status=status)
    match action:
        case "pause":
            site.desk.pause(pseudonym, form.get("why", "")[:500], excluded=form.get("exclude") == "1")
        case "resume":
            site.desk.resume(pseudonym)
        case "exclude" | "include":
            site.desk.exclude(pseudonym, excluded=action == "exclude")
        case "identity":
            return _identify(request, site, admin, pseudonym)
        case "erase":
            if traces := site.desk.erase(pseudonym):
                return site.message(request, "Forgotten, and not yet off the disk", *_left(traces), action=LIST)
        case "link":
            link = _link(request, site, f"A link for {pseudonym} to sign in.", site.desk.link(pseudonym))
            return _people(request, site, admin, link=link)
        case _:
            return site.message(request, "No such thing to do", "Go back to the list.", status=404)
    return site.to("/admin/people")


def _identify(request: WebRequest, site: Site, admin: str, pseudonym: str) -> Response[Any]:
    try:
        site.desk.change_identity(pseudonym, request.state.form, admin)
    except FormError as error:
        return _person(request, site, admin, pseudonym, error=error, status=400)
    return site.to(f"/admin/people/{pseudonym}")


def _left(left: str) -> tuple[str, str]:
    return (
        f"Nobody sees the name any more. It is still in {left}. Nobody else is held up by this.",
        "Erase once more when they are done, or start the study anew: what is left is then overwritten.",
    )


def _link(request: WebRequest, site: Site, title: str, new: Invite) -> dict[str, Any]:
    address = site.address_of(request, f"/join/{new.token}")
    return {"title": title, "expires": new.expires, "address": address}


def _people(
    request: WebRequest, site: Site, admin: str, *, status: int = 200, link: Any = None, error: FormError | None = None
) -> Response[str]:
    who, found = _identities(site, admin), read(request.scope["query_string"]).get("text", "").strip()
    listed = [one for one in site.desk.progress().people if _is_called(found, one.pseudonym, who)]
    out = site.desk.excluded_evaluators()
    values: dict[str, Any] = {"people": listed, "who": who, "text": found, "excluded": recipe_line(out), "out": out}
    values |= {"link": link, "shared": shared_link(site, request), "error": error}
    return admin_page(request, site, "people", "/admin/people", status=status, **values)


def _is_called(text: str, pseudonym: str, who: Mapping[str, Identity] | None) -> bool:
    """Whether somebody is called so: by pseudonym, or by name, contact or note where these may be seen."""
    known = (who or {}).get(pseudonym, Identity())
    return any(text.casefold() in word.casefold() for word in (pseudonym, known.name, known.contact, known.note))


def _person(
    request: WebRequest,
    site: Site,
    admin: str,
    pseudonym: str,
    *,
    status: int = 200,
    error: FormError | None = None,
) -> Response[str]:
    person, lookup = site.desk.person(pseudonym), site.desk.lookup
    if person is None:
        raise NotFoundException
    who = _identities(site, admin)
    points, out = lookup.work_curve(pseudonym), site.desk.excluded_evaluators()
    values = {
        "person": person,
        "who": who,
        "points": points,
        "curves": curves_of(points),
        "others": lookup.agreement_with(pseudonym),
        "excluded": recipe_line({name: one for name, one in out.items() if name == pseudonym}),
        "error": error,
    }
    return admin_page(request, site, "person", "/admin/people", status=status, **values)


def _identities(site: Site, admin: str) -> Mapping[str, Identity] | None:
    """Who people are; None where this admin may not see it."""
    return site.desk.lookup.identities(admin) if site.desk.lookup.may_see_names(admin) else None


PEOPLE = [people, invite, person, change]
