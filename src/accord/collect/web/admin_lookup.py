"""Items and answers, found and opened by whoever runs the study, and how far people agree.

Searching is a form that is sent by GET, so that what was found has an address of its own.
"""

from typing import Any

from litestar import MediaType, Response, get
from litestar.exceptions import NotFoundException

from accord.collect.desk.answer_marks import MARKS
from accord.collect.desk.answer_view import AnswerView, ScreenView
from accord.collect.desk.search_filters import ANSWER_STATES, ITEM_STATES, PURPOSES, AnswerFilter, ItemFilter
from accord.collect.web.admin_frame import admin_page, page_links
from accord.collect.web.form_parsing import read
from accord.collect.web.site import Site, WebRequest, in_thread
from accord.collect.web.task_view import answers_of, remark_views, turns_of
from accord.errors import FormError
from accord.feedback.statistics.answer_differences import COMPARED_KINDS

__all__ = ["LOOKUP"]

HTML = MediaType.HTML
WORDS: dict[str, Any] = {
    "states": ANSWER_STATES,
    "item_states": ITEM_STATES,
    "purposes": PURPOSES,
    "marks": MARKS,
    "differences": {
        "agreed": "all say the same",
        "contested": "any difference",
        "quarter": "25 % apart or more",
        "half": "50 % apart or more",
        "unknown": "none can be told",
    },
}


@get("/admin/items", media_type=HTML)
@in_thread
def items(request: WebRequest, site: Site) -> Response[str]:
    """The items that are looked for, a page of them."""
    site.admin(request)
    form = read(request.scope["query_string"])
    error: FormError | None = None
    try:
        filters, page = ItemFilter.read(form), _page_number(form)
    except FormError as problem:
        filters, page, error = ItemFilter(), 1, problem
    found = site.desk.lookup.items(filters, page)
    links = page_links(f"{site.base}/admin/items", form, found.page, found.pages)
    values = {"form": form, "found": found, "links": links, "error": error, "compared": _compared(site), **WORDS}
    return admin_page(request, site, "items", "/admin/items", status=400 if error else 200, **values)


@get("/admin/items/{item:str}", media_type=HTML)
@in_thread
def item(request: WebRequest, site: Site, item: str) -> Response[str]:
    """One item as its file has it, and all that people did with it."""
    site.admin(request)
    found = site.desk.lookup.item(item)
    if found is None:
        raise NotFoundException
    markdown = site.study.render == "markdown"
    answers, turns = (
        answers_of(found.completions, markdown=markdown),
        turns_of(found.prompt.messages, markdown=markdown),
    )
    values: dict[str, Any] = {
        "item": found,
        "turns": turns,
        "texts": answers,
        "answers": site.desk.lookup.answers_to(item),
        "compared": _compared(site),
        "disputed": site.desk.disputed_item(item) is not None,
    }
    return admin_page(request, site, "item", "/admin/items", has_source=_has_source(turns, answers), **values, **WORDS)


@get("/admin/answers", media_type=HTML)
@in_thread
def answers(request: WebRequest, site: Site) -> Response[str]:
    """The answers that are looked for, a page of them."""
    admin = site.admin(request)
    form = read(request.scope["query_string"])
    error: FormError | None = None
    try:
        filters, page = AnswerFilter.read(form), _page_number(form)
    except FormError as problem:
        filters, page, error = AnswerFilter(), 1, problem
    lookup = site.desk.lookup
    names = lookup.may_see_names(admin)
    found = lookup.answers(filters, page, by_names=names)
    values: dict[str, Any] = {
        "form": form,
        "found": found,
        "links": page_links(f"{site.base}/admin/answers", form, found.page, found.pages),
        "who": lookup.identities(admin) if names else {},
        "names": names,
        "error": error,
    }
    return admin_page(request, site, "answers", "/admin/answers", status=400 if error else 200, **values, **WORDS)


@get("/admin/answers/{reservation:str}", media_type=HTML)
@in_thread
def answer(request: WebRequest, site: Site, reservation: str) -> Response[str]:
    """One answer with its item as the person saw it."""
    admin = site.admin(request)
    lookup = site.desk.lookup
    found = lookup.answer(reservation)
    if found is None:
        raise NotFoundException
    who = lookup.identities(admin) if lookup.may_see_names(admin) else {}
    screens = [_screen(site, found, screen) for screen in found.screens]
    values: dict[str, Any] = {"answer": found, "screens": screens, "known": who.get(found.person), **WORDS}
    values["has_source"] = any(screen["has_source"] for screen in screens)
    return admin_page(request, site, "answer", "/admin/answers", **values)


@get("/admin/agreement", media_type=HTML)
@in_thread
def agreement(request: WebRequest, site: Site) -> Response[str]:
    """How far each two people agree."""
    admin = site.admin(request)
    lookup = site.desk.lookup
    matrix = lookup.agreement(read(request.scope["query_string"]).get("question", ""))
    who = lookup.identities(admin) if lookup.may_see_names(admin) else {}
    return admin_page(request, site, "agreement", "/admin/agreement", matrix=matrix, who=who)


def _page_number(form: dict[str, str]) -> int:
    text = form.get("page", "1")
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise FormError("page", f"{text[:40]!r} is no page; give a number from 1 on.")
    return int(text)


def _compared(site: Site) -> bool:
    """Whether it can be told of any question how far answers lie apart."""
    return any(question.kind in COMPARED_KINDS for question in site.study.questions)


def _screen(site: Site, found: AnswerView, screen: ScreenView) -> dict[str, Any]:
    markdown = site.study.render == "markdown"
    texts = answers_of(screen.completions, markdown=markdown)
    turns = turns_of(screen.prompt.messages, markdown=markdown)
    return {
        "turns": turns,
        "texts": texts,
        "given": screen.answers,
        "remarks": remark_views(found.remarks, screen.completions),
        "has_source": _has_source(turns, texts),
    }


def _has_source(turns: Any, texts: Any) -> bool:
    """Whether any text is shown otherwise than it was written."""
    messages = [*turns, *(message for text in texts for message in text.turns)]
    views = [*(message.view for message in messages if message.view), *(text.view for text in texts)]
    return any(view.source is not None for view in views)


LOOKUP = [items, item, answers, answer, agreement]
