"""The disclosure as the card of a model: README.md with the front matter that model hubs read."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from accord.artefacts import NOT_DISCLOSED, Disclosure, DisclosureField, DisclosureItem
from accord.report.disclosure.markdown import escaped
from accord.report.disclosure.summary import ORIGIN, headline, source_of, status_words, unredacted_note

__all__ = ["base_of", "disclosed_lines", "licence_of", "model_card"]

_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{1,30}")


def model_card(disclosure: Disclosure, recipe: Mapping[str, Any]) -> str:
    """The card as text: every item in sentences; tables and evidence are in disclosure.json."""
    from huggingface_hub import ModelCard, ModelCardData

    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="text-generation",
        base_model=_base(recipe),
        tags=["rlhf", "accord", *_algorithm(recipe)],
        license=licence_of(disclosure),
    )
    body = "\n".join(disclosed_lines(disclosure)).rstrip()
    card = ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}\n", ignore_metadata_errors=False)
    return str(card).rstrip() + "\n"


def disclosed_lines(disclosure: Disclosure) -> Iterator[str]:
    """Every item of a disclosure in sentences, by heading."""
    yield f"# {escaped(disclosure.run)}"
    yield ""
    yield f"**{headline(disclosure)}** {disclosure.definition} {ORIGIN}"
    yield ""
    if note := unredacted_note(disclosure):
        yield from (note, "")
    for item in disclosure.items:
        yield from _item(item)


def _item(item: DisclosureItem) -> Iterator[str]:
    yield f"## {item.title}: {status_words(item.status)}"
    yield ""
    if item.reason is not None:
        yield from (f"Not applicable: {escaped(item.reason)}", "")
    for field in item.fields:
        yield f"* {_sentence(field)}"
    yield ""


def _sentence(field: DisclosureField) -> str:
    value = f"**{escaped(field.value)}**" if field.status != "complete" else escaped(field.value)
    reason = f" ({escaped(field.reason)})" if field.reason and field.status in {"not_applicable", "withheld"} else ""
    signed = source_of(field)
    label = field.label if field.label.endswith("?") else f"{field.label}:"
    return f"{escaped(label)} {value}{reason}" + (f" *{escaped(signed)}*" if signed else "")


def _base(recipe: Mapping[str, Any]) -> str | None:
    """The id of the base model on the hub, as `owner/name`; None where it is a folder or a packaged model."""
    for section in ("sft", "policy", "reward"):
        if (base := base_of(recipe.get(section))) is not None:
            return base
    return None


def base_of(settings: object) -> str | None:
    """The base model that a section names, where that is an id on the hub."""
    base = settings.get("base") if isinstance(settings, Mapping) else None
    return base if isinstance(base, str) and re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", base) else None


def _algorithm(recipe: Mapping[str, Any]) -> list[str]:
    policy = recipe.get("policy")
    kind = policy.get("kind") if isinstance(policy, dict) else None
    return [kind] if isinstance(kind, str) and kind else []


def licence_of(disclosure: Disclosure) -> str | None:
    """The stated licence, where it is an identifier; hubs take no sentences, and call what is none `other`."""
    stated = [each.value for item in disclosure.items for each in item.fields if each.name == "licence"]
    name = stated[0].strip().lower()
    return None if stated[0] == NOT_DISCLOSED else name if _LICENCE.fullmatch(name) else "other"
