"""A chat template with settings of its own written into it, so that whoever opens the saved model has them too.

    arguments   values of the template's own variables (`enable_thinking = false`); a caller's own value goes before
    date        what `strftime_now` says, which is the time of the call in a template that is left as it is
    control     a text that ends every prompt, for a policy that was taught to heed it; a finished answer has none

The first two stand in parts of their own before the template, the last behind it; a later setting replaces each.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from accord.errors import ModelError, storage

__all__ = [
    "asks_for_the_date",
    "is_fixed",
    "is_template",
    "read_template",
    "set_template",
    "with_control",
    "without_control",
]

TODAY = "strftime_now"  # the function by which a template asks for the time
CONTROL = "{# control #}"  # where that part of a template begins
DIRECTIVES = "aAbBdHIjmMpSyYUwW"  # of strftime, as far as they say the same on every machine


def is_template(text: str) -> bool:
    """Whether a text is a template, and not the name of a file of one."""
    return "{{" in text or "{%" in text


def read_template(path: Path) -> str:
    """The template in a file. Raises `StorageError` where it cannot be read, `ModelError` where it is none."""
    with storage(path):
        content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not UTF-8, so no chat template") from error
    if not is_template(text):
        raise ModelError(f"{path}: no chat template (nothing in it stands in {{{{ }}}} or {{% %}})")
    return text


def asks_for_the_date(template: str) -> bool:
    """Whether what a template writes depends on the day."""
    return TODAY in _without(template, "date")


def is_fixed(template: str) -> bool:
    """Whether the day that a template writes was set."""
    return _without(template, "date") != template


def with_control(template: str, control: str) -> str:
    """The template with `control` at the end of every prompt, in place of any that it writes there already."""
    generation = f"{{% if add_generation_prompt %}}{{{{ {_literal(control)} }}}}{{% endif %}}"
    return f"{without_control(template)}{CONTROL}{generation}"


def without_control(template: str) -> str:
    """The template as it was before `with_control`."""
    plain, separator, _ = template.partition(CONTROL)
    return plain.removesuffix("\n") if separator else template


def set_template(
    tokenizer: PreTrainedTokenizerBase, template: str | None, arguments: Mapping[str, Any], day: date | None
) -> None:
    """Give a tokenizer a template, defaults for its variables, and a day for its today; what is unset stays.

    Raises `ModelError` where there is no template to be set so.
    """
    if template is not None:
        tokenizer.chat_template = template
    current = tokenizer.chat_template
    if current is None:
        if arguments:
            raise ModelError(f"{tokenizer.name_or_path}: template_arguments for no chat template; set chat_template")
        return
    if isinstance(current, dict):
        tokenizer.chat_template = {name: _set(each, arguments, day) for name, each in current.items()}
    else:
        tokenizer.chat_template = _set(current, arguments, day)


def _set(template: str, arguments: Mapping[str, Any], day: date | None) -> str:
    if day is not None and asks_for_the_date(template):
        formatted = "".join(f"|replace('%{each}', {_literal(day.strftime(f'%{each}'))})" for each in DIRECTIVES)
        macro = f"{{% macro {TODAY}(format) %}}{{{{ format{formatted} }}}}{{% endmacro %}}\n"
        template = _put(template, "date", macro)
    if arguments:
        defaults = [
            f"{{% if {name} is not defined %}}{{% set {name} = {_literal(value)} %}}{{% endif %}}\n"
            for name, value in arguments.items()
        ]
        template = _put(template, "arguments", "".join(defaults))
    return template


def _literal(value: Any) -> str:
    """A value as Jinja reads it, which is as JSON has it but for None by itself."""
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _put(template: str, part: str, content: str) -> str:
    """The template with a part before it, in place of an earlier one of its name."""
    return f"{{# accord: {part} #}}\n{content}{{# end of {part} #}}\n{_without(template, part)}"


def _without(template: str, part: str) -> str:
    return re.sub(rf"\{{# accord: {part} #\}}\n.*?\{{# end of {part} #\}}\n", "", template, flags=re.DOTALL)
