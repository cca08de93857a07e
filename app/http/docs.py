"""The docs page: Swagger UI from the application's own origin, and a page that explains every problem."""

from html import escape
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from app.http.problems import all_problems

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{base}docs/assets/favicon.png">
<link rel="stylesheet" href="{base}docs/assets/swagger-ui.css">
<link rel="stylesheet" href="{base}docs/page.css">
</head>
<body>
{body}
</body>
</html>
"""
_SWAGGER = """<div id="docs"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>"""
_SCRIPT = """window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    validatorUrl: null,
    tryItOutEnabled: true,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
});
"""
_STYLE = """body { margin: 0; background: #fff; color: #1f2933; }
.swagger-ui .info { margin: 2rem 0 1rem; }
.swagger-ui .info .markdown p, .swagger-ui .info li { font-size: 1rem; line-height: 1.5; max-width: 60rem; }
.swagger-ui .scheme-container { display: none; }
.problems { font: 1rem/1.5 sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
.problems h2 { margin-top: 2rem; font-size: 1.1rem; }
.problems code { background: #f0f2f5; padding: 0 .3em; }
"""


def assets() -> StaticFiles:
    """Swagger UI's files, from the package that brings them."""
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package fastapi-offline, which brings the docs page's files, is not installed")
    return StaticFiles(directory=Path(spec.origin).parent / "static")


def router() -> APIRouter:
    """The pages."""
    routes = APIRouter(include_in_schema=False)

    def get(path: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a decorator
        return routes.api_route(path, methods=["GET", "HEAD"])

    @get("/")
    async def home() -> Response:
        return RedirectResponse("docs")

    @get("/docs")
    async def page() -> Response:
        return HTMLResponse(_PAGE.format(title="Rapporteur: the API", base="", body=_SWAGGER), headers=_HEADERS)

    @get("/docs/page.js")
    async def script() -> Response:
        return Response(_SCRIPT, media_type="text/javascript", headers=_HEADERS)

    @get("/docs/page.css")
    async def style() -> Response:
        return Response(_STYLE, media_type="text/css", headers=_HEADERS)

    @get("/docs/problems")
    async def problems() -> Response:
        return HTMLResponse(_PAGE.format(title="Rapporteur: problems", base="../", body=_problems()), headers=_HEADERS)

    return routes


def _problems() -> str:
    """Every problem with its status and code, at the anchor that its `type` names."""
    parts = [
        f'<h2 id="{problem.code}">{problem.status} <code>{problem.code}</code>: {escape(problem.title)}</h2>'
        f"<p>{escape(problem.explanation)}</p>"
        for problem in all_problems()
    ]
    return f'<main class="problems"><h1>Problems</h1><p><a href="../docs">The API</a></p>{"".join(parts)}</main>'
