"""From a context to the text of a page: Jinja templates, autoescaped, nothing undefined."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from leaderboard import addresses, chart, wording

_CODE = re.compile(r"`([^`]+)`")

FOLDER = Path(__file__).parent / "templates"

_FILTERS = (
    wording.percent,
    wording.points,
    wording.count,
    wording.decimal,
    wording.duration,
    wording.metric_title,
    wording.moment,
    wording.plural,
)


class Renderer:
    """The templates, compiled once."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters.update({function.__name__: function for function in _FILTERS})
        self._environment.filters["prose"] = prose
        self._environment.globals.update(
            addresses=addresses, absent=wording.ABSENT, chart_size=(chart.WIDTH, chart.HEIGHT)
        )

    def render(self, template: str, address: str, page: Any) -> str:
        """Return the text of a page.

        Args:
            template: Name of the template.
            address: Where the page will lie in the site; its links are relative to it.
            page: Its context.
        """
        link = addresses.links_from(address)
        return self._environment.get_template(template).render(page=page, link=link)


def prose(text: str) -> Markup:
    """Return a docstring's text with what stands in backticks as code, all of it escaped.

    >>> prose("draws of `cmc_single` & <b>")
    Markup('draws of <code>cmc_single</code> &amp; &lt;b&gt;')
    """
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
