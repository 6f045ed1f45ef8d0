"""Pages of other rooms among those of whoever runs a study: who may see them and their frame are of this room."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from litestar import MediaType, Response, get
from markupsafe import Markup

from accord.collect.web.admin_frame import admin_page
from accord.collect.web.site import Site, WebRequest, in_thread

__all__ = ["AddedPage", "PageContent", "added_handlers"]


@dataclass(frozen=True)
class PageContent:
    """What stands on a page, and after how many seconds it is to be asked for again; 0 where it is not."""

    markup: Markup
    every: int = 0


@dataclass(frozen=True)
class AddedPage:
    """A page among those of whoever runs a study.

    path     below /admin
    name     in the menu
    style    the class of its part of the page
    content  makes it, of its own address and of what the address asks for
    files    its own sheets and scripts, by name
    """

    path: str
    name: str
    style: str
    content: Callable[[str, Mapping[str, str]], PageContent]
    files: Mapping[str, bytes]

    @cached_property
    def digest(self) -> str:
        """The version of its files, part of their addresses so that browsers may keep them."""
        return hashlib.sha256(b"".join(self.files.values())).hexdigest()[:12]


def added_handlers(pages: Sequence[AddedPage]) -> list[Any]:
    """The routes of pages, for those who may see the other pages of whoever runs the study."""
    return [_handler(page) for page in pages]


def _handler(page: AddedPage) -> Any:
    @get(page.path, media_type=MediaType.HTML)
    @in_thread
    def added_page(request: WebRequest, site: Site) -> Response[str]:
        site.admin(request)
        content = page.content(site.base + page.path, dict(request.query_params))
        return admin_page(request, site, "added", page.path, page=page, content=content)

    return added_page
