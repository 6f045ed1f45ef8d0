"""Whatever is sent to any page, by anybody, is answered with a page: schemathesis over the description in OpenAPI."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from small_studies import PASSWORD, Visitor, lay_out, opened, token_in, visiting

from accord.collect import Desk
from accord.collect.web.app import make_app

ENDS_THE_SESSION = {"/leave", "/admin/sign-out", "/admin/people/{pseudonym}/{action}"}
EACH = settings(
    max_examples=20, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None
)


@dataclass
class Sender:
    """Sends what schemathesis draws, as somebody who is signed in (with the tokens that forms need) or who is not."""

    cookies: dict[str, str]
    tokens: dict[str, str]
    reservation: str
    statuses: dict[str, set[int]] = field(default_factory=dict)

    def try_all(self, operation: Any) -> None:
        """Some twenty requests to one page."""
        EACH(given(case=operation.as_strategy())(self.send))()

    def send(self, case: Any) -> None:
        path = case.operation.path
        if isinstance(case.body, dict):
            case.body["_csrf"] = self.tokens["/admin" if path.startswith("/admin") else "/"]
        if "reservation" in (case.path_parameters or {}):
            case.path_parameters["reservation"] = self.reservation
        answer = case.call(cookies=self.cookies, allow_redirects=False)
        self.statuses.setdefault(path, set()).add(answer.status_code)
        assert answer.status_code < 500, (path, case.body, answer.text)
        assert "Traceback" not in answer.text


def sender_of(desk: Desk, person: Visitor, *, signed_in: bool) -> Sender:
    """Somebody with a browser."""
    desk.set_admin("kim", PASSWORD)
    reservation = "r-none"
    if signed_in:
        person.join(desk.invite().token)
        person.sign_in()
        reservation = person.work()[0].removeprefix("/work/")
    tokens = {
        "/": token_in(person.get(f"/join/{desk.invite().token}").text),
        "/admin": token_in(person.get("/admin/people" if signed_in else "/admin/sign-in").text),
    }
    return Sender(dict(person.client.cookies), tokens, reservation)


def test_every_route_has_an_operation_of_its_own(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk:
        operations = make_app(desk, openapi=True).openapi_schema.to_schema()["paths"]
    assert {"get", "post"} <= set(operations["/admin/items"])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["comparison", "spans", "critique"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_nothing_that_is_sent_breaks_a_page(tmp_path: Path, kind: str, signed_in: bool) -> None:
    import schemathesis

    with opened(lay_out(tmp_path, kind), tmp_path / "people.db") as desk, visiting(desk, openapi=True) as visitor:
        person = visitor()
        sender = sender_of(desk, person, signed_in=signed_in)
        schema = schemathesis.openapi.from_url(f"{person.client.base_url}/schema/openapi.json")
        for operation in (each.ok() for each in schema.get_all_operations()):
            if operation.path not in ENDS_THE_SESSION and not operation.path.startswith("/schema"):
                sender.try_all(operation)
    assert len(sender.statuses) >= 15
    if signed_in:
        for path in ("/work", "/work/{reservation}", "/admin/people/invite", "/admin/disputed/{item}"):
            assert sender.statuses[path] <= {200, 303, 400, 404, 409, 429}, path
