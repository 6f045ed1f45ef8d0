"""The bill of materials names what is installed, and the constraints pin it."""

from importlib.metadata import distribution, version

from packaging.utils import canonicalize_name
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
