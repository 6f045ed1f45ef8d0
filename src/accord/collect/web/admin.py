"""The pages of whoever runs the study: signing in, progress, disputed items, export.

All but the sign-in need a session that the desk keeps; everything that changes something is a form with a token.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from litestar import MediaType, Response, get, post
from litestar.response import Redirect, Stream

from accord.collect.desk.overview import DisputedItem
from accord.collect.desk.platform import as_csv
from accord.collect.desk.tasks import Task
from accord.collect.web.admin_frame import admin_page, recipe_line
from accord.collect.web.openapi import FormOperation
from accord.collect.web.pages import task_context
from accord.collect.web.site import Site, WebRequest, in_thread
from accord.collect.web.task_view import votes_in_words
from accord.errors import FormError
from accord.feedback.formats.accord_jsonl import write as write_lines
from accord.feedback.statistics.answer_differences import COMPARED_KINDS

__all__ = ["ADMIN"]

SESSION_HOURS = 12
MAX_DISPUTED = 200  # items
CHUNK = 1 << 16
HTML = MediaType.HTML


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
def progress(request: WebRequest, site: Site) -> Response[str]:
    """How the study goes, in figures with their intervals."""
    site.admin(request)
    overview = site.desk.progress()
    full = sum(item.closed not in {"", "unsettled"} for item in overview.items)
    return admin_page(request, site, "progress", "/admin", p=overview, full=full)


@get("/admin/export", media_type=HTML)
@in_thread
def export_page(request: WebRequest, site: Site) -> Response[str]:
    """What can be taken away, and the figures for the disclosure."""
    site.admin(request)
    out = recipe_line(site.desk.excluded_evaluators())
    return admin_page(request, site, "export", "/admin/export", p=site.desk.progress(), excluded=out)


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
def item_table(request: WebRequest, site: Site) -> Response[str]:
    """The items with their metadata and votes, as CSV."""
    site.admin(request)
    headers = {"content-disposition": f'attachment; filename="{site.study.name}-items.csv"'}
    return Response(site.desk.item_table(), media_type="text/csv; charset=utf-8", headers=headers)


# -- disputed items ---------------------------------------------------------------------------------------------------


@get("/admin/disputed", media_type=HTML)
@in_thread
def disputed(request: WebRequest, site: Site) -> Response[str]:
    """The items that people disagree on most."""
    site.admin(request)
    items = [(item, votes_in_words(item)) for item in site.desk.disputed(MAX_DISPUTED)]
    asked = site.study.questionnaire.of_everybody
    blind = [question for question in asked if question.kind not in COMPARED_KINDS]
    values: dict[str, Any] = {"disputed": items, "blind": blind, "all_blind": len(blind) == len(asked)}
    return admin_page(request, site, "disputed", "/admin/disputed", **values)


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
    disputed = site.desk.disputed_item(item, question)
    if disputed is None:
        return site.message(request, "No such item", "The disputed items are in the list.", status=404)
    context = task_context(site, _as_task(site, disputed), getattr(request.state, "form", {}))
    context |= {"votes": votes_in_words(disputed), "adjudicated": disputed.adjudicated, "error": error}
    return admin_page(request, site, "adjudicate", "/admin/disputed", status=status, **context)


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


ADMIN = [
    sign_in_page,
    sign_in,
    sign_out,
    progress,
    export_page,
    export,
    approvals,
    item_table,
    disputed,
    disputed_item,
    decide,
]
