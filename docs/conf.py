"""Settings of the site that `make docs` builds from the documents; `tools/docs_site.py` has what is accord's own.

The source folder is the repository itself (`sphinx-build -c docs . build/site`), so that links are the same as there.
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

project = "accord"
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "tools.docs_site"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "docs/*/*.md", "examples/README.md"]

myst_heading_anchors = 4
myst_ref_domains = ["std"]
autodoc_default_options = {"exclude-members": "model_config, model_post_init"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"accord {release}"
html_copy_source = False
html_show_search_summary = False  # it would be fetched, which a browser refuses of files
html_show_sphinx = False
html_show_copyright = False
