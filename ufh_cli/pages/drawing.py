"""Figures as parts of a page: SVG without a style, an address or a name that could meet another's."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup, escape

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"


def inline(draw: Callable[[Path], object], name: str, words: str) -> Markup:
    """What `draw` draws to a file, as an ``<svg>`` element.

    Parameters
    ----------
    draw : callable
        Writes the SVG file that it is given.
    name : str
        A word that no other drawing of the page has; it is put before all names in this one.
    words : str
        What is to be seen, for those who hear the page.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.svg"
        draw(file)
        root = ElementTree.parse(file).getroot()  # our own file, of a moment ago; comments are dropped
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib = {_plain(key): _named(key, value, name) for key, value in element.attrib.items()}
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(words)}"', 1))


def _plain(key: str) -> str:
    return "href" if key == _LINK else key


def _named(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == _LINK:
        return value.replace("#", f"#{name}-")
    return re.sub(r"url\(#", f"url(#{name}-", value)
