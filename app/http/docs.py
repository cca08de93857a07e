"""The docs page: Swagger UI from the application's own origin, and a page that explains every problem."""

import re
from collections.abc import Awaitable, Callable
from html import escape
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from app import __version__
from app.http.problems import all_problems
from app.http.service import DATA_LICENCE

POLICY = (
    # Swagger UI's style sheet draws its arrows and buttons from data: images; nothing else is taken from elsewhere.
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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
<link rel="icon" href="{base}docs/icon.svg">
{styles}
</head>
<body>
<header class="bar"><nav aria-label="Rapporteur">
<a class="home" href="{base}docs"><img src="{base}docs/icon.svg" alt="" width="28" height="28">API</a>
<a href="{base}docs/problems">Problems</a>
<a href="{base}v1/vocabularies">Vocabularies</a>
<a href="{base}openapi.json">OpenAPI</a>
</nav></header>
{body}
<footer class="foot">Rapporteur {version}. The software is under MIT, the data under {licence}.</footer>
</body>
</html>
"""
_STYLES = ("docs/assets/swagger-ui.css", "docs/page.css")
_SWAGGER = """<main id="docs"></main>
<noscript><p class="plain">This page is drawn by a script. The same is told by <a href="openapi.json">openapi.json</a>.</p>
</noscript>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>"""
_PROBLEMS = """<main class="plain problems">
<h1>Problems</h1>
<p>Whatever goes wrong is answered as <code>application/problem+json</code> (RFC 9457). Its <code>type</code> leads to one of
the entries below; its <code>code</code> never changes; <code>detail</code> and <code>errors</code> say what is wrong with the
very request.</p>
{entries}
</main>"""
_PROBLEM = """<section id="{code}">
<h2><a href="#{code}"><span class="status">{status}</span> {title}</a> <code>{code}</code></h2>
<p>{explanation}</p>
</section>"""

_ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#1d4f91"/>
<path d="M8 9h16M8 14.5h16M8 20h7" stroke="#fff" stroke-width="2.6" stroke-linecap="round" opacity=".55"/>
<path d="M8 14.5h16" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/>
<path d="M19 25.5l2-5h4l-2 5z" fill="#ffd166"/>
</svg>
"""

# Swagger UI itself filters by the tags' names alone, and repeats the same example under every failure of every operation.
_SCRIPT = """"use strict";

const phraseOf = (filter) => (typeof filter === "string" ? filter : "");
const words = (phrase) => phrase.toLowerCase().split(/\\s+/).filter(Boolean);

const told = (tag, group, entry) => {
  const operation = entry.get("operation");
  const parameters = operation.get("parameters")?.map((parameter) => parameter.get("name")) ?? [];
  const texts = ["operationId", "summary", "description"].map((key) => operation.get(key));
  return [tag, group.getIn(["tagDetails", "description"]), entry.get("method"), entry.get("path"), ...texts, ...parameters]
    .join(" ").toLowerCase();
};

const opsFilter = (groups, phrase) => {
  const sought = words(phrase);
  const matches = (tag, group) => (entry) => sought.every((word) => told(tag, group, entry).includes(word));
  return groups
    .map((group, tag) => group.update("operations", (entries) => entries.filter(matches(tag, group))))
    .filter((group) => group.get("operations").size > 0);
};

const Rapporteur = ({ React: { createElement: h } }) => ({
  fn: { opsFilter },
  components: {
    FilterContainer: ({ specSelectors, layoutSelectors, layoutActions }) => {
      const phrase = phraseOf(layoutSelectors.currentFilter());
      const groups = specSelectors.taggedOperations();
      const found = groups.reduce((sum, group) => sum + group.get("operations").size, 0);
      const count = `${found} operation${found === 1 ? "" : "s"}${phrase.trim() ? " found" : ""}`;
      return h("div", { className: "filter wrapper" },
        h("h2", { id: "operations" }, "Operations"),
        h("input", {
          className: "operation-filter-input",
          type: "search",
          value: phrase,
          placeholder: "Filter by any words, e.g. valid_at",
          "aria-label": "Filter the operations",
          onChange: (event) => layoutActions.updateFilter(event.target.value),
        }),
        h("p", { role: "status" }, specSelectors.loadingStatus() === "loading" ? "" : count));
    },
  },
  wrapComponents: {
    operations: (Operations) => (props) => (props.specSelectors.taggedOperations().size > 0 ? h(Operations, props) : null),
    response: (Response) => (props) => {
      const code = props.response.getIn(["content", "application/problem+json", "example", "code"]);
      if (!code) return h(Response, props);
      const Markdown = props.getComponent("Markdown", true);
      return h("tr", { className: `response problem ${props.className ?? ""}`, "data-code": props.code },
        h("td", { className: "response-col_status" }, props.code),
        h("td", { className: "response-col_description" },
          h("a", { href: `docs/problems#${code}`, target: "_blank", rel: "noopener" }, h("code", null, code)),
          h(Markdown, { source: props.response.get("description") })));
    },
  },
  statePlugins: {
    layout: {
      wrapSelectors: {
        // What a filter finds is shown, not only the name of its group. (Wrapped selectors are bound to their state.)
        isShown: (original) => (state, thing, otherwise) =>
          original(thing, otherwise || (thing[0] === "operations-tag" && phraseOf(state.get("filter")).trim() !== "")),
      },
    },
  },
});

window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    defaultModelsExpandDepth: 0,
    defaultModelRendering: "model", // the examples that Swagger UI makes up from patterns read as noise
    defaultModelExpandDepth: 2,
    displayRequestDuration: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [Rapporteur],
    layout: "BaseLayout",
  });
});
"""

_STYLE = """
:root {
  --ink: #1b2733; --faint: #5a6878; --line: #d9e0e8; --wash: #f4f6f9; --accent: #1d4f91; --width: 62rem;
  --text: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --code: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
html { color-scheme: light; scroll-padding-top: 1rem; }
body { margin: 0; background: #fff; color: var(--ink); font: 1rem/1.55 var(--text); }
#docs { min-height: 80vh; }
.bar nav, .foot, .plain { box-sizing: border-box; max-width: var(--width); margin: 0 auto; padding: 0 1.25rem; }
.bar { border-bottom: 1px solid var(--line); background: var(--wash); }
.bar nav { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.5rem; min-height: 3.25rem; }
.bar a { color: var(--ink); font-size: .95rem; text-decoration: none; }
.bar a:hover { color: var(--accent); text-decoration: underline; }
.bar .home { display: flex; align-items: center; gap: .6rem; font-weight: 600; }
.foot { padding-block: 1.5rem 3rem; color: var(--faint); font-size: .85rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

.plain h1 { margin: 2.25rem 0 .75rem; font-size: 2.1rem; line-height: 1.2; letter-spacing: -.01em; }
.plain p { max-width: 46rem; margin: .4rem 0; }
.plain a { color: var(--accent); }
.problems section { margin: 1rem 0; padding: .9rem 1.1rem 1rem; border: 1px solid var(--line); border-radius: 8px; }
.problems section:target { border-color: var(--accent); box-shadow: 0 0 0 3px #1d4f9126; }
.problems > p { margin-bottom: 1.75rem; }
.problems section p { margin-bottom: 0; }
.problems h2 { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .8rem; margin: 0; font-size: 1.08rem; }
.problems h2 a { color: inherit; text-decoration: none; }
.problems h2 a:hover { text-decoration: underline; }
.problems .status { margin-right: .35rem; color: var(--accent); }
.plain code, .swagger-ui .markdown code, .swagger-ui .renderedMarkdown code, .swagger-ui .problem code {
  padding: .1em .35em; border-radius: 4px; background: #eaeff5; color: #22374f;
  font: 500 .86em/1.4 var(--code); overflow-wrap: anywhere;
}

.swagger-ui { color: var(--ink); font-family: var(--text); }
.swagger-ui :is(.info, .opblock, .responses-inner) :is(h1, h2, h3, h4, h5, p, li, td, table) { color: var(--ink); }
#docs :is(h1, h2, h3, h4, h5, p, li, a, label, small, td, th, button, input, select, .opblock-summary-method,
  .opblock-summary-description, .opblock-description-wrapper, .parameter__name, .json-schema-2020-12__title) {
  font-family: var(--text); }
#docs .opblock-summary-path a { font-family: inherit; }
.swagger-ui :focus:not(:focus-visible) { outline: none; }
.swagger-ui .wrapper { max-width: var(--width); padding: 0 1.25rem; }
.swagger-ui :is(.markdown, .renderedMarkdown, .info .description) a { color: var(--accent); text-decoration: underline;
  text-decoration-color: #1d4f9166; text-underline-offset: .15em; overflow-wrap: anywhere; }
.swagger-ui :is(.markdown, .renderedMarkdown) a code { color: inherit; }
.swagger-ui :is(.markdown, .renderedMarkdown) a:hover { text-decoration-color: currentColor; }
.swagger-ui :is(.markdown, .renderedMarkdown) p { word-break: normal; overflow-wrap: anywhere; }
.swagger-ui .scheme-container { margin: 0; padding: 0 0 1rem; box-shadow: none; }
.swagger-ui :is(.schemes-server-container, .info__license, .response-col_links), .swagger-ui .info hgroup .link,
.swagger-ui .info .title .version-stamp, .swagger-ui .scheme-container:not(:has(.auth-wrapper)) { display: none; }

.swagger-ui .info { margin: 2.25rem 0 1.5rem; }
.swagger-ui .info hgroup.main { margin: 0; }
.swagger-ui .info .title { color: var(--ink); font-size: 2.1rem; line-height: 1.2; letter-spacing: -.01em; }
.swagger-ui .info .title small { top: -.5em; padding: .15rem .5rem; background: #e3eaf3; }
.swagger-ui .info .title small pre { color: var(--accent); font: 600 .7rem/1.3 var(--text); }
.swagger-ui .info p.info__summary { margin: .1rem 0 1rem; color: var(--faint); font-size: 1.1rem; }
.swagger-ui .info .description :is(p, li, a) { font-size: 1rem; line-height: 1.55; }
.swagger-ui .info .description p { max-width: 46rem; margin: .6rem 0; }
.swagger-ui .info .description h3 { margin: 1.75rem 0 .5rem; font-size: 1.2rem; line-height: 1.3; }
.swagger-ui .info .description :is(ol, ul) { margin: 0; padding-left: 1.4rem; }
.swagger-ui .info .description li { max-width: 56rem; margin: .3rem 0; padding-left: .2rem; }
.swagger-ui .info .description ol li { margin: .55rem 0; }
.swagger-ui .info .description ol li a { font-weight: 500; }
.swagger-ui .info .description ol code { display: table; margin-top: .15rem; }
.swagger-ui .info .description li::marker { color: var(--faint); }

.swagger-ui .filter { display: grid; grid-template-columns: 1fr auto; align-items: center; gap: 0 1rem; }
.swagger-ui .filter > * { margin: 0 0 .75rem; }
.swagger-ui .filter h2 { grid-column: 1 / -1; margin-top: .5rem; font-size: 1.4rem; }
.swagger-ui .filter p { color: var(--faint); font-size: .9rem; }
.swagger-ui .filter .operation-filter-input { box-sizing: border-box; width: 100%; max-width: none; margin: 0 0 .75rem;
  padding: .7rem .85rem; border: 1px solid #b9c4d0; border-radius: 8px; font-size: 1rem; line-height: 1.3; }
.swagger-ui .filter .operation-filter-input::placeholder { color: #6b7887; }
.swagger-ui .opblock-tag { gap: .25rem 1rem; margin: 0; padding: .8rem .5rem; border-color: var(--line); font-size: 1.1rem; }
.swagger-ui .opblock-tag > a { flex: 0 0 9rem; }
.swagger-ui .opblock-tag small { flex: 1; padding: 0; color: var(--faint); font-size: .95rem; }
.swagger-ui .opblock-tag small p { margin: 0; color: inherit; }
.swagger-ui .opblock-tag .expand-operation { padding: 0 .25rem; }
.swagger-ui .is-open > .opblock-tag { border-bottom-color: transparent; }
.swagger-ui .opblock-tag-section.is-open { padding-bottom: .75rem; border-bottom: 1px solid var(--line); }

.swagger-ui .opblock { margin: 0 0 .6rem; border-radius: 8px; box-shadow: none; }
.swagger-ui .opblock.opblock-get { border-color: #b7cbe4; background: #f5f8fc; }
.swagger-ui .opblock.opblock-get .opblock-summary { border-color: #b7cbe4; }
.swagger-ui .opblock.opblock-get .opblock-summary-method { background: var(--accent); }
.swagger-ui .opblock.opblock-get .tab-header .tab-item.active h4 span:after { background: var(--accent); }
.swagger-ui .opblock .opblock-summary-method { min-width: 4.5rem; border-radius: 5px; color: #fff; text-shadow: none; }
.swagger-ui .opblock .opblock-summary-path { color: var(--ink); font: 600 .95rem/1.4 var(--code); }
.swagger-ui .opblock .opblock-summary-path a { color: inherit; }
.swagger-ui .opblock .opblock-summary-description { color: var(--faint); font-size: .9rem; }
.swagger-ui .opblock .opblock-section-header { min-height: 3rem; background: #ffffffb3; box-shadow: none;
  border-block: 1px solid var(--line); }
.swagger-ui .opblock .opblock-section-header h4 { font-size: 1rem; }
.swagger-ui .opblock-description-wrapper { padding: 1rem 1.25rem; }
.swagger-ui .opblock-description-wrapper :is(p, li) { font-size: .95rem; line-height: 1.5; }
.swagger-ui .opblock-description-wrapper :is(p, ul) { margin: .3rem 0; }
.swagger-ui .opblock-description-wrapper ul { padding-left: 1.3rem; }
.swagger-ui .btn { border-width: 1px; border-color: #9aa8b7; border-radius: 6px; box-shadow: none; font-weight: 600; }
.swagger-ui .btn.execute { border-color: var(--accent); background: var(--accent); color: #fff; }
.swagger-ui .btn.cancel { border-color: #b3261e; color: #b3261e; }
.swagger-ui .btn-group { padding: 1rem 1.25rem; }
.swagger-ui table thead tr :is(td, th) { border-color: var(--line); color: var(--faint); font-size: .8rem; padding: .5rem 0; }
.swagger-ui .parameters tbody tr, .swagger-ui .responses-table > tbody > tr { border-top: 1px solid var(--line); }
.swagger-ui .parameters tbody tr:first-child, .swagger-ui .responses-table > tbody > tr:first-child { border-top: 0; }
.swagger-ui .parameters tbody tr > td { padding: .65rem 0; }
.swagger-ui .parameters-col_name { width: 11rem; min-width: 11rem; padding-right: 1rem; }
.swagger-ui .parameters-col_description { margin: 0; }
.swagger-ui .parameters-col_description :is(p, i) { font-size: .95rem; line-height: 1.5; }
.swagger-ui .parameters-col_description .parameter__enum, .swagger-ui .parameters-col_description .parameter__default {
  color: var(--faint); font-size: .88rem; }
.swagger-ui .parameters-col_description p { margin: .15rem 0; }
.swagger-ui .parameters-col_description :is(input, select)[disabled] { display: none; }
.swagger-ui .parameters-col_description :is(input, select) { box-sizing: border-box; width: 100%; max-width: 26rem;
  font-size: .95rem; line-height: 1.3; }
.swagger-ui .parameters-col_description select[multiple] { min-height: 6.5rem; }
.swagger-ui select { border: 1px solid #b9c4d0; box-shadow: none; font-weight: 400; }
.swagger-ui .parameter__name { font-size: 1rem; font-weight: 600; overflow-wrap: anywhere; }
.swagger-ui .parameter__type { padding: .1rem 0; color: var(--faint); font: 400 .8rem/1.4 var(--code); }
.swagger-ui .parameter__in { color: #6b7887; font: 400 .78rem/1.4 var(--text); }
.swagger-ui .responses-inner :is(h4, h5) { font-size: .9rem; }
.swagger-ui .responses-table > tbody > tr > td { padding: .65rem 0; }
.swagger-ui .response-col_status { font-weight: 600; }
.swagger-ui .response-col_description, .swagger-ui .response-col_description p { font-size: .95rem; line-height: 1.5; }
.swagger-ui .problem .response-col_description a { float: right; margin-left: 1rem; }
.swagger-ui .problem .response-col_description a code { color: var(--accent); }
.swagger-ui .response-col_description .renderedMarkdown p { margin: 0; }
.swagger-ui table.headers tbody tr td { padding: .3rem 0; font: 400 .9rem/1.5 var(--text); vertical-align: baseline; }
.swagger-ui .opblock-body pre.microlight { padding: .8rem; border-radius: 6px; font: 400 .82rem/1.5 var(--code); }
.swagger-ui .highlight-code > .microlight code, .swagger-ui .curl-command code, .swagger-ui .curl-command code span {
  white-space: pre-wrap !important; word-break: normal; overflow-wrap: anywhere; }
.swagger-ui .download-contents { color: #fff; }
.swagger-ui .json-schema-form-item-add { margin-top: .3rem; }
.swagger-ui .json-schema-2020-12, #docs .json-schema-2020-12 p { font-size: .88rem; line-height: 1.5; }
.swagger-ui .model-box, .swagger-ui section.models .model-box, .swagger-ui section.models .json-schema-2020-12 {
  background: #fff; border: 1px solid var(--line); border-radius: 6px; }
.swagger-ui .json-schema-2020-12 .json-schema-2020-12 { border: 0; }
.swagger-ui .json-schema-2020-12__title { color: var(--ink); font-size: .9rem; }
.swagger-ui .json-schema-2020-12__constraint { padding: .1em .4em; background: #eaeff5; color: #22374f;
  font: 400 .8rem/1.4 var(--code); overflow-wrap: anywhere; }
.swagger-ui section.models { border-color: var(--line); border-radius: 8px; }
.swagger-ui section.models h4 { padding: .8rem; font-size: 1.1rem; }

@media (max-width: 640px) {
  .bar nav { gap: .25rem 1.1rem; }
  .swagger-ui .filter { grid-template-columns: 1fr; gap: .4rem; }
  .swagger-ui .opblock-tag { flex-wrap: wrap; position: relative; padding-right: 2.5rem; }
  .swagger-ui .opblock-tag > a { flex: 1 1 100%; }
  .swagger-ui .opblock-tag .expand-operation { position: absolute; top: .9rem; right: .25rem; }
  .swagger-ui .opblock .opblock-summary-method { min-width: 3.6rem; }
  .swagger-ui .table-container, .swagger-ui .responses-inner { padding: .75rem; }
  .swagger-ui .opblock-section-header, .swagger-ui .opblock-description-wrapper { padding-inline: .75rem; }
  .swagger-ui table.parameters, .swagger-ui .parameters > tbody, .swagger-ui .parameters > tbody > tr,
  .swagger-ui .parameters > tbody > tr > td { display: block; width: auto; }
  .swagger-ui .parameters > thead { display: none; }
  .swagger-ui .parameters > tbody > tr { padding: .6rem 0; }
  .swagger-ui .parameters > tbody > tr > td { padding: 0; }
  .swagger-ui .parameters-col_name { display: flex !important; flex-wrap: wrap; align-items: baseline; gap: 0 .6rem; }
  .swagger-ui .responses-table > tbody > tr > td:first-of-type { min-width: 3rem; }
  .swagger-ui .problem .response-col_description a { float: none; margin: 0; }
}
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

    async def home() -> Response:
        return RedirectResponse("docs")

    served = {
        "/": home,
        "/docs": _serving(_page("Rapporteur: the API", body=_SWAGGER, styles=_STYLES), "text/html"),
        "/docs/problems": _serving(_problems(), "text/html"),
        "/docs/page.js": _serving(_SCRIPT, "text/javascript"),
        "/docs/page.css": _serving(_STYLE, "text/css"),
        "/docs/icon.svg": _serving(_ICON, "image/svg+xml"),
    }
    for path, endpoint in served.items():
        routes.add_api_route(path, endpoint, methods=["GET", "HEAD"])
    return routes


def _serving(text: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def serve() -> Response:
        return Response(text, media_type=media_type, headers=_HEADERS)

    return serve


def _page(title: str, *, body: str, styles: tuple[str, ...], base: str = "") -> str:
    """A whole page; `base` leads from it to the application's root."""
    links = "\n".join(f'<link rel="stylesheet" href="{base}{style}">' for style in styles)
    return _PAGE.format(title=title, base=base, styles=links, body=body, version=__version__, licence=DATA_LICENCE)


def _problems() -> str:
    """Every problem with its status and code, at the anchor that its `type` names."""
    entries = "\n".join(
        _PROBLEM.format(
            code=problem.code,
            status=problem.status,
            title=escape(problem.title),
            explanation=re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(problem.explanation)),
        )
        for problem in all_problems()
    )
    return _page("Rapporteur: problems", body=_PROBLEMS.format(entries=entries), styles=_STYLES[1:], base="../")
