"""The door of the pages: whoever first asks for one has all of them loaded; until then they cost nothing.

*In:* an application, and who logs people in. *Out:* answers at every path that is not of the API.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from procession.api.app import App
from procession.api.login import Login
from procession.api.problems import Problem
from procession.api.request import Answer, Request

if TYPE_CHECKING:
    from procession.web.site import Site


class Door:
    """What `App.beyond` is where pages are served."""

    def __init__(self, app: App, login: Login) -> None:
        self._app = app
        self._login = login
        self._site: Site | None = None
        self._loading = asyncio.Lock()
        self._began = _installed()
        self._probe = app.pages["/live"]
        app.pages["/live"] = self._live
        app.beyond = self

    async def __call__(self, request: Request) -> Answer:
        """The answer of the site."""
        return await (self._site or await self._loaded()).answer(request)

    async def _loaded(self) -> Site:
        async with self._loading:
            if self._site is None:
                self._site = await self._app.apart(self._load)
            return self._site

    async def _live(self, request: Request) -> Answer:
        """With topics the live stream of the pages; without them the probe of whoever looks after servers."""
        return await (self if b"topics=" in request.query else self._probe)(request)

    def _load(self) -> Site:
        if _installed() != self._began:
            raise Problem(503, "Unavailable", "Procession was updated under this server, and its pages can be loaded "
                          "no more; what runs goes on: restart the server")  # fmt: skip
        from procession.web.entering import Entering  # noqa: PLC0415  not before a page is asked for
        from procession.web.live import Live  # noqa: PLC0415
        from procession.web.site import Site  # noqa: PLC0415

        site = Site(self._app)
        Entering(site, self._login)
        Live(site)
        return site


def _installed() -> tuple[int, int]:
    """Which file the code of the pages lies in: another one as soon as another version was installed."""
    found = Path(__file__).stat()
    return found.st_ino, found.st_mtime_ns
