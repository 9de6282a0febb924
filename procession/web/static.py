"""Files that never change: styles, scripts, fonts, icons, below a name that is made of what is in them.

*In:* a path below ``static/``. *Out:* the bytes, to be kept for ever by whoever asked with the name of now. *Always:*
only what lay in the directory when the server began is served; nothing in a request names a file outside of it.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from posixpath import normpath

from markupsafe import Markup

from procession.api.problems import Problem
from procession.api.request import Answer, Request

HERE = Path(__file__).parent / "static"
MIMES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".toml": "text/plain; charset=utf-8",
}
PACKED = frozenset({".css", ".js", ".svg", ".txt", ".toml"})
"""What gets smaller by packing."""
FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")
SHORTLY = (b"cache-control", b"no-cache")
JOINED = {
    "css/all.css": [f"css/{name}.css" for name in ("tokens", "base", "components", "pages", "processing", "task")],
    "vendor/htmx.js": ["vendor/htmx-4.0.1.min.js", "vendor/hx-csp-4.0.1.min.js"],
}
"""Files that browsers get as one: they need all of them, in this order (htmx may do nothing without its policy)."""
FACE = "fonts/inter-latin.woff2"
"""The face of every page. A browser that hears of it from the styles lays the page out twice."""
MONO = "fonts/plex-mono-latin-400.woff2"
"""The face of logs."""
IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?\bfrom "([^"]+)";""", re.MULTILINE)


class Static:
    """All files of the directory."""

    def __init__(self, directory: Path = HERE) -> None:
        self._directory = directory
        self._packed: dict[str, bytes] = {}

    @cached_property
    def _files(self) -> dict[str, bytes]:
        """Read once: a server goes on with those of its own version when its files are replaced under it."""
        found = (path for path in self._directory.rglob("*") if path.is_file() and path.suffix in MIMES)
        files = {path.relative_to(self._directory).as_posix(): path.read_bytes() for path in sorted(found)}
        return files | {
            name: b"\n".join(files[part] for part in parts) for name, parts in JOINED.items() if parts[0] in files
        }

    @cached_property
    def version(self) -> str:
        """Twelve digits that are others as soon as anything in any file is."""
        whole = hashlib.sha256()
        for name, content in self._files.items():
            whole.update(f"{name}\n{len(content)}\n".encode())
            whole.update(content)
        return whole.hexdigest()[:12]

    @cached_property
    def sprite(self) -> Markup:
        """All icons, to stand unseen in each page: a reference into another file costs a browser far more for each."""
        shapes = re.findall(r"<symbol .*?</symbol>", self._files["icons.svg"].decode(), re.DOTALL)
        inside = "".join(shapes).replace('<symbol id="', '<symbol id="icon-')
        return Markup(f'<svg hidden aria-hidden="true">{inside}</svg>')  # noqa: S704 - a file of ours

    @cache  # noqa: B019 - as old as the server
    def modules(self, name: str) -> tuple[str, ...]:
        """A script and all that it imports: a browser told of them at once need not find them one after the other."""
        found = [name]
        for each in found:
            text = self._files[each].decode()
            beside = (normpath(f"{each}/../{place}") for place in IMPORT.findall(text))
            found.extend(dict.fromkeys(other for other in beside if other not in found))
        return tuple(found)

    def place(self, name: str) -> str:
        """Where a file is, on the site."""
        return f"static/{self.version}/{name}"

    def content(self, name: str) -> bytes | None:
        """What is in a file; None where there is none of this name."""
        return self._files.get(name)

    def answer(self, request: Request, path: str) -> Answer:
        """The answer to a request for ``static/<version>/<name>``; Problem 404 or 405."""
        if request.method not in ("GET", "HEAD"):
            raise Problem(405, "MethodNotAllowed", "this path knows GET, HEAD", ((b"allow", b"GET, HEAD"),))
        _, _, rest = path.partition("/")
        version, _, name = rest.partition("/")
        found = self.content(name)
        if found is None:
            raise Problem(404, "NotFound", "there is no such file")
        headers = [FOR_EVER if version == self.version else SHORTLY]
        ending = PurePosixPath(name).suffix
        if ending not in PACKED:
            return Answer(200, found, MIMES[ending], tuple(headers))
        headers.append((b"vary", b"accept-encoding"))
        if not _takes_gzip(request):
            return Answer(200, found, MIMES[ending], tuple(headers))
        if name not in self._packed:
            self._packed[name] = gzip.compress(found, 9, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
        return Answer(200, self._packed[name], MIMES[ending], tuple(headers))


def _takes_gzip(request: Request) -> bool:
    for line in request.headers.get(b"accept-encoding", ()):
        for each in line.decode("latin-1").lower().split(","):
            name, _, weight = each.strip().partition(";")
            if name in ("gzip", "*") and weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
                return True
    return False
