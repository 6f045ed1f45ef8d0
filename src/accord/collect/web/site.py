"""The site that all pages share: the desk behind it, who is there, and how a page is made."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property, partial, wraps
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie, UploadFile
from litestar.enums import RequestEncodingType
from litestar.response import Redirect
from markupsafe import Markup

from accord.collect.desk.identities import Login, Person
from accord.collect.desk.service import Desk
from accord.collect.study import Study
from accord.collect.study.catalogue import english
from accord.collect.study.kinds import number_text
from accord.collect.study.phrases import phrase
from accord.collect.web.form_parsing import MAX_FIELDS, UnreadableError, read
from accord.collect.web.page_texts import PageTexts
from accord.collect.web.sanitize import in_lines, literal, render_trusted
from accord.collect.web.security import (
    CookieJar,
    Limiter,
    form_token,
    is_cross_site,
    network_of,
    new_browser_name,
    tokens_match,
)
from accord.collect.web.static_files import SHARED, read_static, version_of
from accord.collect.web.uploads import HeldFiles, upload_of

__all__ = [
    "ADD_ITEMS",
    "ForgedError",
    "OutsiderError",
    "Site",
    "StrangerError",
    "TooOftenError",
    "WebRequest",
    "in_thread",
    "log",
]

R = TypeVar("R")
log = logging.getLogger("accord.collect")
Who = Literal["person", "admin"]
WebRequest = Request[Any, Any, Any]
ADD_ITEMS = "/admin/add"
THREADS_WITH_WRITER = 8  # requests at work at once where somebody may wait for a writer


class StrangerError(Exception):
    """Nobody is signed in who may see this page."""

    def __init__(self, who: Who) -> None:
        super().__init__(who)
        self.who: Who = who


class OutsiderError(Exception):
    """Whoever is signed in takes part in other studies of this address, and not in this one yet."""


class ForgedError(Exception):
    """A form without the token of this browser and session."""


class TooOftenError(Exception):
    """Something was tried too often; `seconds` until it may be tried again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"{seconds} s")
        self.seconds = seconds


@dataclass(frozen=True)
class Site:
    """The desk of a study with its pages. `public_url` is how the world reaches it, where a proxy stands in front.

    `added` are pages of other rooms (`added_pages.AddedPage`) in the menu of whoever runs the study.

    Of several studies of one ledger under one address each has its pages below `base`; `desks` are all of theirs, whose
    people are known to each of them, by cookies that are called by `people_tag`.
    """

    desk: Desk
    study: Study
    clock: Callable[[], datetime]
    public_url: str | None = None
    base: str = ""
    desks: tuple[Desk, ...] = ()
    people_tag: str = ""
    added: tuple[Any, ...] = ()
    held_files: HeldFiles = field(default_factory=HeldFiles, repr=False)
    _limits: dict[str, Limiter] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        limits = {"password": (10, 300.0), "known": (10, 300.0), "name": (300, 900.0)}
        limits |= {"link": (40, 300.0), "forms": (3000, 60.0), "start": (300, 3600.0), "code": (10, 300.0)}
        self._limits.update(
            {action: Limiter(limit, seconds, self.clock) for action, (limit, seconds) in limits.items()}
        )

    @cached_property
    def people(self) -> ThreadPoolExecutor:
        """Where evaluators' requests are worked on. One after the other: the store takes one writer at a time, and a
        queue is fairer and quicker than threads that try for its lock by turns. With a live writer, several."""
        return ThreadPoolExecutor(1 if self.desk.context.writer is None else THREADS_WITH_WRITER)

    @cached_property
    def aside(self) -> ThreadPoolExecutor:
        """Where the pages of whoever runs the study are worked on: they may read the whole ledger."""
        return ThreadPoolExecutor(2)

    # -- who is there ----------------------------------------------------------------------------------------------

    @cached_property
    def jar(self) -> CookieJar:
        """The cookies: `Secure` where the world comes by HTTPS."""
        secure = (self.public_url or "").startswith("https://")
        return CookieJar(self.desk.tag, secure=secure, people_tag=self.people_tag)

    @property
    def house(self) -> tuple[Desk, ...]:
        """The desks of all studies of this address."""
        return self.desks or (self.desk,)

    def login(self, request: WebRequest, who: Who) -> Login | None:
        """The session of a cookie, where it is one of this kind and has not ended."""
        token = self.jar.read(request, who)
        desks = self.house if who == "person" else (self.desk,)
        found = (desk.sessions.find(token) for desk in desks) if token else ()
        return next((login for login in found if login is not None and login.kind == who), None)

    def person(self, request: WebRequest) -> Person:
        """The evaluator who asks. Raises `StrangerError`, `OutsiderError` where they take part elsewhere only."""
        login = self.login(request, "person")
        person = None if login is None else self.desk.person(login.subject)
        if person is None and login is not None and self.known(login) is not None:
            raise OutsiderError
        if person is None or person.status == "erased":
            raise StrangerError("person")
        return person

    def known(self, login: Login) -> Person | None:
        """Whoever signed in, as one of the studies of this address knows them; None where they were erased."""
        people = (desk.person(login.subject) for desk in self.house)
        return next((person for person in people if person is not None and person.status != "erased"), None)

    def sign_out(self, request: WebRequest) -> None:
        """End a person's session."""
        for desk in self.house:
            desk.sessions.drop(self.jar.read(request, "person"))

    def to(self, path: str, *cookies: Cookie) -> Redirect:
        """On to another page of this study, by GET."""
        return Redirect(self.base + path, status_code=303, cookies=list(cookies))

    def is_for_admins(self, request: WebRequest) -> bool:
        """Whether a request is to the pages of whoever runs the study."""
        return str(request.scope["path"]).startswith("/admin")

    def admin(self, request: WebRequest) -> str:
        """The name of whoever runs the study and asks. Raises `StrangerError`."""
        login = self.login(request, "admin")
        if login is None:
            raise StrangerError("admin")
        return login.subject

    # -- forms -----------------------------------------------------------------------------------------------------

    async def receive(self, request: WebRequest) -> dict[str, str]:
        """The form of a request, checked: in time, from one of our own pages, and readable.

        Raises `TooOftenError`, `UnreadableError`, `ForgedError`, and Litestar's own where the body is too large.
        """
        self.limit("forms", self.address(request))
        self.count("forms", self.address(request))
        sends_file = request.scope["path"] == ADD_ITEMS and request.content_type[0] == RequestEncodingType.MULTI_PART
        form = await (self._upload_form(request) if sends_file else self._form(request))
        request.state.form = form
        if is_cross_site(request, urlsplit(self.public_url or "").netloc) or not tokens_match(
            form.pop("_csrf", ""), self.token(request)
        ):
            raise ForgedError
        return form

    async def _form(self, request: WebRequest) -> dict[str, str]:
        questions = self.study.questionnaire
        return read(await request.body(), questions.multiple, MAX_FIELDS * len(questions.questions))

    async def _upload_form(self, request: WebRequest) -> dict[str, str]:
        """A form with a file, which is only read of whoever runs the study."""
        self.admin(request)
        try:
            fields = dict((await request.form()).multi_items())
        except (UnicodeDecodeError, LookupError) as error:  # of a field's own charset
            raise UnreadableError(phrase("problem.no_text")) from error
        if isinstance(file := fields.pop("file", None), UploadFile):
            request.state.upload = await upload_of(file)
        return {name: value for name, value in fields.items() if isinstance(value, str)}

    def token(self, request: WebRequest) -> str:
        """The token that a form of this request's area must carry."""
        who: Who = "admin" if self.is_for_admins(request) else "person"
        browser = self.jar.read(request, "browser") or getattr(request.state, "browser", "")
        return form_token(browser, self.jar.read(request, who)) if browser else ""

    def limit(self, action: str, key: str) -> None:
        """Raises `TooOftenError` where `key` tried `action` too often."""
        if seconds := self._limits[action].wait(key):
            raise TooOftenError(seconds)

    def count(self, action: str, key: str) -> None:
        """One more try."""
        self._limits[action].count(key)

    @staticmethod
    def address(request: WebRequest) -> str:
        """The network of the visitor, by which is counted; behind a proxy, uvicorn has put their address here."""
        return network_of(request.client.host) if request.client else "nowhere"

    # -- pages -----------------------------------------------------------------------------------------------------

    def page(self, request: WebRequest, template: str, *, status: int = 200, **context: Any) -> Response[str]:
        """A page made of a template. A browser that is here for the first time gets its name."""
        cookies: list[Cookie] = []
        if not self.jar.read(request, "browser") and not getattr(request.state, "browser", ""):
            request.state.browser = new_browser_name()
            cookies = [self.jar.cookie("browser", request.state.browser)]
        shared = {
            "study": self.study,
            "base": self.base,
            "several": len(self.house) > 1,
            "added": self.added,
            "csrf": self.token(request),
            "form_token": self.token(request),
            "t": self.texts(request),
            "offered": self._offered(request),
            "here_path": self._here(request),
            "form": {},
            "error": None,
            "digest": version_of(read_static(*SHARED)),
        }
        body = templates().get_template(template).render({**shared, **context})
        return Response(body, status_code=status, media_type="text/html; charset=utf-8", cookies=cookies)

    def message(
        self, request: WebRequest, title: str, *paragraphs: str, status: int = 200, **context: Any
    ) -> Response[str]:
        """A page that says something, and keeps what a form that could not be taken held."""
        form: dict[str, str] = getattr(request.state, "form", {})
        values = {"action": None, "typed": form.get("text") or form.get("edit") or form.get("reason") or "", **context}
        return self.page(request, "message.html", status=status, title=title, paragraphs=paragraphs, **values)

    # -- languages -------------------------------------------------------------------------------------------------

    @cached_property
    def spoken(self) -> dict[str, PageTexts]:
        """The texts of the pages in each language that the study offers, the one to begin with first."""
        return {language: PageTexts(catalogue) for language, catalogue in self.study.catalogues().items()}

    def texts(self, request: WebRequest) -> PageTexts:
        """The texts of a page: in the language that somebody chose; for whoever runs the study in English."""
        if self.is_for_admins(request):
            return english_texts()
        first = next(iter(self.spoken.values()))
        return self.spoken.get(self.jar.read(request, "language"), first)

    def _offered(self, request: WebRequest) -> list[PageTexts]:
        """The languages of the menu. None stands on the answer to a form: that page cannot be asked for again."""
        return [] if self.is_for_admins(request) or request.method != "GET" else list(self.spoken.values())

    def _here(self, request: WebRequest) -> str:
        """The address of the page, to come back to it."""
        query = request.scope["query_string"].decode("latin-1")
        return f"{self.base}{request.scope['path']}" + (f"?{query}" if query else "")

    @cached_property
    def instructions(self) -> Markup:
        """The study's instructions, rendered."""
        return render_trusted(self.study.instructions or self.study.question.text)

    def address_of(self, request: WebRequest, path: str) -> str:
        """The whole address of a page, for a link that is handed out."""
        base = self.public_url or f"{request.scope['scheme']}://{request.headers.get('host', 'localhost')}"
        return base.rstrip("/") + self.base + path


def in_thread(handler: Callable[..., R]) -> Callable[..., Awaitable[R]]:
    """A handler that asks the desk, run in a thread of the site's, so that nobody else waits for its store."""

    @wraps(handler)
    async def run(request: WebRequest, site: Site, **parameters: Any) -> R:
        work = partial(handler, request, site, **parameters)
        threads = site.aside if site.is_for_admins(request) else site.people
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    return run


@cache
def english_texts() -> PageTexts:
    """The texts in English."""
    return PageTexts(english())


@cache
def templates() -> Environment:
    """The templates; whatever they are given is escaped, and a name that is missing is an error."""
    environment = Environment(
        loader=PackageLoader("accord.collect.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals["t"] = english_texts()  # of pages that are in English alone
    environment.filters |= {"plain": number_text, "literal": in_lines, "inline": literal}
    return environment
