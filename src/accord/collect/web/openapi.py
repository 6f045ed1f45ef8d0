"""The forms in OpenAPI: `form_parsing.read` reads the bodies, so Litestar cannot describe them by itself."""

from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from accord.collect.study import KINDS

__all__ = ["FormOperation"]

FIELDS = (
    "_csrf",
    *dict.fromkeys(field for question in KINDS.values() for field in (*question.fields, *question.page_fields)),
    *("edit", "declined", "reason", "consent", "name", "contact", "password", "note", "days", "why"),
)


@dataclass
class FormOperation(Operation):
    """An operation whose body is a form of texts."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        form = Schema(type=OpenAPIType.OBJECT, properties=dict.fromkeys(FIELDS, text), additional_properties=text)
        content = {"application/x-www-form-urlencoded": OpenAPIMediaType(schema=form)}
        self.request_body = RequestBody(content=content, required=True)
