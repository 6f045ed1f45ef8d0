"""What differs between the disclosures of two runs."""

from collections.abc import Mapping

from accord.artefacts import DISCLOSURE, DisclosureField, RunReader
from accord.report.disclosure.summary import source_of, status_words

__all__ = ["DIGESTS", "disclosed_texts"]

DIGESTS = ("weights", "rollback")
"""Fields whose tables are of digests alone."""


def disclosed_texts(reader: RunReader) -> Mapping[str, str]:
    """What the disclosure that lies in a run says, by item and field; empty where there is none.

    Lines of tables stand by their first cell. Digests of files, which differ between any two runs, are left out.
    """
    if not reader.has(DISCLOSURE):
        return {}
    disclosure = reader.value(DISCLOSURE)
    texts = {"complete items": f"{disclosure.complete} of {len(disclosure.items)}"}
    for item in disclosure.items:
        texts[f"{item.name}: status"] = status_words(item.status)
        texts |= _fields(item.name, item.fields)
    return texts


def _fields(item: str, fields: tuple[DisclosureField, ...]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for field in fields:
        name = f"{item}.{field.name}"
        texts[name] = " ".join(part for part in (field.value, source_of(field)) if part)
        if field.table is not None and field.name not in DIGESTS:
            for line in field.table.lines:
                key = f"{name}: {line.cells[0]}"
                texts[key] = "; ".join(part for part in (texts.get(key), ", ".join(line.cells[1:])) if part)
    return texts
