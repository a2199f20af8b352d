"""usage: check_variants.py SOURCE

Fails unless each row of the table of variants in docs/language.md names examples that exist and have a
test of their name, and bench cases that exist, and unless every case is in some row."""
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
text = (source / "docs/language.md").read_text()
rows = re.search(r"\| variant \| what to write \| example \| cases \|\n\|[-|]+\n((?:\|.*\n)+)", text)[1].splitlines()
graph = (source / "bench/graphs/variants.fov").read_text()
entries = set(re.findall(r"^def (\w+)\(.*", graph, re.M)) - {"clipped"}
cases = set(re.findall(r'^    \{"(\w+)",', (source / "bench/cases/Variants.cpp").read_text(), re.M))
wrong, named = [], set()
for row in rows:
    variant, _, examples, own = [cell.strip() for cell in row.strip("|").rsplit("|", 3)]
    files = re.findall(r"\]\(\.\./(examples/(\w+)\.fov)\)", examples)
    if not files or not own:
        wrong.append(f"{variant}: no example or no case")
    for file, name in files:
        for path in (source / file, source / f"tests/examples/{name}.test"):
            if not path.exists():
                wrong.append(f"{variant}: there is no {path.relative_to(source)}")
    named |= set(re.findall(r"`(\w+)`", own))
for what, ones in [("graphs/variants.fov has no", named - entries), ("cases/Variants.cpp has no", named - cases),
                   ("the table has no", (cases | entries) - named)]:
    wrong += [f"{what} {one}" for one in sorted(ones)]
print("\n".join(wrong) or "variants agree")
