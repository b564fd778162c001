"""Bar charts and line charts as SVG, for light and dark pages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil, floor, log10
from xml.sax.saxutils import escape

WIDTH, LABEL_WIDTH, ROOM = 760, 330, 90
ROW, HEAD = 20, 34
LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 50, 590, 40, 330, 370
"""Edges of the plot; the names of its lines are to the right."""
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #111827 } .title { font-weight: bold }
.back { fill: #f9fafb } .bar { fill: #9ca3af } .ours { fill: #2563eb } .grid { stroke: #d1d5db }
polyline { fill: none; stroke-width: 2 }
.line0 { stroke: #2563eb } .line1 { stroke: #0d9488 } .line2 { stroke: #9333ea }
.line3 { stroke: #d97706 } .line4 { stroke: #dc2626 }
.mark0 { fill: #2563eb } .mark1 { fill: #0d9488 } .mark2 { fill: #9333ea }
.mark3 { fill: #d97706 } .mark4 { fill: #dc2626 }
@media (prefers-color-scheme: dark) {
  text { fill: #f9fafb } .back { fill: #111827 } .bar { fill: #6b7280 } .ours { fill: #3b82f6 }
  .grid { stroke: #374151 }
}
"""


def draw(panels: Mapping[str, Mapping[str, float]], ours: str) -> str:
    """Draw a bar chart per panel; the bars of `ours` are highlighted."""
    drawn, top = [], 0
    for title, figures in panels.items():
        drawn.append(f'<text class="title" x="4" y="{top + 22}">{escape(title)}</text>')
        longest = max(figures.values())
        for number, (name, figure) in enumerate(figures.items()):
            x, y = LABEL_WIDTH, top + HEAD + number * ROW
            length = figure / longest * (WIDTH - LABEL_WIDTH - ROOM)
            kind = "ours" if name.startswith(ours) else "bar"
            drawn += [
                f'<text x="{x - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>',
                f'<rect class="{kind}" x="{x}" y="{y}" width="{length:.1f}" height="15"/>',
                f'<text x="{x + length + 6:.1f}" y="{y + 12}">{figure:.2f}</text>',
            ]
        top += HEAD + len(figures) * ROW + 10
    return _picture(top, drawn)


def plot(title: str, lines: Mapping[str, Mapping[int, float]]) -> str:
    """Draw up to five lines, with logarithmic axes."""
    sizes = [size for line in lines.values() for size in line]
    figures = [figure for line in lines.values() for figure in line.values()]
    across = _scale(sizes, LEFT, RIGHT)
    upwards = _scale(_grid(figures), BOTTOM, TOP)
    drawn = [f'<text class="title" x="4" y="22">{escape(title)}</text>']
    for size in sorted(set(sizes)):
        x = across(size)
        drawn.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}"/>')
        drawn.append(f'<text x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="middle">{size:,}</text>')
    for figure in _grid(figures):
        y = upwards(figure)
        drawn.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{figure:g}</text>')
    heights = _apart([upwards(line[max(line)]) for line in lines.values()])
    for number, ((name, line), y) in enumerate(zip(lines.items(), heights, strict=True)):
        points = " ".join(f"{across(size):.1f},{upwards(line[size]):.1f}" for size in line)
        drawn.append(f'<polyline class="line{number}" points="{points}"/>')
        drawn.append(
            f'<rect class="mark{number}" x="{RIGHT + 8}" y="{y - 5:.1f}" width="9" height="9"/>'
            f'<text x="{RIGHT + 22}" y="{y + 4:.1f}">{escape(name)}</text>'
        )
    return _picture(HEIGHT, drawn)


def _scale(figures: Iterable[float], first: int, last: int) -> Callable[[float], float]:
    """Return a function that maps a figure to a position, on a logarithmic scale."""
    powers = [log10(figure) for figure in figures]
    least, most = min(powers), max(powers)
    wide = most - least or 1
    return lambda figure: first + (log10(figure) - least) / wide * (last - first)


def _grid(figures: Sequence[float]) -> list[float]:
    """Return ticks 1, 2, 5, 10, … that enclose the figures."""
    least, most = floor(log10(min(figures))), ceil(log10(max(figures)))
    steps = [step * 10.0**power for power in range(least, most + 1) for step in (1, 2, 5)]
    first = max(step for step in steps if step <= min(figures))
    last = min(step for step in steps if step >= max(figures))
    return [step for step in steps if first <= step <= last]


def _apart(heights: Sequence[float]) -> list[float]:
    """Move overlapping labels upwards, starting with the lowest."""
    moved = list(heights)
    free = BOTTOM + 1.0 * ROW
    for number in sorted(range(len(moved)), key=lambda one: -moved[one]):
        moved[number] = free = min(moved[number], free - ROW)
    return moved


def _picture(height: int, drawn: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">\n'
        f'<style>{STYLE}</style>\n<rect class="back" width="{WIDTH}" height="{height}" rx="8"/>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )
