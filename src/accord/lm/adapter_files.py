"""Which model saved adapters belong to.

They name it by its absolute path or hub id, as peft reads it. Beside them lies where it is seen from there, so that
adapters open where the folder of their run was moved, or where their base is the packaged model of another machine.
"""

import json
from os.path import relpath
from pathlib import Path

from accord.fetch import cache_folder
from accord.lm import packaged

__all__ = ["ADAPTER", "base_of", "has_adapter_file", "revision_of", "write_base"]

ADAPTER = "adapter_config.json"
BESIDE = "accord_base.json"


def has_adapter_file(source: str | Path) -> bool:
    """Whether adapters lie in a folder, and not a whole model."""
    return (Path(source) / ADAPTER).is_file()


def write_base(folder: Path, base: str) -> None:
    """Write beside the adapters in `folder` where `base` is seen from; nothing for a hub id."""
    path = Path(base)
    if path.is_absolute():
        relative = packaged.NAME if path.parent == cache_folder() else relpath(path, folder.parent.resolve())
        (folder / BESIDE).write_text(json.dumps({"base": relative}))


def revision_of(source: str | Path) -> str | None:
    """At which branch, tag or commit of the hub that model is meant; None where it is not said."""
    revision: str | None = json.loads((Path(source) / ADAPTER).read_bytes()).get("revision")
    return revision


def base_of(source: str | Path) -> str:
    """The folder or hub id of the model that the adapters in a folder belong to. `ValueError` where it is gone."""
    folder = Path(source)
    values = json.loads((folder / ADAPTER).read_bytes())
    base = values.get("base_model_name_or_path") if isinstance(values, dict) else None
    if not base:
        raise ValueError(f"{ADAPTER} names no model that its adapters belong to; set base_model_name_or_path in it")
    base = str(base)
    beside = folder / BESIDE
    relative = json.loads(beside.read_bytes())["base"] if beside.is_file() else ""
    if relative == packaged.NAME:
        return str(packaged.packaged())
    if relative and (folder.parent / relative).is_dir():
        return str((folder.parent / relative).resolve())
    if Path(base).is_absolute() and not Path(base).is_dir():
        raise ValueError(f"its adapters belong to {base}, which is gone; put that model back there, a link will do")
    return base
