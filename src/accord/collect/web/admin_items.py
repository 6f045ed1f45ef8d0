"""Items added on a page: a file is looked at, then added as a whole, or not at all."""

from typing import Any

from litestar import MediaType, Response, get, post

from accord.collect.study.items import StudyItem
from accord.collect.web.admin_frame import admin_page
from accord.collect.web.openapi import FormOperation
from accord.collect.web.site import ADD_ITEMS, Site, WebRequest, in_thread
from accord.collect.web.task_view import answers_of, turns_of
from accord.collect.web.uploads import MAX_UPLOAD, Upload, written
from accord.errors import FormError, RecordError, StudyError

__all__ = ["ADDING"]

HTML = MediaType.HTML
ITEMS = "/admin/items"
MAX_TOLD = 50  # lines that are wrong, and remarks


@get(ADD_ITEMS, media_type=HTML)
@in_thread
def add_page(request: WebRequest, site: Site) -> Response[str]:
    """Where a file is chosen."""
    site.admin(request)
    return _page(request, site)


@post(
    ADD_ITEMS,
    media_type=HTML,
    status_code=200,
    request_max_body_size=MAX_UPLOAD,
    operation_class=FormOperation,
)
@in_thread
def look(request: WebRequest, site: Site) -> Response[str]:
    """What adding a file would do; nothing is added yet."""
    admin = site.admin(request)
    upload: Upload | None = getattr(request.state, "upload", None)
    if upload is None or not upload.content.strip():
        return _page(request, site, error=FormError("file", "Choose a file that is not empty."), status=400)
    try:
        with written(upload) as path:
            preview = site.desk.preview_items(path)
    except (StudyError, RecordError) as error:
        return _page(request, site, error=error, status=400)
    if preview.problems:
        return _page(request, site, preview=preview, file_name=upload.name, status=400)
    shown = [_shown(site, item) for item in preview.first]
    held = site.held_files.hold(admin, upload, site.clock())
    return _page(request, site, preview=preview, file_name=upload.name, shown=shown, held=held)


@post(f"{ADD_ITEMS}/confirm", media_type=HTML, status_code=200, operation_class=FormOperation)
@in_thread
def confirm(request: WebRequest, site: Site) -> Response[Any]:
    """The file that was looked at is added, checked once more as a whole."""
    admin = site.admin(request)
    upload = site.held_files.take(admin, request.state.form.get("held", ""), site.clock())
    if upload is None:
        gone = "This file was added already, another one was looked at since, or an hour went by; choose it again."
        return _page(request, site, error=FormError("held", gone), status=409)
    try:
        with written(upload) as path:
            site.desk.add_items(path, by=admin)
    except (StudyError, RecordError) as error:
        return _page(request, site, error=error, status=409)
    return site.to(ITEMS)


def _page(request: WebRequest, site: Site, *, status: int = 200, **context: Any) -> Response[str]:
    values = {
        "preview": None,
        "file_name": "",
        "shown": [],
        "held": "",
        "most": MAX_UPLOAD,
        "most_told": MAX_TOLD,
        **context,
    }
    return admin_page(request, site, "add", ITEMS, status=status, **values)


def _shown(site: Site, item: StudyItem) -> dict[str, Any]:
    """An item as people will see it, but for the order of its texts, which is drawn for each of them."""
    markdown = site.study.render == "markdown"
    return {
        "turns": turns_of(item.prompt.messages, markdown=markdown),
        "texts": answers_of(item.completions, markdown=markdown),
        "warning": item.line.warning or site.study.warning,
        "metadata": {name: item.line.metadata[name] for name in site.study.show if name in item.line.metadata},
    }


ADDING = [add_page, look, confirm]
