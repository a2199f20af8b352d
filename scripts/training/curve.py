"""A loss curve as SVG."""

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 360, 56, 44, 34, 16
COLORS = ("#9aa5b1", "#c2410c")


def path(points: list, place) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))


def draw(title: str, curves: dict) -> str:
    """`curves` maps names to lists of (step, loss)."""
    points = [point for curve in curves.values() for point in curve]
    last_step = max(step for step, _ in points)
    low = min(loss for _, loss in points) // 1
    high = -(-max(loss for _, loss in points) // 1)

    def place(step, loss):
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * step / last_step,
            TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / (high - low),
        )

    def text(x, y, anchor, words, size=12):
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{words}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" fill="#1f2933">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 20, "start", title, 14),
        text((WIDTH + LEFT) / 2, HEIGHT - 8, "middle", "step"),
    ]
    for loss in range(int(low), int(high) + 1):
        _, y = place(0, loss)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e7eb"/>'
        )
        parts.append(text(LEFT - 8, y + 4, "end", loss))
    for quarter in range(5):
        step = last_step * quarter // 4
        x, _ = place(step, low)
        parts.append(text(x, HEIGHT - BOTTOM + 18, "middle", step))
    for (name, curve), color, row in zip(curves.items(), COLORS, range(2)):
        parts.append(
            f'<polyline fill="none" stroke="{color}" stroke-width="1.5" points="{path(curve, place)}"/>'
        )
        words = f"{name}: {curve[-1][1]:.3f} at the end"
        parts.append(f'<g fill="{color}">{text(WIDTH - RIGHT, TOP + 16 + 16 * row, "end", words)}</g>')
    return "\n".join(parts + ["</svg>", ""])
