"""Access: locks, and who may ask: the methods of a client for what is held, and for tokens, users and the audit."""

from __future__ import annotations

from collections.abc import Sequence

from procession.sdk.asking import Asking, Json


class Access(Asking):
    """Locks, tokens, users, audit."""

    # ── locks ──────────

    def locks(self) -> Json:
        """Every lock that is held or waited for: by whom, since when, and in which order they wait."""
        return self._ask("locks")

    def lock(self, name: str, fence: int | None = None) -> Json:
        """How one lock stands; with `fence`, whether that very grant is still held: ``stands``."""
        return self._ask("lock", name=name, fence=fence)

    def acquire(self, names: Sequence[str], owner: str = "processing", wait: bool = False) -> Json:
        """Acquire all of these locks or none; only a script that runs may, with the client of its attempt.

        `owner` is ``processing`` or ``attempt``: at its end at the latest they fall. `wait`: keep a place in the queue,
        and ask again after the seconds of the answer. In scripts ``with procession.lock(...)`` does all of this.
        """
        return self._ask("acquire", names=names, owner=owner, wait=wait)

    def release_lock(self, names: Sequence[str], owner: str = "processing") -> Json:
        """Release each of these locks once; what was acquired more often is still held."""
        return self._ask("release-lock", names=names, owner=owner)

    def unlock(self, name: str | None = None, processing: int | None = None, reason: str | None = None) -> Json:
        """Release a lock of all its holders, or of one processing; without a name, all locks of that processing."""
        return self._ask("unlock", name=name, processing=processing, reason=reason)

    # ── who may ask ──────────

    def health(self) -> Json:
        """Which project this is, whether somebody serves it, and who you are to it."""
        return self._ask("health")

    def token_add(
        self, name: str, scopes: Sequence[str], groups: Sequence[str] | None = None, user: str | None = None,
        expires: str | None = None,
    ) -> Json:  # fmt: skip
        """A new token for a program; ``secret`` is in this answer and nowhere else. `expires`: ``30 days``."""
        return self._ask("token-add", name=name, scopes=scopes, groups=groups, user=user, expires=expires)

    def token_list(self) -> Json:
        """All tokens of programs, the newest first, by the first characters of their secrets."""
        return self._ask("token-list")

    def token_revoke(self, key: str) -> Json:
        """Revoke a token: it gives no access any more."""
        return self._ask("token-revoke", key=key)

    def login_link(self, user: str | None = None) -> Json:
        """A link that opens one session in a browser, once."""
        return self._ask("login-link", user=user)

    def user_add(
        self, name: str, role: str = "viewer", groups: Sequence[str] | None = None, password: str | None = None
    ) -> Json:
        """A person who may log in: ``viewer``, ``operator`` or ``admin``, of all tasks or of some groups."""
        return self._ask("user-add", name=name, role=role, groups=groups, password=password)

    def user_list(self) -> Json:
        """All users by name."""
        return self._ask("user-list")

    def user_set(
        self, name: str, role: str | None = None, groups: Sequence[str] | None = None, password: str | None = None,
        disabled: bool | None = None, all_groups: bool = False,
    ) -> Json:  # fmt: skip
        """Change what is given of a user; a new password, or being disabled, ends their sessions and tokens."""
        return self._ask(
            "user-set", name=name, role=role, groups=groups, password=password, disabled=disabled, all_groups=all_groups
        )

    def user_remove(self, name: str) -> Json:
        """Remove a user, with all their sessions and tokens."""
        return self._ask("user-remove", name=name)

    def audit(
        self, by: str | None = None, verb: str | None = None, subject: str | None = None, limit: int = 100,
        cursor: int | None = None,
    ) -> Json:  # fmt: skip
        """Who asked for what, from where, and what came of it; the newest first."""
        return self._ask("audit", by=by, verb=verb, subject=subject, limit=limit, cursor=cursor)
