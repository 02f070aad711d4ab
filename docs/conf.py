"""The documentation site: `sphinx-build -W -b html docs docs/_build`, without network."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

project = "modelassay"
author = "the modelassay contributors"
try:
    release = importlib.metadata.version("modelassay")
except importlib.metadata.PackageNotFoundError:
    release = "unreleased"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "gallery/README.txt"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # pages link to files of the repository, which are no pages here
numpydoc_show_class_members = False
autosummary_generate = False
autodoc_typehints = "none"  # numpydoc's own types are written for people

html_theme = "pydata_sphinx_theme"
html_title = "modelassay"
html_theme_options = {"navigation_with_keys": False, "show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_copy_source = False
html_show_sourcelink = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "filename_pattern": "/draw_",
    "within_subsection_order": "FileNameSortKey",
    "ignore_repr_types": r"matplotlib",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 60,
    "show_signature": False,
}
