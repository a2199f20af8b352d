"""The roofline picture: operations per second over operations per byte, under the ceilings."""

import math
from xml.sax.saxutils import escape

import results

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 64, 250, 24, 48

# What to draw in which colour, by the beginning of the problem's name.
FAMILIES = {
    "attention/full": ("full attention", "#1f77b4"),
    "attention/causal": ("causal attention", "#ff7f0e"),
    "attention/window": ("sliding window", "#2ca02c"),
    "attention/with": ("with weights or LSE", "#8c564b"),
    "attention/decode": ("decode attention", "#d62728"),
    "matmul": ("matrix product", "#9467bd"),
    "projection": ("projection", "#e377c2"),
}


class Axes:
    """Logarithmic axes with room for a legend on the right."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]):
        self.x_range, self.y_range = x, y

    def x(self, value: float) -> float:
        low, high = map(math.log10, self.x_range)
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = map(math.log10, self.y_range)
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    marks = (step * 10.0**decade for decade in range(first, last + 1) for step in (1, 2, 5))
    return [mark for mark in marks if low <= mark <= high]


def text(x: float, y: float, content: str, anchor: str = "middle", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def draw_frame(axes: Axes) -> list[str]:
    parts = []
    grid = 'stroke="#e0e0e0"'
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for mark in ticks(*axes.x_range):
        parts.append(line(axes.x(mark), TOP, axes.x(mark), bottom, grid))
        parts.append(text(axes.x(mark), bottom + 16, f"{mark:g}"))
    for mark in ticks(*axes.y_range):
        parts.append(line(LEFT, axes.y(mark), right, axes.y(mark), grid))
        parts.append(text(LEFT - 6, axes.y(mark) + 4, f"{mark:g}", "end"))
    middle = (TOP + bottom) / 2
    parts.append(text((LEFT + right) / 2, HEIGHT - 10, "operations per byte of inputs and outputs"))
    parts.append(text(16, middle, "GFLOP/s", extra=f'transform="rotate(-90 16 {middle})"'))
    return parts


def draw_roof(axes: Axes, threads: int, peak: float, bandwidth: float) -> list[str]:
    """The bandwidth's slope up to the peak, and the peak from there on."""
    low, high = axes.x_range
    knee = min(max(peak / bandwidth, low), high)
    start = max(low, axes.y_range[0] / bandwidth)
    style = 'stroke="#333" stroke-width="1.5"' + (' stroke-dasharray="6 4"' if threads == 1 else "")
    label = f"{threads} thread{'s' if threads > 1 else ''}: {peak:.0f} GFLOP/s, {bandwidth:.0f} GB/s"
    return [
        line(axes.x(start), axes.y(start * bandwidth), axes.x(knee), axes.y(knee * bandwidth), style),
        line(axes.x(knee), axes.y(peak), axes.x(high), axes.y(peak), style),
        text(axes.x(high) - 4, axes.y(peak) - 6, label, "end"),
    ]


def family_of(problem: str) -> tuple[str, str] | None:
    return next((family for start, family in FAMILIES.items() if problem.startswith(start)), None)


def find_points(all_results: dict[str, results.Result]) -> list[tuple[float, float, results.Result]]:
    """Intensity and GFLOP/s of Fovea's results."""
    points = []
    for result in all_results.values():
        intensity = result.median("flop/byte")
        if result.solver != "fovea" or not intensity or not family_of(result.problem):
            continue
        flops = result.median("GFLOP/s") or intensity * result.median("GB/s")
        points.append((intensity, flops, result))
    return points


def draw_points(axes: Axes, points: list[tuple[float, float, results.Result]]) -> list[str]:
    parts = []
    for intensity, flops, result in points:
        _, colour = family_of(result.problem)
        fill = "none" if result.threads == 1 else colour
        parts.append(
            f'<circle cx="{axes.x(intensity):.1f}" cy="{axes.y(flops):.1f}" r="4" fill="{fill}" '
            f'stroke="{colour}" stroke-width="1.5"><title>{escape(result.name)}: {flops:.1f} GFLOP/s'
            "</title></circle>")
    return parts


def draw_legend(points: list[tuple[float, float, results.Result]]) -> list[str]:
    x, y = WIDTH - RIGHT + 20, TOP + 10
    parts = []
    present = dict.fromkeys(family_of(result.problem) for _, _, result in points)
    for description, colour in present:
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/>')
        parts.append(text(x + 12, y, description, "start"))
        y += 20
    parts.append(text(x - 4, y + 8, "hollow, dashed: 1 thread", "start"))
    return parts


def ceiling(all_results: dict[str, results.Result], name: str, threads: int, unit: str):
    result = all_results.get(f"peak/{name}/threads:{threads}")
    return result.median(unit) if result else None


def draw(all_results: dict[str, results.Result]) -> str:
    """The picture as SVG: roofs of each number of threads, and a point a result."""
    points = find_points(all_results)
    roofs = []
    for threads in sorted({result.threads for _, _, result in points}):
        peak = ceiling(all_results, "fma", threads, "GFLOP/s")
        bandwidth = ceiling(all_results, "read-memory", threads, "GB/s")
        if peak and bandwidth:
            roofs.append((threads, peak, bandwidth))
    xs = [x for x, _, _ in points] or [1.0]
    ys = [y for _, y, _ in points] + [peak for _, peak, _ in roofs] or [1.0]
    axes = Axes((min(0.3, min(xs) / 1.5), max(xs) * 1.5), (min(ys) / 1.5, max(ys) * 1.5))
    parts = draw_frame(axes)
    for roof in roofs:
        parts += draw_roof(axes, *roof)
    parts += draw_points(axes, points) + draw_legend(points)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12" fill="#333">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n'
            + "\n".join(parts) + "\n</svg>\n")
