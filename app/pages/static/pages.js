// What pages do beyond reading and forms, which need no script: names are completed while somebody types, and the picture of the
// network can be explored.
// @ts-check
"use strict";

/** The time after the last key before names are asked for, in milliseconds. */
const PATIENCE = 150;
let inputs = 0;

/**
 * Completes names in an input. A suggestion of the search box leads to the page of the record; elsewhere it fills the input.
 * @param {HTMLInputElement} input
 */
const complete = (input) => {
  const list = document.createElement("ul");
  list.id = `suggestions-${++inputs}`;
  list.className = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.labels?.[0]?.textContent ?? "");
  list.hidden = true;
  input.after(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  /** @type {{id: string, name: string, kind: string}[]} */
  let found = [];
  let chosen = -1;
  /** @type {number | undefined} */
  let timer;
  let asked = 0;

  const close = () => {
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  /** @param {number} place */
  const take = (place) => {
    const { id, name } = found[place];
    close();
    if (input.dataset.records) {
      const lang = new URLSearchParams(location.search).get("lang");
      location.href = input.dataset.records + encodeURIComponent(id) + (lang ? `?lang=${encodeURIComponent(lang)}` : "");
    } else {
      input.value = name;
      input.focus();
    }
  };
  const mark = () => {
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
    if (chosen < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", list.children[chosen].id);
  };
  const show = () => {
    list.replaceChildren(...found.map(({ name }, place) => {
      const item = document.createElement("li");
      item.id = `${list.id}-${place}`;
      item.setAttribute("role", "option");
      item.textContent = name;
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(place); });
      return item;
    }));
    chosen = -1;
    mark();
    list.style.left = `${input.offsetLeft}px`;
    list.style.top = `${input.offsetTop + input.offsetHeight}px`;
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
  };
  const ask = async () => {
    const turn = ++asked;
    const query = new URLSearchParams({ q: input.value.trim(), limit: "8", lang: document.documentElement.lang });
    for (const kind of (input.dataset.kinds ?? "").split(" ").filter(Boolean)) query.append("kind", kind);
    try {
      const answer = await fetch(`${input.dataset.suggest}?${query}`);
      if (!answer.ok || turn !== asked) return;
      found = (await answer.json()).data;
      show();
    } catch {
      close(); // without the network, the form still works
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    asked += 1;
    if (input.value.trim()) timer = setTimeout(ask, PATIENCE);
    else close();
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const places = found.length + 1; // one of them is the input itself, at -1
      chosen = (chosen + 1 + step + places) % places - 1;
      mark();
    } else if (event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      take(chosen);
    } else if (event.key === "Escape") {
      event.preventDefault();
      close();
    }
  });
  input.addEventListener("blur", () => {
    clearTimeout(timer);
    asked += 1; // an answer that comes later would cover what stands below
    close();
  });
};

/**
 * Lets a picture of a network be moved and enlarged, and shows what one actor has to do with others.
 * @param {Element} figure
 */
const explore = (figure) => {
  const svg = /** @type {SVGSVGElement} */ (figure.querySelector("svg"));
  const [, , width, height] = svg.getAttribute("viewBox")?.split(" ").map(Number) ?? [0, 0, 1, 1];
  let view = { x: 0, y: 0, scale: 1 };
  const draw = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${width / view.scale} ${height / view.scale}`);
  /** @param {number} factor */
  const zoom = (factor) => {
    const scale = Math.min(8, Math.max(1, view.scale * factor));
    const middle = { x: view.x + width / view.scale / 2, y: view.y + height / view.scale / 2 };
    view = { x: middle.x - width / scale / 2, y: middle.y - height / scale / 2, scale };
    if (scale === 1) view = { x: 0, y: 0, scale };
    draw();
  };
  const bar = document.createElement("p");
  for (const [text, factor] of /** @type {[string, number][]} */ ([["+", 1.5], ["−", 1 / 1.5]])) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.setAttribute("aria-label", (factor > 1 ? figure.getAttribute("data-larger") : figure.getAttribute("data-smaller")) ?? text);
    button.addEventListener("click", () => zoom(factor));
    bar.append(button, " ");
  }
  svg.before(bar);
  svg.addEventListener("pointermove", (event) => {
    if (event.buttons !== 1 || view.scale === 1) return;
    const perPixel = width / view.scale / svg.clientWidth;
    view = { ...view, x: view.x - event.movementX * perPixel, y: view.y - event.movementY * perPixel };
    draw();
  });
  /** @param {string | null} id */
  const light = (id) => {
    for (const edge of svg.querySelectorAll("[data-ends]")) {
      edge.classList.toggle("dimmed", id !== null && !(edge.getAttribute("data-ends") ?? "").split(" ").includes(id));
    }
  };
  for (const node of svg.querySelectorAll("[data-node]")) {
    node.addEventListener("pointerenter", () => light(node.getAttribute("data-node")));
    node.addEventListener("pointerleave", () => light(null));
  }
};

document.querySelectorAll("input[data-suggest]").forEach((input) => complete(/** @type {HTMLInputElement} */ (input)));
document.querySelectorAll("[data-network]").forEach(explore);
