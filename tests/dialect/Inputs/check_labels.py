"""Checks that labels of docs/dialect.md and their uses agree: check_labels.py SOURCE_DIR.

Every label that a source, a .td or a test cites is defined once in the page, and every
constraint defined there is checked by a verifier and tested by tests/dialect/invalid.mlir.
"""

import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
page = (source / "docs/dialect.md").read_text()
names = sorted({m[1] for m in re.finditer(r"\*\*([a-z_]+)_[sc]\d+\*\*", page)}, key=len, reverse=True)
label = re.compile(r"\b(?:" + "|".join(names) + r")_[sc]\d+\b")

defined = re.findall(r"^- \*\*(\w+_[sc]\d+)\*\*", page, re.MULTILINE)
errors = [f"{name}: defined {defined.count(name)} times" for name in set(defined) if defined.count(name) > 1]
cited = set()
for folder in ("dialect", "passes", "frontend", "runtime", "tests", "docs"):
    for path in (source / folder).rglob("*"):
        if path.suffix in {".cpp", ".h", ".td", ".mlir", ".md"}:
            for name in set(label.findall(path.read_text())) - set(defined):
                errors.append(f"{name}: cited by {path.relative_to(source)}, not defined in docs/dialect.md")
checks = "".join(path.read_text() for path in (source / "dialect").glob("*.cpp"))
tests = (source / "tests/dialect/invalid.mlir").read_text()
for name in defined:
    if "_c" in name and not re.search(rf"\b{name}\b", checks):
        errors.append(f"{name}: no verifier cites it")
    if "_c" in name and not re.search(rf"\b{name}\b", tests):
        errors.append(f"{name}: no case in tests/dialect/invalid.mlir")
print("\n".join(sorted(errors)) or f"{len(defined)} labels agree")
sys.exit(bool(errors))
