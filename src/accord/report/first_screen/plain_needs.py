"""What a finding would need, without the names of files, fields and keys that only whoever provides it has to know."""

import re

from accord.artefacts.catalogue import CATALOGUE

__all__ = ["plainly"]

_IN_BRACKETS = re.compile(r"\s*\([^()]*\)")
_FILE = re.compile(r"([\w./<>-]+\.jsonl?) of the run")


def plainly(needs: str) -> str:
    """`attack_results.jsonl of the run` becomes what that file holds; what stands in brackets is left out.

    What is nothing but a name stays as it is.
    """
    text, before = needs, ""
    while text != before:
        text, before = _IN_BRACKETS.sub("", text), text
    plain = _FILE.sub(lambda match: _CONTENTS.get(match[1].rpartition("/")[2], match[0]), text).strip()
    return plain or needs


_CONTENTS = {each.file: each.about for each in CATALOGUE}
