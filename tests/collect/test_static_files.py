"""The sheets and scripts of pages, of this room and of others: one route, and addresses that browsers may keep."""

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from accord.collect.web.static_files import SHARED, read_static, static_route, version_of
from accord.watch.page import own_static

FILES = read_static(*SHARED) | own_static()
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@pytest.mark.parametrize("name", FILES)
def test_each_file_has_its_type_and_may_be_kept(name: str) -> None:
    with TestClient(Litestar([static_route(FILES)])) as client:
        answer = client.get(f"/static/{name}?v={version_of(FILES)}")
    assert answer.content == FILES[name]
    assert answer.headers["content-type"].partition(";")[0] == TYPES[name[name.rindex(".") :]]
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("name", ["chat.css", "app.py", "..%2fapp.py", "../app.py", "", "static_files.py"])
def test_nothing_else_is_served(name: str) -> None:
    with TestClient(Litestar([static_route(FILES)])) as client:
        assert client.get(f"/static/{name}").status_code == 404


def test_the_version_is_of_the_content() -> None:
    assert version_of(FILES) == version_of(dict(FILES))
    assert version_of(FILES) != version_of(FILES | {"watch.css": b""})
