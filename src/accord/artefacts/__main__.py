"""`python -m accord.artefacts` prints the page of the documents on the run directory."""

import sys

from accord.artefacts.catalogue import markdown
from accord.run import SCHEMA

sys.stdout.write(markdown(SCHEMA))
