"""The live stream of the pages."""

from __future__ import annotations

from procession.web.site import Site


class Live:
    """``GET live?topics=…``."""

    def __init__(self, site: Site) -> None:
        self._site = site
