"""`favicon.ico` shows what `icon.svg` does: it is drawn from it, because not every browser takes an SVG under that name.

`RAPPORTEUR_SCREENSHOT=1 .venv/bin/python -m pytest tests/pages/test_icon.py -n 0` draws it anew.
"""

import os
import struct
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.pages.conftest import ROOT, Visit

PAGES = ROOT / "app" / "http" / "pages"
ICON = PAGES / "favicon.ico"
SIZES = (16, 32, 48)
PIXELS = """
async ([address, size]) => {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, size, size);
  return [image.naturalWidth, Array.from(context.getImageData(0, 0, size, size).data)];
}
"""


@pytest.mark.skipif("RAPPORTEUR_SCREENSHOT" not in os.environ, reason="RAPPORTEUR_SCREENSHOT asks for it")
def test_make(chromium: Browser) -> None:
    """The file: a header, an entry for each size, then the pictures as PNG."""
    pictures = [drawn(chromium, size) for size in SIZES]
    place = 6 + 16 * len(SIZES)
    entries = b""
    for size, picture in zip(SIZES, pictures, strict=True):
        entries += struct.pack("<BBBBHHII", size, size, 0, 0, 1, 32, len(picture), place)
        place += len(picture)
    ICON.write_bytes(struct.pack("<HHH", 0, 1, len(SIZES)) + entries + b"".join(pictures))


def drawn(chromium: Browser, size: int) -> bytes:
    """The icon in a size, as PNG."""
    page = chromium.new_page(viewport={"width": size, "height": size})
    svg = Path(PAGES / "icon.svg").read_text(encoding="utf-8")
    style = f"html, body {{ margin: 0; background: transparent }} svg {{ display: block; width: {size}px; height: {size}px }}"
    page.set_content(f"<style>{style}</style>{svg}")
    picture = page.screenshot(omit_background=True)
    page.close()
    return picture


def test_a_browser_shows_it_as_it_shows_the_svg(visit: Visit) -> None:
    visit.open("/docs", shows="body")
    size = SIZES[-1]
    # Playwright fetches nothing whose address ends with `/favicon.ico` while it watches requests.
    width, icon = visit.page.evaluate(PIXELS, ["/favicon.ico?", size])
    _, svg = visit.page.evaluate(PIXELS, ["/docs/icon.svg", size])
    assert width in SIZES
    assert len(set(icon)) > 10
    assert max(abs(one - other) for one, other in zip(icon, svg, strict=True)) <= 64
