# pyright: basic, reportMissingImports=false
"""Draw what stdin says, as JSON: runs in an environment that has matplotlib and nothing of ours.

The bytes of a plot follow from its figures alone, so that drawing again changes no file.
"""

import json
import sys

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt

MARKS = "osD^vPX*"


def draw(drawing: dict) -> None:
    panels = drawing["panels"]
    figure, axes = plt.subplots(1, len(panels), figsize=(5.2 * len(panels), 3.8), squeeze=False)
    for axis, panel in zip(axes[0], panels, strict=True):
        bars = any(isinstance(x, str) for x in drawing["at"])
        (draw_bars if bars else draw_lines)(axis, drawing, panel)
        axis.set_title(panel["unit"], fontsize=10)
        axis.set_xlabel(drawing["x"])
        if panel["log"]:
            axis.set_yscale("log")
        else:
            axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.suptitle(drawing["title"], fontsize=11)
    figure.tight_layout()
    figure.savefig(drawing["file"], dpi=110, metadata={"Software": None})
    plt.close(figure)


def draw_lines(axis, drawing: dict, panel: dict) -> None:
    for mark, (legend, values) in zip(MARKS, panel["lines"].items(), strict=False):
        points = [(x, y) for x, y in zip(drawing["at"], values, strict=True) if y is not None]
        axis.plot(*zip(*points, strict=True), marker=mark, markersize=5, label=legend)
    if drawing["log_x"]:
        axis.set_xscale("log")
    else:
        axis.set_xticks(drawing["at"])


def draw_bars(axis, drawing: dict, panel: dict) -> None:
    width = 0.8 / len(panel["lines"])
    for n, (legend, values) in enumerate(panel["lines"].items()):
        places = [place + n * width for place in range(len(values))]
        axis.bar(places, [value or 0 for value in values], width, label=legend)
    middle = 0.4 - width / 2
    ticks = [place + middle for place in range(len(drawing["at"]))]
    axis.set_xticks(ticks, drawing["at"], fontsize=8)


for each in json.load(sys.stdin):
    draw(each)
