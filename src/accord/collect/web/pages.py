"""The pages of an evaluator: invite, consent, instructions, the work itself, rest and leave.

Every page is a plain form that goes on by a redirect; what the script adds is speed. An answer that cannot be read
comes back as the same page with everything in it that was typed.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, assert_never

from litestar import MediaType, Response, get, post
from litestar.response import Redirect
from markupsafe import Markup

from accord.collect.desk.identities import Person
from accord.collect.desk.tasks import (
    Break,
    ClientTelemetry,
    Done,
    NextStep,
    Paused,
    Practice,
    PracticeResult,
    Receipt,
    Speaking,
    Task,
)
from accord.collect.study import shown_digest
from accord.collect.study.phrases import Phrase, phrase
from accord.collect.web.consent_facts import consent_facts, pay_words
from accord.collect.web.openapi import FormOperation
from accord.collect.web.sanitize import render_trusted
from accord.collect.web.site import Site, StrangerError, WebRequest, in_thread
from accord.collect.web.task_view import answers_of, remarks_of, sheet_of, turns_of
from accord.errors import AccessError, FormError

__all__ = ["PAGES", "consent_page", "signed_in", "task_context"]

SESSION_HOURS = 24 * 30
CONTENT_WARNING = "content warning"
LONG_CONTEXT = 240  # characters of what was asked above which it is folded on a narrow screen
HTML = MediaType.HTML


# -- coming in and going ----------------------------------------------------------------------------------------------


@get("/", media_type=HTML)
@in_thread
def landing(request: WebRequest, site: Site) -> Response[Any]:
    """To the work for who is signed in; to everybody else, that an invite is needed."""
    if site.login(request, "person") is not None:
        return site.to("/work")
    raise StrangerError("person")


@get("/join/{token:str}", media_type=HTML)
@in_thread
def join_page(request: WebRequest, site: Site, token: str) -> Response[Any]:
    """What taking part means, for whoever has an invite; looking uses nothing up."""
    try:
        admission = site.desk.examine(token)
    except AccessError as error:
        if error.reason == "used" and site.login(request, "person") is not None:
            return site.to("/work")
        raise
    if admission.kind == "link":
        return site.page(request, "enter.html", token=token)
    return consent_page(request, site, f"/join/{token}")


@post("/join/{token:str}", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def join(request: WebRequest, site: Site, token: str) -> Response[Any]:
    """Somebody agrees to take part, or comes back by a link of their own."""
    form, address = request.state.form, site.address(request)
    site.limit("link", address)
    attributes = {name: form.get(f"about-{place}", "") for place, name in enumerate(site.study.attributes)}
    agreed, name, contact = bool(form.get("consent")), form.get("name"), form.get("contact")
    try:
        person = site.desk.accept(token, consent=agreed, attributes=attributes, name=name, contact=contact)
    except FormError as error:
        return consent_page(request, site, f"/join/{token}", error=error, form=form, status=400)
    except AccessError:
        site.count("link", address)
        raise
    return signed_in(site, person)


def signed_in(site: Site, person: Person) -> Redirect:
    """On to the work, or to the instructions of whoever is new, with a session."""
    session = site.desk.sessions.create("person", person.pseudonym, hours=SESSION_HOURS)
    cookie = site.jar.cookie("person", session, SESSION_HOURS * 3600)
    if len(site.house) > 1 and not person.done:
        return Redirect("/", status_code=303, cookies=[cookie])
    return site.to("/work" if person.done else "/instructions", cookie)


def consent_page(request: WebRequest, site: Site, action: str, *, status: int = 200, **context: Any) -> Response[str]:
    """What taking part means; whoever agrees sends the form to `action`, with the platform's `ids` where there are."""
    values = {
        "action": action,
        "consent": render_trusted(site.study.consent),
        "pay": pay_words(site.study),
        "facts": consent_facts(site.study),
        "ids": {},
        "known": False,
        **context,
    }
    return site.page(request, "join.html", status=status, **values)


@get("/instructions", media_type=HTML)
@in_thread
def instructions(request: WebRequest, site: Site) -> Response[str]:
    """The instructions and the keys."""
    person = site.person(request)
    button = site.texts(request)("word.go_on" if person.done or person.practised else "word.begin")
    return site.page(request, "instructions.html", instructions=site.instructions, button=button)


def _signed_in(request: WebRequest, site: Site) -> None:
    """Raises `StrangerError` where nobody is signed in, to whichever study."""
    login = site.login(request, "person")
    if login is None or site.known(login) is None:
        raise StrangerError("person")


@get("/pause", media_type=HTML)
@in_thread
def leave_page(request: WebRequest, site: Site) -> Response[str]:
    """Before somebody leaves."""
    _signed_in(request, site)
    return site.page(request, "pause.html")


@post("/leave", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def leave(request: WebRequest, site: Site) -> Response[str]:
    """Signed out."""
    _signed_in(request, site)
    site.sign_out(request)
    response = site.message(request, phrase("leave.signed_out"), phrase("leave.signed_out_kept"))
    response.cookies.append(site.jar.cookie("person", "", 0))
    return response


# -- the work ---------------------------------------------------------------------------------------------------------


@get("/work", media_type=HTML)
@in_thread
def work(request: WebRequest, site: Site) -> Response[str]:
    """What is next; the same again where it is not answered yet."""
    person = site.person(request)
    return _show(request, site, person, site.desk.next(person.pseudonym))


@post("/work/{reservation:str}", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def answer(request: WebRequest, site: Site, reservation: str) -> Response[Any]:
    """An answer, or that there is none to give. What cannot be read comes back as it was typed."""
    person, form = site.person(request), request.state.form
    try:
        receipt = _submit(site, person, reservation, form, telemetry_of(form, site.texts(request).language))
    except FormError as error:
        again = site.desk.next(person.pseudonym)
        if _in_hands(again, reservation) is None:
            raise
        return _show(request, site, person, again, form=form, error=error, status=400)
    return site.to("/work") if receipt.practice is None else _explain(request, site, receipt.practice)


def _submit(
    site: Site, person: Person, reservation: str, form: Mapping[str, str], telemetry: ClientTelemetry
) -> Receipt:
    if (declined := form.get("declined")) and "question" not in form:
        reason = CONTENT_WARNING if declined == CONTENT_WARNING else form.get("reason", "")
        return site.desk.decline(person.pseudonym, reservation, reason, telemetry)
    return site.desk.submit(person.pseudonym, reservation, form, telemetry)


@post("/work/{reservation:str}/say", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def say(request: WebRequest, site: Site, reservation: str) -> Response[Any]:
    """What somebody says in a dialogue; the page that comes next waits for the answer."""
    person, form = site.person(request), request.state.form
    try:
        telemetry = telemetry_of(form, site.texts(request).language)
        site.desk.say(person.pseudonym, reservation, form.get("text", ""), telemetry)
    except FormError as error:
        again = site.desk.next(person.pseudonym)
        if not isinstance(again, Speaking) or again.reservation != reservation:
            raise
        return _show(request, site, person, again, form=form, error=error, status=400)
    return site.to("/work")


@post("/work/{reservation:str}/end", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def end(request: WebRequest, site: Site, reservation: str) -> Redirect:
    """A dialogue is over."""
    site.desk.end(site.person(request).pseudonym, reservation)
    return site.to("/work")


@post("/work/{reservation:str}/draft", status_code=204, operation_class=FormOperation)
@in_thread
def draft(request: WebRequest, site: Site, reservation: str) -> None:
    """What is being written, kept so that a reload shows it again."""
    site.desk.save_draft(site.person(request).pseudonym, reservation, request.state.form)


@post("/undo", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def undo(request: WebRequest, site: Site) -> Redirect:
    """The last answer of this session again; what is sent then takes its place."""
    site.desk.undo(site.person(request).pseudonym)
    return site.to("/work")


# -- showing ----------------------------------------------------------------------------------------------------------


def _show(
    request: WebRequest,
    site: Site,
    person: Person,
    step: NextStep,
    *,
    form: Mapping[str, str] | None = None,
    error: FormError | None = None,
    status: int = 200,
) -> Response[str]:
    """The page of what is next; `form` is what was typed, where it could not be read."""
    match step:
        case Task() | Practice():
            task = step if isinstance(step, Task) else step.task
            context = task_context(site, task, _page_form(site, task) if form is None else form)
            practice = step if isinstance(step, Practice) else None
            return site.page(
                request,
                "work.html",
                status=status,
                person=person,
                practice=practice,
                can_undo=site.desk.can_undo(person.pseudonym),
                error=error,
                **context,
            )
        case Speaking():
            return _conversation(request, site, person, step, form or {}, error, status)
        case Break(until=until, reason=reason, message=message):
            title = phrase("rest.moment_title" if reason == "writer" else "rest.break_title")
            return _rest(request, site, person, title, message, until=until)
        case Done(message=message, ending=ending):
            return _rest(request, site, person, phrase("rest.thanks_title"), message, ending=ending)
        case Paused(message=message):
            return _rest(request, site, person, phrase("rest.paused_title"), message)
        case _:
            assert_never(step)


def _conversation(
    request: WebRequest,
    site: Site,
    person: Person,
    step: Speaking,
    form: Mapping[str, str],
    error: FormError | None,
    status: int,
) -> Response[str]:
    """The conversation so far, and a field for what the person says next."""
    turns = turns_of(step.messages, markdown=site.study.render == "markdown")
    return site.page(
        request,
        "dialogue.html",
        status=status,
        person=person,
        step=step,
        turns=turns,
        form=form,
        error=error,
        warning=step.warning,
        has_source=any(message.view is not None and message.view.source is not None for message in turns),
        can_undo=site.desk.can_undo(person.pseudonym),
        instructions=site.instructions,
    )


def _rest(request: WebRequest, site: Site, person: Person, title: str, message: str, **context: Any) -> Response[str]:
    values = {"until": None, "ending": None, "can_undo": site.desk.can_undo(person.pseudonym), **context}
    own = site.texts(request).translate(message) if isinstance(message, Phrase) else None
    text = render_trusted(message) if own is None else Markup("<p>{}</p>").format(own)
    return site.page(request, "rest.html", person=person, title=title, message=text, **values)


def _page_form(site: Site, task: Task) -> dict[str, str]:
    """The fields of the page that show the draft again."""
    paper = site.study.questionnaire if task.parts else task.question
    return paper.page_form(task.draft or {})


def task_context(site: Site, task: Task, form: Mapping[str, str]) -> dict[str, Any]:
    """All that the templates of a judgement need."""
    markdown = site.study.render == "markdown"
    answers, turns = answers_of(task.completions, markdown=markdown), turns_of(task.prompt.messages, markdown=markdown)
    messages = [*turns, *(message for answer in answers for message in answer.turns)]
    views = [*(message.view for message in messages if message.view), *(answer.view for answer in answers)]
    return {
        "task": task,
        "question": task.question,
        "p": "",
        "about": task.completions,
        "sheet": sheet_of(site.study.questionnaire, task, answers, form),
        "form": form,
        "turns": turns,
        "answers": answers,
        "remarks": remarks_of(task),
        "has_source": any(view.source is not None for view in views),
        "alike": any(answer.view.alike and not answer.turns for answer in answers),
        "warning": task.warning if task.step == 1 else "",
        "comment": form.get("comment", ""),
        "long_context": sum(len(message.content) for message in task.prompt.messages) > LONG_CONTEXT,
        "edits": task.dialogue is not None and site.study.dialogue is not None and site.study.dialogue.edits,
        "shown": shown_digest(task.prompt, task.completions),
        "instructions": site.instructions,
    }


def _explain(request: WebRequest, site: Site, result: PracticeResult) -> Response[str]:
    """After a practice question: what was answered, what was expected, and why."""
    return site.page(request, "explained.html", result=result, explanation=render_trusted(result.explanation))


def _in_hands(step: NextStep, reservation: str) -> Task | None:
    """The task of that reservation, where it is what is next."""
    task = step.task if isinstance(step, Practice) else step
    return task if isinstance(task, Task) and task.reservation == reservation else None


def telemetry_of(form: Mapping[str, str], language: str) -> ClientTelemetry:
    """What the page measured; a count that is none is unknown, never an error, since no answer may be lost for it."""
    counts = {name: _count(form.get(name, "")) for name in ("pasted", "keystrokes", "focus_lost")}
    shown = form.get("shown", "")
    return ClientTelemetry(
        seconds=_seconds(form.get("seconds", "")),
        shown=shown if re.fullmatch("[0-9a-f]{64}", shown) else None,
        language=language,
        **counts,
    )


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


PAGES = [landing, join_page, join, instructions, leave_page, leave, work, answer, say, end, draft, undo]
