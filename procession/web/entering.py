"""Coming and going in a browser: the form of the login page, with or without a script, and logging out.

*In:* the form: a code, or user and password, and where one wanted to go. *Out:* the cookie of a session, and that
place. *Always:* the place is one of this site, whatever the form says; passwords and codes are tried as often as
`api.login` lets them be, and what was refused is said on the page, with the user kept and nothing else.
"""

from __future__ import annotations

from dataclasses import replace

from procession.api.login import Login, only
from procession.api.problems import Problem
from procession.api.request import Answer, Request
from procession.web import forms, preferences
from procession.web.page import NOBODY, Ask, Gone, one
from procession.web.pages.login import login_page
from procession.web.paths import Place
from procession.web.site import Site
from procession.web.url import inside


class Entering:
    """POST ``login``, ``logout`` and ``preferences``."""

    def __init__(self, site: Site, login: Login) -> None:
        self._site = site
        self._login = login
        site.posts |= {"login": self.enter, "logout": self.leave, "preferences": self.prefer}

    async def enter(self, ask: Ask, request: Request, place: Place) -> Answer:
        """Open a session, and go where one wanted to."""
        given = await self._form(ask, request)
        user, password, code = (one(given, name) for name in ("user", "password", "code"))
        wanted = inside(one(given, "next"))
        offered = {"code": code.strip()} if code.strip() else {"user": user.strip(), "password": password}
        try:
            made = await self._site.app.apart(lambda: self._login.open(offered, request.client))
        except Problem as refused:
            if refused.status not in (400, 401, 429):
                raise
            shown = login_page(ask, wanted, refused, user)
            return await self._site.app.apart(lambda: self._site.shown(ask, request, shown))
        cookies = tuple(value.decode() for _, value in self._login.cookie(made.secret))
        return self._site.gone(ask, request, Gone(wanted, cookies=cookies))

    async def leave(self, ask: Ask, request: Request, place: Place) -> Answer:
        """End the session."""
        if ask.caller is not NOBODY:
            await self._form(ask, request)
        await self._login.end(request)
        cookies = tuple(value.decode() for _, value in self._login.cookie("", seconds=0))
        found = self._site.gone(ask, request, Gone("login", cookies=cookies))
        return replace(found, headers=(*found.headers, (b"clear-site-data", b'"cache"')))  # nor by the button "back"

    async def prefer(self, ask: Ask, request: Request, place: Place) -> Answer:
        """Keep how somebody wants the pages to look."""
        given = await self._form(ask, request)
        chosen = ask.prefers.changed({name: values[-1] for name, values in given.items()})
        name = f"{self._site.app.names.cookie}_prefers"
        cookie = self._site.cookie(name, chosen.cookie(), preferences.KEPT).decode()
        return self._site.gone(ask, request, Gone(inside(one(given, "back")), cookies=(cookie,)))

    async def _form(self, ask: Ask, request: Request) -> dict[str, list[str]]:
        only(request, "POST")
        given = await forms.form(request)
        self._site.check_form(request, given)
        ask.form = given
        return given
