"""How Sphinx builds the documentation."""

import doctest
from pathlib import PurePosixPath

from _pytest.doctest import _get_checker, _get_number_flag
from docutils import nodes
from sphinx import addnodes
from sphinx.ext.autosummary import autosummary_table

from sklearn_cnn import __version__ as release

project = "sklearn_cnn"
author = "the sklearn_cnn developers"
copyright = f"2026, {author}"
version = release

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "gallery/*.ipynb"]
templates_path = ["_templates"]
root_doc = "index"
default_role = "literal"

# --- API reference --------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"
# one parameter a line: a phone is narrow
maximum_signature_line_length = 60
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    "all",
    # Sections stand where they say something, returned values have a name, and a
    # docstring begins on its first line.
    "ES01",
    "EX01",
    "GL01",
    "RT02",
    "SA01",
}

# --- doctests of the user guide ---------------------------------------------------

# numbers are compared as far as they are written down: processors differ
doctest.OutputChecker = type(_get_checker())
doctest_default_flags = (
    doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | _get_number_flag()
)
doctest_global_setup = """
import warnings

warnings.simplefilter("error")
"""

# --- gallery ------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    # each page of the API shows the examples that use what it is about
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("sklearn_cnn",),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
}

# --- pages --------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_cnn"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["widths.css"]
html_theme_options = {
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}


def describe_thumbnails(app, doctree):
    """Give the gallery's thumbnails, which have none, an alternative text."""
    for image in doctree.findall(nodes.image):
        if not image.get("alt"):
            name = PurePosixPath(image["uri"]).stem
            script = name.removeprefix("sphx_glr_").removesuffix("_thumb")
            image["alt"] = f"Figure of {script}.py"


def plain_summaries(app, doctree):
    """Leave references out of the tables of the API, which have no list of them."""
    for table in doctree.findall(autosummary_table):
        for reference in list(table.findall(addnodes.pending_xref)):
            if reference["refdomain"] == "citation":
                reference.parent.remove(reference)


def setup(app):
    """Connect them."""
    app.connect("doctree-read", describe_thumbnails)
    app.connect("doctree-read", plain_summaries)
