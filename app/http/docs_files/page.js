// Swagger UI itself filters by the tags' names alone, and repeats the same example under every failure of every operation.
"use strict";

// Swagger UI has dark colours of its own, for a class of the root element. The page follows the setting of the browser.
const darkness = matchMedia("(prefers-color-scheme: dark)");
const followDarkness = () => document.documentElement.classList.toggle("dark-mode", darkness.matches);
followDarkness();
darkness.addEventListener("change", followDarkness);

const phraseOf = (filter) => (typeof filter === "string" ? filter : "");
const words = (phrase) => phrase.toLowerCase().split(/\s+/).filter(Boolean);

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
        h("label", { htmlFor: "operation-filter" }, "Filter the operations"),
        h("input", {
          id: "operation-filter",
          className: "operation-filter-input",
          type: "text",
          value: phrase,
          placeholder: "Any words, e.g. valid_at",
          "aria-describedby": "operation-filter-hint",
          onChange: (event) => layoutActions.updateFilter(event.target.value),
        }),
        h("p", { role: "status" }, specSelectors.loadingStatus() === "loading" ? "" : count),
        h("p", { id: "operation-filter-hint", className: "hint" },
          "It does not search the records. To find those: ", h("a", { href: "v1/search?q=Zalessky" }, "/v1/search?q=…")));
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
  if (!window.SwaggerUIBundle) return; // it did not come: the page keeps its plain content, with the questions
  window.ui = SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    defaultModelsExpandDepth: 0,
    defaultModelExpandDepth: 2,
    displayRequestDuration: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [Rapporteur],
    layout: "BaseLayout",
  });
});
