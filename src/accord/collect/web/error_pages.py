"""A page for everything that goes wrong, with what to do next; what nobody foresaw goes to the log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException

from accord.collect.study.phrases import Phrase, Value, phrase
from accord.collect.web.form_parsing import UnreadableError
from accord.collect.web.site import ForgedError, OutsiderError, Site, StrangerError, TooOftenError, WebRequest, log
from accord.errors import AccessError, Conflict, FormError, LedgerError, StorageError

__all__ = ["ErrorPages"]

GO_ON = ("/work", phrase("word.go_on"))
WORDS = {400: "senseless", 404: "no_page", 405: "no_page", 413: "too_long", 500: "unforeseen"}
REFUSED = {"expired": "expired", "used": "used", "paused": "paused", "no right": "no_right", "code": "code"}


@dataclass(frozen=True)
class ErrorPages:
    """The pages of a site for each kind of error."""

    site: Site

    def handlers(self) -> dict[Any, Callable[[WebRequest, Any], Response[Any]]]:
        """The page of each class of errors, for Litestar."""
        return {
            StrangerError: self.stranger,
            OutsiderError: self.outsider,
            AccessError: self.access,
            Conflict: self.conflict,
            FormError: self.form,
            UnreadableError: self.unreadable,
            ForgedError: self.forged,
            TooOftenError: self.too_often,
            LedgerError: self.storage,
            StorageError: self.storage,
            HTTPException: self.http,
            Exception: self.unforeseen,
        }

    def stranger(self, request: WebRequest, error: StrangerError) -> Response[Any]:
        """To the sign-in, or that an invite is needed."""
        if error.who == "admin":
            return self.site.to("/admin/sign-in")
        return self.site.message(request, *_told("invitation"), status=401)

    def outsider(self, _: WebRequest, __: OutsiderError) -> Response[Any]:
        """To what taking part in this study means."""
        return self.site.to("/take-part")

    def access(self, request: WebRequest, error: AccessError) -> Response[Any]:
        """Why an invite or a link lets nobody in."""
        title = phrase(f"problem.{REFUSED.get(error.reason, 'link')}")
        status = 410 if error.reason in {"expired", "used"} else 403
        return self.site.message(request, title, error.args[0], status=status)

    def conflict(self, request: WebRequest, error: Conflict) -> Response[Any]:
        """An answer met another state than it was given in."""
        return self.site.message(request, phrase("problem.late"), error.args[0], status=409, action=GO_ON)

    def form(self, request: WebRequest, error: FormError) -> Response[Any]:
        """A form that no page of its own takes back."""
        return self.site.message(request, phrase("problem.form"), error.args[0], status=400, action=GO_ON)

    def unreadable(self, request: WebRequest, error: UnreadableError) -> Response[Any]:
        """A body that is no form."""
        title, advice = _told("unreadable")
        return self.site.message(request, title, error.args[0], advice, status=400)

    def forged(self, request: WebRequest, _: ForgedError) -> Response[Any]:
        """A form without the token of this browser and session."""
        return self.site.message(request, *_told("forged"), status=403, action=GO_ON)

    def too_often(self, request: WebRequest, error: TooOftenError) -> Response[Any]:
        """How long to wait."""
        response = self.site.message(request, *_told("too_often", n=error.seconds), status=429)
        response.headers["retry-after"] = str(error.seconds)
        return response

    def storage(self, request: WebRequest, error: Exception) -> Response[Any]:
        """The database or the disk refuses; the log says why."""
        log.error("%s %s: %s", request.method, request.scope["path"], error)
        return self.site.message(request, *_told("storage"), status=503)

    def http(self, request: WebRequest, error: HTTPException) -> Response[Any]:
        """A status that the framework raised."""
        return self._plain(request, error.status_code)

    def unforeseen(self, request: WebRequest, error: Exception) -> Response[Any]:
        """What nobody foresaw: it is logged, and the visitor told no more than that."""
        log.error("%s %s", request.method, request.scope["path"], exc_info=error)
        return self._plain(request, 500)

    def _plain(self, request: WebRequest, status: int) -> Response[str]:
        """What is said about a status. A fault here shows the words for 500, whatever it was."""
        known = status if status in WORDS else 500 if status >= 500 else 400
        action = ("/", phrase("problem.to_the_beginning"))
        return self.site.message(request, *_told(WORDS[known]), status=status, action=action)


def _told(problem: str, **values: Value) -> tuple[Phrase, Phrase]:
    """The title of a page for a problem, and what to do about it."""
    return phrase(f"problem.{problem}"), phrase(f"problem.{problem}_advice", **values)
