"""How templates of pages are filled: everything is escaped, what cannot be shown is made visible, nothing may lack."""

from typing import TYPE_CHECKING, Any

from accord.report.words import clean, counted, interval, observations, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["environment"]


def environment(source: "Callable[..., Markup]") -> "Environment":
    """The templates of this room; `source` makes the name of a file what a page shows of it, such as a link."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def displayable(value: Any) -> Any:
        return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    templates = Environment(
        loader=PackageLoader("accord.report"),
        autoescape=True,
        finalize=displayable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        counted=counted, interval=interval, observations=observations, signed=signed, source=source
    )
    return templates
