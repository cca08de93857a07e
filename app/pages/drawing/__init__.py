"""Draws pictures as SVG on the server. The same data always give the same picture."""
