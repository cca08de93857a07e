"""`python -m bench.plots report.json report.png`: requests a second of everybody, a panel a workload and database."""

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from bench.questions import TITLES

PRODUCT, OTHER = "#0b5fa5", "#b8c4ce"


def drawn(found: list[dict[str, Any]], target: Path) -> None:
    """The picture."""
    databases = list(dict.fromkeys(one["database"] for one in found))
    workloads = [name for name in TITLES if name != "unchanged"]
    figure, panels = plt.subplots(
        len(workloads), len(databases), figsize=(11, 2.3 * len(workloads)), squeeze=False, layout="constrained"
    )
    for row, workload in zip(panels, workloads, strict=True):
        for panel, database in zip(row, databases, strict=True):
            of = [one for one in found if (one["workload"], one["database"]) == (workload, database)]
            rates = {one["server"]: median(each["per_second"] for each in one["rounds"]) for one in of}
            names = sorted(rates, key=lambda name: rates[name])
            colours = [PRODUCT if name == "product" else OTHER for name in names]
            bars = panel.barh(names, [rates[name] for name in names], color=colours)
            panel.bar_label(bars, [f"{rates[name]:,.0f}" for name in names], padding=3, fontsize=8)
            panel.set_title(f"{TITLES[workload]}, {database}", fontsize=10, loc="left")
            panel.margins(x=0.15)
            panel.tick_params(labelsize=8)
            panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("requests a second", fontsize=9)
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    drawn(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
