"""The pages of whoever runs the study: progress, people, disputed items, export.

All but the sign-in need a session that the desk keeps; everything that changes something is a form with a token.
"""

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from litestar import MediaType, Response, get, post
from litestar.response import Redirect, Stream

from accord.collect.desk.identities import Invite
from accord.collect.desk.overview import DisputedItem
from accord.collect.desk.platform import as_csv
from accord.collect.desk.tasks import Task
from accord.collect.web.openapi import FormOperation
from accord.collect.web.pages import task_context
from accord.collect.web.platform_pages import shared_link
from accord.collect.web.site import Site, WebRequest, in_thread
from accord.collect.web.task_view import votes_in_words
from accord.errors import FormError
from accord.feedback.formats.accord_jsonl import write as write_lines

__all__ = ["ADMIN"]

SESSION_HOURS = 12
A_PAGE = 100  # items of the table of progress
MAX_DISPUTED = 200  # items
CHUNK = 1 << 16
HTML = MediaType.HTML
PEOPLE = ("/admin/people", "To the people")


# -- signing in -------------------------------------------------------------------------------------------------------


@get("/admin/sign-in", media_type=HTML)
@in_thread
def sign_in_page(request: WebRequest, site: Site) -> Response[Any]:
    """The sign-in."""
    return site.page(request, "admin/sign_in.html") if site.login(request, "admin") is None else site.to("/admin")


@post("/admin/sign-in", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def sign_in(request: WebRequest, site: Site) -> Response[Any]:
    """A session for who has the password.

    Failed tries are counted by address, and by name where somebody tries from many; a browser in which whoever has the
    name signed in before is counted by itself, so that strangers cannot keep its owner out.
    """
    form = request.state.form
    name, password = form.get("name", "")[:200], form.get("password", "")
    mark = site.jar.read(request, "known")
    keys = [("password", site.address(request)), ("name", name.casefold())]
    if site.desk.is_known_browser(name, mark):
        keys = [("known", mark)]
    for action, key in keys:
        site.limit(action, key)
    if not site.desk.check_admin(name, password):
        for action, key in keys:
            site.count(action, key)
        wrong = FormError("password", "Name or password is wrong.")
        return site.page(request, "admin/sign_in.html", status=403, form={"name": name}, error=wrong)
    if old := site.jar.read(request, "admin"):
        site.desk.sessions.drop(old)
    session = site.desk.sessions.create("admin", name, hours=SESSION_HOURS)
    known = site.jar.cookie("known", site.desk.mark_browser(name))
    return site.to("/admin", site.jar.cookie("admin", session, SESSION_HOURS * 3600), known)


@post("/admin/sign-out", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def sign_out(request: WebRequest, site: Site) -> Redirect:
    """The session ends, on the server too."""
    site.admin(request)
    site.desk.sessions.drop(site.jar.read(request, "admin"))
    return site.to("/admin/sign-in", site.jar.cookie("admin", "", 0))


# -- progress ---------------------------------------------------------------------------------------------------------


@get("/admin", media_type=HTML)
@in_thread
def progress(request: WebRequest, site: Site, page: int = 1) -> Response[str]:
    """How the study goes, in figures with their intervals."""
    site.admin(request)
    overview = site.desk.progress()
    pages = max(1, math.ceil(len(overview.items) / A_PAGE))
    page = min(max(page, 1), pages)
    shown = overview.items[(page - 1) * A_PAGE : page * A_PAGE]
    full = sum(item.closed not in {"", "unsettled"} for item in overview.items)
    return _page(request, site, "progress", "/admin", p=overview, shown=shown, full=full, page=page, pages=pages)


@get("/admin/export", media_type=HTML)
@in_thread
def export_page(request: WebRequest, site: Site) -> Response[str]:
    """What can be taken away, and the figures for the disclosure."""
    site.admin(request)
    return _page(request, site, "export", "/admin/export", p=site.desk.progress())


@post("/admin/export", status_code=200, operation_class=FormOperation)
@in_thread
def export(request: WebRequest, site: Site) -> Stream:
    """The whole ledger as JSON lines."""
    site.admin(request)
    name = f'attachment; filename="{site.study.name}.jsonl"'
    return Stream(_lines(site), media_type="application/x-ndjson", headers={"content-disposition": name})


def _lines(site: Site) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feedback.jsonl"
        write_lines(site.desk.ledger, path)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


@post("/admin/approvals", status_code=200, operation_class=FormOperation)
@in_thread
def approvals(request: WebRequest, site: Site) -> Response[str]:
    """Whom the platform is to approve, as CSV."""
    site.admin(request)
    name = f'attachment; filename="{site.study.name}-approvals.csv"'
    headers = {"content-disposition": name}
    return Response(as_csv(site.desk.approvals()), media_type="text/csv; charset=utf-8", headers=headers)


@post("/admin/items", status_code=200, operation_class=FormOperation)
@in_thread
def items(request: WebRequest, site: Site) -> Response[str]:
    """The items with their metadata and votes, as CSV."""
    site.admin(request)
    headers = {"content-disposition": f'attachment; filename="{site.study.name}-items.csv"'}
    return Response(site.desk.item_table(), media_type="text/csv; charset=utf-8", headers=headers)


# -- people -----------------------------------------------------------------------------------------------------------


@get("/admin/people", media_type=HTML)
@in_thread
def people(request: WebRequest, site: Site) -> Response[str]:
    """Who takes part, with the figures that say whom to talk to."""
    site.admin(request)
    return _people(request, site)


@post("/admin/people/invite", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def invite(request: WebRequest, site: Site) -> Response[str]:
    """A new link for one person."""
    site.admin(request)
    form = request.state.form
    days = form.get("days", "14")
    if not (days.isascii() and days.isdecimal() and 1 <= int(days[:4]) <= 365 and len(days) <= 3):
        wrong = FormError("days", "A link is valid for 1 to 365 days.")
        return _people(request, site, error=wrong, status=400)
    expert = form.get("expert") == "1" and site.study.experts is not None
    new = site.desk.invite(note=form.get("note", "")[:200], days=int(days), expert=expert)
    return _people(request, site, link=_link(request, site, f"A link for one {'expert' if expert else 'person'}.", new))


@post(
    "/admin/people/{pseudonym:str}/{action:str}",
    media_type=HTML,
    status_code=200,
    operation_class=FormOperation,
)
@in_thread
def change(request: WebRequest, site: Site, pseudonym: str, action: str) -> Response[Any]:
    """Pause somebody, let them go on, erase who they are, or make them a new link to sign in."""
    site.admin(request)
    person = site.desk.person(pseudonym)
    if person is None or (person.status == "erased" and action != "erase"):
        title = "Nobody of that name" if person is None else "This person was erased"
        status = 404 if person is None else 409
        return site.message(request, title, "The people of this study are in the list.", status=status)
    match action:
        case "pause":
            site.desk.pause(pseudonym, request.state.form.get("why", "")[:500])
        case "resume":
            site.desk.resume(pseudonym)
        case "erase":
            if traces := site.desk.erase(pseudonym):
                return site.message(request, "Forgotten, and not yet off the disk", *_left(traces), action=PEOPLE)
        case "link":
            link = _link(request, site, f"A link for {pseudonym} to sign in.", site.desk.link(pseudonym))
            return _people(request, site, link=link)
        case _:
            return site.message(request, "No such thing to do", "Go back to the list.", status=404)
    return site.to("/admin/people")


def _left(left: str) -> tuple[str, str]:
    return (
        f"Nobody sees the name any more. It is still in {left}. Nobody else is held up by this.",
        "Erase once more when they are done, or start the study anew: what is left is then overwritten.",
    )


def _link(request: WebRequest, site: Site, title: str, new: Invite) -> dict[str, Any]:
    address = site.address_of(request, f"/join/{new.token}")
    return {"title": title, "expires": new.expires, "address": address}


def _people(request: WebRequest, site: Site, *, status: int = 200, **context: Any) -> Response[str]:
    shown = {"link": None, "shared": shared_link(site, request), **context}
    return _page(request, site, "people", "/admin/people", status=status, people=site.desk.progress().people, **shown)


# -- disputed items ---------------------------------------------------------------------------------------------------


@get("/admin/disputed", media_type=HTML)
@in_thread
def disputed(request: WebRequest, site: Site) -> Response[str]:
    """The items that people disagree on most."""
    site.admin(request)
    items = [(item, votes_in_words(item)) for item in site.desk.disputed(MAX_DISPUTED)]
    return _page(request, site, "disputed", "/admin/disputed", disputed=items)


@get("/admin/disputed/{item:str}", media_type=HTML)
@in_thread
def disputed_item(request: WebRequest, site: Site, item: str, question: str = "") -> Response[str]:
    """One of them, to decide."""
    site.admin(request)
    return _adjudication(request, site, item, question)


@post("/admin/disputed/{item:str}", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def decide(request: WebRequest, site: Site, item: str) -> Response[Any]:
    """A decision: a judgement of an adjudicator, beside those of the people."""
    name = site.admin(request)
    try:
        site.desk.adjudicate(item, request.state.form, name)
    except FormError as error:
        question = request.state.form.get("question", "")
        return _adjudication(request, site, item, question, error=error, status=400)
    return site.to("/admin/disputed")


def _adjudication(
    request: WebRequest, site: Site, item: str, question: str, *, error: FormError | None = None, status: int = 200
) -> Response[str]:
    of_item = (other for other in site.desk.disputed(MAX_DISPUTED) if other.item == item)
    disputed = next((other for other in of_item if question in {"", other.question.name}), None)
    if disputed is None:
        return site.message(request, "No such item", "The disputed items are in the list.", status=404)
    context = task_context(site, _as_task(site, disputed), getattr(request.state, "form", {}))
    context |= {"votes": votes_in_words(disputed), "adjudicated": disputed.adjudicated, "error": error}
    return _page(request, site, "adjudicate", "/admin/disputed", status=status, **context)


def _as_task(site: Site, disputed: DisputedItem) -> Task:
    """A disputed item as it is put before the adjudicator: the question that is disputed, in the item's own order."""
    now = site.clock()
    return Task(
        reservation="",
        item=disputed.item,
        prompt=disputed.prompt,
        completions=disputed.completions,
        question=disputed.question,
        warning="",
        session="",
        position_in_session=0,
        number=0,
        issued_at=now,
        expires_at=now,
    )


def _page(request: WebRequest, site: Site, name: str, here: str, *, status: int = 200, **context: Any) -> Response[str]:
    titles = {"adjudicate": "Disputed item"}
    title = titles.get(name, name.capitalize())
    return site.page(request, f"admin/{name}.html", status=status, title=title, here=here, **context)


ADMIN = [
    sign_in_page,
    sign_in,
    sign_out,
    progress,
    export_page,
    export,
    approvals,
    items,
    people,
    invite,
    change,
    disputed,
    disputed_item,
    decide,
]
