#!/usr/bin/env python3
"""Turns results of fovea-bench into Markdown tables and a roofline picture.

Without options prints all tables. With --update, writes each table into a page, between the lines
`<!-- table: NAME -->` and `<!-- end of table -->`. A page that shows several runs tells them apart by
a suffix: with --suffix=avx2 the tables called `NAME-avx2` are written, the others left alone."""

import argparse
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import results
import roofline

PEERS = {"openblas": "OpenBLAS", "onednn": "oneDNN"}

# The problems of each table, by their names.
TABLES = {
    "attention": r"attention/(full|causal|with_)",
    "windows": r"attention/window",
    "decode": r"attention/decode",
    "variants": r"variants/",
    "products": r"(matmul|projection)\w*/",
    "rows": r"rows/",
    "sampling": r"sampling/",
}
CEILINGS = {
    "fma": ("FMA peak", "GFLOP/s"),
    "read-memory": ("read, 1 GiB", "GB/s"),
    "read-cache": ("read, half of the last-level cache", "GB/s"),
    "copy": ("copy, 1 GiB, read and written", "GB/s"),
}
MARKER = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end of table -->\n)", re.DOTALL)

Results = dict[str, results.Result]


def markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def thread_counts(all_results: Results) -> list[int]:
    return sorted({r.threads for r in all_results.values() if r.threads})


def plural(threads: int) -> str:
    return f"{threads} thread" + ("s" if threads > 1 else "")


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"


def percent(result: results.Result | None) -> str:
    """The median of the ratio, and in brackets the lowest and highest of the repetitions."""
    if result is None:
        return ""
    if result.error:
        return "failed"
    ratios = result.values("ratio")
    text = f"{result.median('ratio'):.0%}".replace("%", " %")
    if len(ratios) > 1:
        text += f" ({100 * min(ratios):.0f}–{100 * max(ratios):.0f})"
    return text + ("\\*" if result.disturbed else "")


def rate(result: results.Result | None) -> str:
    if result is None or result.error:
        return ""
    for unit in ("GFLOP/s", "GB/s"):
        value = result.median(unit)
        if value is not None:
            return f"{number(value)} {unit}"
    return ""


def time(result: results.Result | None) -> str:
    return "" if result is None or result.error else f"{number(result.milliseconds)} ms"


def problem_table(all_results: Results, pattern: str) -> str:
    """One problem a row; for each number of threads Fovea's time, rate and ratio to the ceiling,
    and the peers' ratios."""
    chosen = {n: r for n, r in all_results.items()
              if r.threads and re.match(pattern, r.problem)
              and r.solver not in ("peak", "compile")}
    peers = [p for p in PEERS if any(r.solver == p for r in chosen.values())]
    threads = thread_counts(chosen)
    header = [""]
    for count in threads:
        header += [f"{plural(count)}: time", "rate", "of ceiling"] + [PEERS[p] for p in peers]
    rows = []
    for problem in dict.fromkeys(r.problem for r in chosen.values()):
        row = [problem]
        for count in threads:
            fovea, *others = (chosen.get(f"{solver}/{problem}/threads:{count}")
                              for solver in ["fovea", *peers])
            row += [time(fovea), rate(fovea), percent(fovea)] + [percent(peer) for peer in others]
        rows.append(row)
    return markdown(header, rows)


def ceiling_table(all_results: Results) -> str:
    threads = thread_counts(all_results)
    rows = []
    for name, (description, unit) in CEILINGS.items():
        row = [description]
        for count in threads:
            result = all_results.get(f"peak/{name}/threads:{count}")
            values = result.values(unit) if result else []
            row.append(f"{number(result.median(unit))} ({number(min(values))}–"
                       f"{number(max(values))}) {unit}" if values else "")
        rows.append(row)
    return markdown([""] + [plural(count) for count in threads], rows)


def compile_table(all_results: Results) -> str:
    """One problem a row; all phases on the fewest threads, the whole on more."""
    chosen = {(r.problem, r.threads): r for r in all_results.values() if r.solver == "compile"}
    fewest, *more = sorted({threads for _, threads in chosen}) or [0]
    phases = ["import", "passes", "translation", "llvm optimisation", "code generation", "linking"]

    def whole(result: results.Result | None) -> str:
        return time(result) + ("\\*" if result and result.disturbed else "")

    rows = []
    for problem in dict.fromkeys(problem for problem, _ in chosen):
        result = chosen.get((problem, fewest))
        cells = [result.median(phase) if result else None for phase in phases]
        rows.append([problem, whole(result)]
                    + ["" if cell is None else number(cell) for cell in cells]
                    + [whole(chosen.get((problem, threads))) for threads in more])
    return markdown(["", "in all"] + phases + [f"in all, {plural(count)}" for count in more], rows)


def machine_table(context: dict) -> str:
    caches = ", ".join(
        f"L{c['level']} {c['type'].lower()} {c['size'] // 1024} KiB"
        for c in context.get("caches", []) if c.get("type") != "Instruction")
    compiled = f", compiled for {context['compiled for']}" if "compiled for" in context else ""
    rows = [["CPU", context.get("cpu", "") + compiled], ["cores", str(context.get("num_cpus", ""))],
            ["caches", caches], ["date", context.get("date", "")[:10]],
            ["load at the start", ", ".join(f"{x:.1f}" for x in context.get("load_avg", []))]]
    return markdown(["", ""], rows)


def make_tables(all_results: Results, context: dict) -> dict[str, str]:
    tables = {"machine": machine_table(context), "ceilings": ceiling_table(all_results)}
    for name, pattern in TABLES.items():
        tables[name] = problem_table(all_results, pattern)
    tables["compile"] = compile_table(all_results)
    return tables


def update(page: pathlib.Path, tables: dict[str, str], suffix: str) -> None:
    def replace(match: re.Match) -> str:
        name, _, run = match["name"].partition("-")
        if name not in tables:
            raise SystemExit(f"report.py: {page}: there is no table '{match['name']}'")
        return match[0] if run != suffix else match[1] + "\n" + tables[name] + "\n" + match[3]

    page.write_text(MARKER.sub(replace, page.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="JSON files; repetitions in several count together")
    parser.add_argument("--update", type=pathlib.Path, metavar="PAGE", help="write the tables there")
    parser.add_argument("--suffix", default="", metavar="RUN", help="of the names of tables there")
    parser.add_argument("--roofline", type=pathlib.Path, metavar="FILE", help="write the SVG there")
    options = parser.parse_args()
    all_results, context = results.load(options.files)
    tables = make_tables(all_results, context)
    if options.roofline:
        options.roofline.write_text(roofline.draw(all_results), encoding="utf-8")
    if options.update:
        update(options.update, tables, options.suffix)
    elif not options.roofline:
        print("\n".join(f"## {name}\n\n{table}" for name, table in tables.items()), end="")
    failed = [r for r in all_results.values() if r.error]
    for result in failed:
        print(f"report.py: {result.name} failed: {result.error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
