"""What all pages of a chat share: who is there, forms checked, pages made."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from litestar import Request, Response

from accord.collect.web.form_parsing import read
from accord.collect.web.security import (
    CookieJar,
    Limiter,
    form_token,
    is_cross_site,
    network_of,
    new_browser_name,
    tokens_match,
)
from accord.collect.web.shown_texts import ShownText, show_texts
from accord.collect.web.site import ForgedError, TooOftenError, templates
from accord.collect.web.static_files import SHARED, read_static, version_of
from accord.serve.chat.conversations import Conversation, Conversations, Turn
from accord.serve.chat.settings_form import MAX_TEMPERATURE, MAX_TOP_K
from accord.serve.chat.speakers import Speaker
from accord.serve.chat.votes import BallotBox

__all__ = ["ChatRequest", "ChatSite", "KeptOutError", "static"]

ChatRequest = Request[Any, Any, Any]


class KeptOutError(Exception):
    """Whoever asks has not shown the token."""


@dataclass(frozen=True)
class TurnView:
    """A turn as the page shows it."""

    turn: Turn
    question: ShownText
    answers: tuple[ShownText, ...]


@dataclass(frozen=True)
class ChatSite:
    """The page of one model, or of two with a ballot box. A browser has to show the `token` once, unless it is None."""

    speakers: tuple[Speaker, ...]
    token: str | None
    box: BallotBox | None = None
    conversations: Conversations = field(default_factory=lambda: Conversations(()))
    _tries: Limiter = field(default_factory=lambda: Limiter(20, 300.0, lambda: datetime.now(UTC)), repr=False)

    @property
    def title(self) -> str:
        """What the page is called; of two models it names neither."""
        return "Blind comparison" if self.box is not None else self.speakers[0].name

    @property
    def context(self) -> int:
        """Tokens that a conversation and its next answer may have together, for all who answer."""
        return min(speaker.context for speaker in self.speakers)

    @cached_property
    def jar(self) -> CookieJar:
        """Cookies under a name that stays the same when the server is started anew: people stay who they are."""
        place = "" if self.box is None else str(self.box.ledger.location)
        names = "\0".join((*(speaker.name for speaker in self.speakers), place))
        return CookieJar(f"chat-{hashlib.sha256(names.encode()).hexdigest()[:8]}")

    # -- who is there ----------------------------------------------------------------------------------------------

    @cached_property
    def key(self) -> str:
        """What a browser that has shown the token holds in its cookie."""
        return hashlib.sha256(f"accord chat {self.token}".encode()).hexdigest()

    def is_known(self, request: ChatRequest) -> bool:
        """Whether this browser has shown the token, or none is asked for."""
        return self.token is None or tokens_match(self.jar.read(request, "person"), self.key)

    def check(self, request: ChatRequest) -> None:
        """Raises `KeptOutError` for a browser that is not known."""
        if not self.is_known(request):
            raise KeptOutError

    def takes(self, request: ChatRequest, token: str) -> bool:
        """Whether a token is the right one. Raises `TooOftenError` where too many wrong ones came from there."""
        address = network_of(request.client.host) if request.client else "nowhere"
        if seconds := self._tries.wait(address):
            raise TooOftenError(seconds)
        if self.token is not None and hmac.compare_digest(token.encode(), self.token.encode()):
            return True
        self._tries.count(address)
        return False

    def browser(self, request: ChatRequest) -> str:
        """The random name of the browser; empty where it was never here."""
        return self.jar.read(request, "browser") or getattr(request.state, "browser", "")

    async def receive(self, request: ChatRequest) -> dict[str, str]:
        """The form of a request: readable, and from a page of ours. Raises `UnreadableError` or `ForgedError`."""
        form = read(await request.body())
        request.state.form = form
        shown, expected = form.pop("_csrf", ""), self.form_token(request)
        if is_cross_site(request, "") or not expected or not tokens_match(shown, expected):
            raise ForgedError
        return form

    def form_token(self, request: ChatRequest) -> str:
        """The token that forms of this browser must carry; empty where it was never here."""
        browser = self.browser(request)
        return form_token(browser, self.jar.read(request, "person")) if browser else ""

    # -- pages -----------------------------------------------------------------------------------------------------

    def page(self, request: ChatRequest, template: str, *, status: int = 200, **context: Any) -> Response[str]:
        """A page made of a template. A browser that is here for the first time gets its name."""
        cookies = []
        if not self.browser(request):
            request.state.browser = new_browser_name()
            cookies = [self.jar.cookie("browser", request.state.browser)]
        title = self.title if self.is_known(request) else "accord chat"
        shared: dict[str, Any] = {"title": title, "csrf": self.form_token(request), "digest": version_of(static())}
        shared["battle"] = self.box is not None
        body = _templates().get_template(template).render({**shared, **context})
        return Response(body, status_code=status, media_type="text/html; charset=utf-8", cookies=cookies)

    def conversation_page(
        self,
        request: ChatRequest,
        conversation: Conversation,
        *,
        error: str = "",
        form: dict[str, str] | None = None,
        status: int = 200,
    ) -> Response[str]:
        """The conversation, and what may be done next; `form` is what was typed where it could not be taken."""
        return self.page(
            request,
            "conversation.html",
            status=status,
            conversation=conversation,
            turns=[_view(turn) for turn in conversation.turns],
            last=conversation.last,
            error=error,
            form=form or {},
            limits={"temperature": MAX_TEMPERATURE, "top_k": MAX_TOP_K, "max_tokens": self.context - 1},
            voter=None if self.box is None else self.box.voter(self.browser(request)).pseudonym,
            ledger=None if self.box is None else self.box.name,
        )

    def problem(self, request: ChatRequest, title: str, advice: str, *, status: int) -> Response[str]:
        """A page that says what went wrong, and keeps what was typed."""
        typed = getattr(request.state, "form", {}).get("text", "")
        return self.page(request, "problem.html", status=status, heading=title, advice=advice, typed=typed)


def _view(turn: Turn) -> TurnView:
    """A turn with its texts made fit to be shown: two answers that differ are seen to differ."""
    (question,) = show_texts([turn.text], markdown=False)
    if turn.state == "writing":  # the script goes on with the very text
        answers = [text for answer in turn.answers for text in show_texts([answer.text], markdown=False)]
    elif len({answer.text for answer in turn.answers}) == 1:
        (text,) = show_texts([turn.answers[0].text], markdown=True)
        answers = [text] * len(turn.answers)
    else:
        answers = show_texts([answer.text for answer in turn.answers], markdown=True)
    return TurnView(turn, question, tuple(answers))


def static() -> dict[str, bytes]:
    """The sheets and scripts of the page by name, those that all pages share first."""
    return read_static(*SHARED) | read_static("chat.css", "chat.js", package="accord.serve.chat")


@cache
def _templates() -> Environment:
    own, shared = PackageLoader("accord.serve.chat"), PackageLoader("accord.collect.web")
    return templates().overlay(loader=ChoiceLoader([own, shared]))
