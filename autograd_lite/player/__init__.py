"""The player: one HTML page that steps through a backpropagation, for a notebook or as a file.

The page needs no network. Its data come from `Backprop`, its looks from `page.html` and `css/`, and
what it does from the ES modules in `js/`, which are joined into one script; the rules of the ops are printed
from the op table as JavaScript.
"""

from __future__ import annotations

from .page import FULL, notebook_html, page_html

__all__ = ["FULL", "notebook_html", "page_html"]
