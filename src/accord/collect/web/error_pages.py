"""A page for everything that goes wrong, with what to do next; what nobody foresaw goes to the log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException

from accord.collect.web.form_parsing import UnreadableError
from accord.collect.web.site import ForgedError, OutsiderError, Site, StrangerError, TooOftenError, WebRequest, log
from accord.errors import AccessError, Conflict, FormError, LedgerError, StorageError

__all__ = ["ErrorPages"]

GO_ON = ("/work", "Go on")
WORDS = {
    400: ("This request makes no sense here", "Go back to the page before."),
    404: ("There is no such page", "Perhaps the address was cut off on its way here."),
    405: ("There is no such page", "Perhaps the address was cut off on its way here."),
    413: ("This is too long", "Go back: what you typed is still on the page. Shorten it, then send it again."),
    500: (
        "Something went wrong here",
        "It is not your fault, and it was noted. What you sent before is kept; go back and try again.",
    ),
}


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
        advice = "Open the link you were given. It works once; whoever runs the study can make you a new one."
        return self.site.message(request, "This study is by invitation", advice, status=401)

    def outsider(self, _: WebRequest, __: OutsiderError) -> Response[Any]:
        """To what taking part in this study means."""
        return self.site.to("/take-part")

    def access(self, request: WebRequest, error: AccessError) -> Response[Any]:
        """Why an invite or a link lets nobody in."""
        titles = {"expired": "This link has expired", "used": "This link was used", "paused": "Your part is paused"}
        titles |= {"no right": "You may not see this", "code": "This code lets nobody in"}
        title = titles.get(error.reason, "This link does not work")
        return self.site.message(request, title, str(error), status=410 if error.reason in {"expired", "used"} else 403)

    def conflict(self, request: WebRequest, error: Conflict) -> Response[Any]:
        """An answer met another state than it was given in."""
        return self.site.message(request, "This came too late", str(error), status=409, action=GO_ON)

    def form(self, request: WebRequest, error: FormError) -> Response[Any]:
        """A form that no page of its own takes back."""
        return self.site.message(request, "Not sent", str(error), status=400, action=GO_ON)

    def unreadable(self, request: WebRequest, error: UnreadableError) -> Response[Any]:
        """A body that is no form."""
        advice = "Nothing was kept of it. Go back: what you typed is still on the page."
        return self.site.message(request, "The form did not arrive whole", str(error), advice, status=400)

    def forged(self, request: WebRequest, _: ForgedError) -> Response[Any]:
        """A form without the token of this browser and session."""
        advice = "The page was open for long, cookies are off, or you signed in anew. Load it again, then send."
        return self.site.message(request, "This form cannot be taken", advice, status=403, action=GO_ON)

    def too_often(self, request: WebRequest, error: TooOftenError) -> Response[Any]:
        """How long to wait."""
        advice = f"Please wait {error.seconds} seconds, then go back and try again."
        response = self.site.message(request, "Too many tries", advice, status=429)
        response.headers["retry-after"] = str(error.seconds)
        return response

    def storage(self, request: WebRequest, error: Exception) -> Response[Any]:
        """The database or the disk refuses; the log says why."""
        log.error("%s %s: %s", request.method, request.scope["path"], error)
        advice = (
            "Nothing you sent before is lost. Go back and send again in a minute; whoever runs the study can see why."
        )
        return self.site.message(request, "This cannot be kept right now", advice, status=503)

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
        title, advice = WORDS[known]
        return self.site.message(request, title, advice, status=status, action=("/", "To the beginning"))
