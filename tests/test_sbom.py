"""The bill of materials names what is installed, and the constraints pin it."""

import re
from importlib.metadata import distribution, version

import pytest
from packaging.utils import canonicalize_name
from tools.lock import lock, pins
from tools.sbom import bill_of_materials

from test_house import ROOT


def test_the_bill_names_what_is_installed_and_the_constraints_pin_it() -> None:
    bill = bill_of_materials()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    found = {each["name"]: each["version"] for each in bill["components"]}
    assert found == {name: version(name) for name in found}
    assert {"torch", "transformers", "pydantic", "pytest", "mypy", "psycopg-binary", "markupsafe"} <= found.keys()
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines}
    assert found.keys() - pinned <= {"pip", "setuptools"}


def test_the_bill_says_what_needs_what() -> None:
    bill = bill_of_materials()
    references = {each["bom-ref"] for each in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert needs.keys() == references
    assert all(need in references for each in needs.values() for need in each)
    assert f"pkg:pypi/jinja2@{version('jinja2')}" in needs[f"pkg:pypi/accord@{distribution('accord').version}"]
    assert f"pkg:pypi/markupsafe@{version('markupsafe')}" in needs[f"pkg:pypi/jinja2@{version('jinja2')}"]


def test_the_lock_names_a_hash_for_what_the_constraints_pin() -> None:
    pinned = pins((ROOT / "constraints.txt").read_text())
    blocks = re.split(r"\n(?=\S)", "\n".join((ROOT / "requirements.lock").read_text().splitlines()[2:]))
    locked = dict(block.split(" ", 1)[0].split("==") for block in blocks)
    assert locked == {name: version for name, version in pinned.items() if name != "torch"}
    assert all(re.fullmatch(r"\S+( \\\n    --hash=sha256:[0-9a-f]{64})+", block) for block in blocks)


def test_a_lock_is_made_of_the_files_that_a_machine_may_install() -> None:
    names = ["thing-1.2-py3-none-any.whl", "thing-1.2.tar.gz", "thing-1.2-cp39-abi3-macosx_11_0_arm64.whl"]
    names += ["thing-1.3-py3-none-any.whl", "thing-1.2b.dev.tar.gz", "thing-1.2-cp311-cp311-musllinux_1_2_x86_64.whl"]
    files = [{"filename": name, "hashes": {"sha256": str(place)}} for place, name in enumerate(names)]
    text = lock("# a comment\nThing==1.2\ntorch==2.0\n", {"thing": files}.__getitem__)
    assert text.splitlines()[2:] == ["thing==1.2 \\", *(f"    --hash=sha256:{i}" + " \\" * (i < 2) for i in range(3))]
    with pytest.raises(ValueError, match="thing==9: the index has no file"):
        lock("thing==9\n", {"thing": files}.__getitem__)
