"""Serve the page, its files, and what the head of a link says of what it shows."""

from __future__ import annotations

import hashlib
import html
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dropback.live.feeds._errors import ServiceError
from dropback.service.page._share import title_of, under_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from dropback.service._shown import Shown

# The page's own addresses: each shows the one page, whose script reads the address.
_PAGE_PATHS = ("/", "/leaderboard", "/passers", "/passers/{passer}", "/plays", "/compare",
               "/plays/{game}/{play}", "/live")  # fmt: skip
# The same within a page of another site: the view alone.
_EMBEDDED_PATHS = ("/embed/passers/{passer}", "/embed/plays/{game}/{play}")

# Each version of the files has an address of its own, so that a browser never asks again.
_FOREVER: Final = "public, max-age=31536000, immutable"


class _PageFiles(StaticFiles):
    """The files of the page, with how long a browser may keep them."""

    def __init__(self, folder: Path, kept: str) -> None:
        super().__init__(directory=folder)
        self._kept = kept

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, to be kept as long as its address says."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = self._kept
        return response


def page_routes(shown: Shown, *, root_path: str, told: bool) -> list[BaseRoute]:
    """The page and its files; none where the installation has no page.

    Args:
        shown: What it shows.
        root_path: Prefix at which a proxy serves it.
        told: Whether the head of a link may say what it shows: to anyone, without a key.
    """
    static = Path(str(files("dropback.service.page") / "static"))
    if not (static / "index.html").is_file():
        return []
    version = _version(static)
    # The prefix of a proxy stands before each address of the page, and where its script reads it.
    prefix = html.escape(root_path)
    text = (static / "index.html").read_text()
    text = text.replace('="/static/', f'="{prefix}/static/{version}/')
    text = text.replace("<html ", f'<html data-root="{prefix}" ', 1)
    within = text.replace("<html ", "<html data-embedded ", 1)

    async def page(request: Request) -> Response:
        embedded = request.url.path.removeprefix(root_path).startswith("/embed/")
        base = f"{request.url.scheme}://{request.url.netloc}{root_path}"
        head = head_of(base, request.path_params, shown) if told else ""
        answer = (within if embedded else text).replace("</head>", f"{head}</head>", 1)
        tag = f'W/"{hashlib.sha256(answer.encode()).hexdigest()[:20]}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(answer, headers=headers, media_type="text/html")

    return [
        *(Route(path, page) for path in (*_PAGE_PATHS, *_EMBEDDED_PATHS)),
        Mount(f"/static/{version}", _PageFiles(static, _FOREVER)),
        Mount("/static", _PageFiles(static, "no-cache")),
    ]


def _version(static: Path) -> str:
    """What the files' names and contents come to: another where any of them is another."""
    digest = hashlib.sha256()
    for path in sorted(static.rglob("*.*")):
        digest.update(str(path.relative_to(static)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def head_of(base: str, path: Mapping[str, str], shown: Shown) -> str:
    """Open Graph tags of a link to a play or a passer; empty for other links.

    Args:
        base: Address of the service, with the prefix of a proxy, without ``/`` at the end.
        path: Path parameters of the page.
        shown: What the service has.

    References:
        https://ogp.me, "Basic Metadata".
    """
    try:
        if "passer" in path:
            found = shown.require_scores().person(shown.passer(path["passer"]))
            title, under = found.name, f"Passing score, {found.first_season}-{found.last_season}"
            card = f"/v1/passers/{quote(path['passer'], safe='')}/card"
        elif "game" in path:
            game, play = shown.play(path["game"], path["play"])
            item = shown.item(game, play)
            title, under = title_of(item), item.description or under_of(item)
            card = f"/v1/plays/{game}/{play}/card"
        else:
            return ""
    except ServiceError:  # the page says what is not there
        return ""
    tags = {
        "og:type": "website",
        "og:site_name": "dropback",
        "og:title": title,
        "og:description": under,
        "og:image": base + card,
        "twitter:card": "summary_large_image",
    }
    return "".join(
        f'<meta property="{name}" content="{html.escape(value, quote=True)}">\n'
        for name, value in tags.items()
    )
