"""How the pages are described in OpenAPI: bodies are forms, read by `forms.read`, so Litestar cannot tell by itself."""

from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

__all__ = ["FormOperation"]

FIELDS: tuple[str, ...] = ("_csrf", "preferred", "strength", "value", "chosen", "none", "text", "start", "end")
FIELDS += (
    "declined",
    "reason",
    "consent",
    "name",
    "contact",
    "password",
    "note",
    "days",
    "why",
    "start-0",
    "end-0",
    "rank-0",
    "step-0",
)


@dataclass
class FormOperation(Operation):
    """An operation whose body is a form of texts."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        form = Schema(type=OpenAPIType.OBJECT, properties=dict.fromkeys(FIELDS, text), additional_properties=text)
        content = {"application/x-www-form-urlencoded": OpenAPIMediaType(schema=form)}
        self.request_body = RequestBody(content=content, required=True)
