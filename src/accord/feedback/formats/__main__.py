"""`python -m accord.feedback.formats` prints the page of the documents on formats."""

import sys

from accord.feedback.formats.catalogue import formats_page

sys.stdout.write(formats_page())
