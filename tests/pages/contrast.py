"""Measures the contrast of all text that a page shows, with the colours that the browser computed (WCAG 2, 1.4.3)."""

from typing import Any

from playwright.sync_api import Page

LEAST_CONTRAST = 4.5

_MEASURE = """(least) => {
  const options = {willReadFrequently: true};
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", options);
  const channels = (colour) => {  // whatever syntax a computed colour has, the browser itself draws it
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, below) => {
    const alpha = top[3] + below[3] * (1 - top[3]);
    if (alpha === 0) return [0, 0, 0, 0];
    return [0, 1, 2].map((i) => (top[i] * top[3] + below[i] * below[3] * (1 - top[3])) / alpha).concat(alpha);
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour.slice(0, 3).map((value) => value / 255)
      .map((value) => (value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4));
    return .2126 * red + .7152 * green + .0722 * blue;
  };
  const ancestors = function* (element) { for (; element; element = element.parentElement) yield element; };
  const background = (element) => {
    let colour = [0, 0, 0, 0];
    for (const each of ancestors(element)) colour = over(colour, channels(getComputedStyle(each).backgroundColor));
    return over(colour, [255, 255, 255, 1]);
  };
  const opacity = (element) => [...ancestors(element)].reduce((all, each) => all * getComputedStyle(each).opacity, 1);
  const found = {};
  let looked = 0;
  const look = (element, style, text, part = "") => {
    looked += 1;
    const below = background(element);
    const colour = channels(style.color);
    colour[3] *= opacity(element) * (part ? style.opacity : 1);
    const [lighter, darker] = [over(colour, below), below].map(luminance).sort((one, other) => other - one);
    const contrast = (lighter + .05) / (darker + .05);
    if (contrast >= least) return;
    const path = [...ancestors(element)].slice(0, 4).reverse().map((each) => [each.localName, ...each.classList].join("."));
    found[path.join(" > ") + part] ??= `${contrast.toFixed(2)} : 1 of ${JSON.stringify(text.slice(0, 40))}`;
  };
  const isShown = (element) => element.checkVisibility({opacityProperty: true, visibilityProperty: true});
  for (const element of document.body.querySelectorAll("*")) {
    if (["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName) || !isShown(element)) continue;
    const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join("");
    if (text.trim() || element.value) look(element, getComputedStyle(element), text.trim() || String(element.value));
    if (element.placeholder && !element.value) {
      look(element, getComputedStyle(element, "::placeholder"), element.placeholder, "::placeholder");
    }
    for (const part of ["::before", "::after"]) {
      const style = getComputedStyle(element, part);
      const written = /^"(.*)"$/s.exec(style.content)?.[1] ?? "";
      if (written.trim() && style.display !== "none") look(element, style, written, part);
    }
  }
  return [looked, found];
}"""


def too_faint(page: Page) -> tuple[int, dict[str, Any]]:
    """How many texts the page shows, and those whose contrast is too low: element and contrast. Images are not looked at."""
    page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => 0))).then(() => 0)")
    looked_at, found = page.evaluate(_MEASURE, LEAST_CONTRAST)
    return looked_at, found
