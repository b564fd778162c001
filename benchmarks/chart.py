"""Bars, as an SVG that is read on light and on dark pages."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

WIDTH, LABEL_WIDTH, ROOM = 760, 330, 90
ROW, HEAD = 20, 34
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #111827 } .title { font-weight: bold }
.back { fill: #f9fafb } .bar { fill: #9ca3af } .ours { fill: #2563eb }
@media (prefers-color-scheme: dark) {
  text { fill: #f9fafb } .back { fill: #111827 } .bar { fill: #6b7280 } .ours { fill: #3b82f6 }
}
"""


def draw(panels: Mapping[str, Mapping[str, float]], ours: str) -> str:
    """Draw one bar for each figure, panel by panel, with those of `ours` in a colour."""
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
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img">\n'
        f'<style>{STYLE}</style>\n<rect class="back" width="{WIDTH}" height="{top}" rx="8"/>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )
