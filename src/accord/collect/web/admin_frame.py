"""What the pages of whoever runs the study share: their frame, and links to other pages of a list."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Response

from accord.collect.web.site import Site, WebRequest

__all__ = ["admin_page", "page_links", "recipe_line"]

TITLES = {"adjudicate": "Disputed item", "item": "Item", "answer": "Answer", "person": "Person", "add": "Add items"}
NEAR = 2  # pages on either side of the one that is shown


def admin_page(
    request: WebRequest, site: Site, name: str, here: str, *, status: int = 200, **context: Any
) -> Response[str]:
    """A page made of a template of `templates/admin`; `here` is the entry of the menu that it belongs to."""
    title = TITLES.get(name) or next((page.name for page in site.added if page.path == here), name.capitalize())
    return site.page(request, f"admin/{name}.html", status=status, title=title, here=here, **context)


def page_links(path: str, form: Mapping[str, str], page: int, pages: int) -> list[tuple[int, str]]:
    """The first page of a list, the last, and those near `page`, each with its address; none where there is one."""
    if pages < 2:
        return []
    near = {1, pages, *range(max(1, page - NEAR), min(pages, page + NEAR) + 1)}
    kept = {name: value for name, value in form.items() if value and name != "page"}
    return [(number, f"{path}?{urlencode({**kept, 'page': str(number)})}") for number in sorted(near)]


def recipe_line(excluded: Mapping[str, str]) -> str:
    """The line of a recipe's section `[data]` that leaves out the answers of evaluators; "" where there are none."""
    return f"exclude = {json.dumps(list(excluded.values()))}" if excluded else ""
