"""The Studio page and its files."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from synclips.server.answers import ApiError

router = APIRouter()
FOLDER: Final = Path(__file__).parent / "studio"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".md": "text/markdown"}


def _files() -> dict[str, Path]:
    """What is served, by name: only files that are there when the server starts."""
    return {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.suffix in _TYPES}


FILES: Final = _files()


@router.get("/", include_in_schema=False)
def page(request: Request) -> Response:
    """The page; styles that its scripts add carry the answer's nonce."""
    text = (FOLDER / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(text.replace("{{nonce}}", request.scope["state"]["nonce"]))


@router.get("/studio/{name:path}", include_in_schema=False)
def file(name: str) -> Response:
    """A script, style or picture of the page."""
    path = FILES.get(name)
    if path is None:
        raise ApiError("not_found")
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"cache-control": "no-cache"})
