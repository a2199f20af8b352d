// The description beside the IR of a phase, with what is new against the phase before.

/** Lines that differ in the numbers of values only are the same. */
function lineKey(line) {
  return line.replace(/%[\w.$-]+/g, "%").replace(/#map\d*/g, "#map").trim();
}

/** For each line of `after` whether `before` has it in this order, and the lines it lacks, each
 *  with the line of `after` it would stand before. Lines that are there once on both sides are
 *  matched first, the rest greedily between them. */
function diffLines(before, after) {
  const keysBefore = before.map(lineKey), keysAfter = after.map(lineKey);
  const count = (keys) => keys.reduce((map, key) => map.set(key, (map.get(key) || 0) + 1), new Map());
  const timesBefore = count(keysBefore), timesAfter = count(keysAfter);
  const where = new Map(keysBefore.map((key, i) => [key, i]));
  const pairs = [];
  keysAfter.forEach((key, i) => {
    if (timesAfter.get(key) === 1 && timesBefore.get(key) === 1) pairs.push([where.get(key), i]);
  });
  const anchors = [...increasing(pairs), [before.length, after.length]];
  const kept = after.map(() => false), removed = [];
  let b = 0, a = 0;
  for (const [nextB, nextA] of anchors) {
    while (a < nextA) {
      const found = keysBefore.slice(b, Math.min(nextB, b + 50)).indexOf(keysAfter[a]);
      if (found >= 0) {
        for (let i = 0; i < found; ++i) removed.push([before[b + i], a]);
        b += found + 1;
        kept[a] = true;
      }
      ++a;
    }
    for (; b < nextB; ++b) removed.push([before[b], a]);
    if (nextA < after.length) kept[nextA] = true;
    b = nextB + 1;
    a = nextA + 1;
  }
  return { kept, removed };
}

/** A longest part of the pairs, which ascend in the second number, that ascends in the first. */
function increasing(pairs) {
  const ends = [], back = [];
  pairs.forEach(([value], i) => {
    let low = 0, high = ends.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (pairs[ends[mid]][0] < value) low = mid + 1; else high = mid;
    }
    back[i] = low ? ends[low - 1] : -1;
    ends[low] = i;
  });
  const result = [];
  for (let i = ends.length ? ends[ends.length - 1] : -1; i >= 0; i = back[i]) result.push(pairs[i]);
  return result.reverse();
}

const irView = {
  file: 0,
  line: 0,
  source: make("div", { class: "listing code", id: "source" }),
  text: make("div", { class: "listing code", id: "ir" }),
  files: make("select", { "aria-label": "file" }),
  phases: make("select", { "aria-label": "phase", id: "phase" }),
  diff: make("input", { type: "checkbox", id: "diff" }),
  note: make("p", { class: "warning" }),
};

function listingLine(number, text, classes) {
  return make("div", { class: classes.join(" ") },
    make("span", { class: "nr" }, number ? String(number) : ""), text || " ");
}

function markPlace(scrollTo) {
  for (const listing of [irView.source, irView.text]) {
    let first = null;
    for (const element of listing.children) {
      const is = element.dataset.file === String(irView.file) &&
        element.dataset.line === String(irView.line);
      element.classList.toggle("marked", is);
      if (is && !first) first = element;
    }
    if (first && (scrollTo || listing !== document.activeElement))
      listing.scrollTop = first.offsetTop - listing.offsetTop - listing.clientHeight / 3;
  }
}

function pick(element, file, line) {
  element.dataset.file = file;
  element.dataset.line = line;
  element.classList.add("placed");
  element.addEventListener("click", () => {
    irView.line = line;
    if (irView.file !== file) { irView.file = file; drawSource(); }
    markPlace(true);
  });
  return element;
}

function drawSource() {
  irView.files.value = irView.file;
  const file = data.files[irView.file];
  irView.source.replaceChildren();
  if (!file) return;
  file.lines.forEach((text, i) =>
    irView.source.append(pick(listingLine(i + 1, text, []), irView.file, i + 1)));
  if (!file.lines.length) irView.source.append(listingLine(0, `${file.name} is not at hand`, []));
}

function drawIr() {
  const number = Number(irView.phases.value), phase = data.phases[number];
  irView.text.replaceChildren();
  irView.note.textContent = "";
  if (!phase) return;
  if (phase.num_lines > phase.lines.length)
    irView.note.textContent =
      `The first ${phase.lines.length} of ${phase.num_lines} lines are shown.`;
  const before = number && irView.diff.checked ? data.phases[number - 1].lines : null;
  const { kept, removed } = before ? diffLines(before, phase.lines)
                                   : { kept: phase.lines.map(() => true), removed: [] };
  const elements = document.createDocumentFragment();
  let next = 0;
  phase.lines.forEach((text, i) => {
    for (; next < removed.length && removed[next][1] <= i; ++next)
      elements.append(listingLine(0, removed[next][0], ["removed"]));
    const line = listingLine(i + 1, text, kept[i] ? [] : ["added"]);
    const place = phase.places[i];
    elements.append(place ? pick(line, place[0], place[1]) : line);
  });
  for (; next < removed.length; ++next)
    elements.append(listingLine(0, removed[next][0], ["removed"]));
  irView.text.append(elements);
  markPlace(false);
}

/** Opens the pane at a line of the description. */
function showPlace(file, line) {
  irView.file = file;
  irView.line = line;
  selectTab("ir");
  drawSource();
  markPlace(true);
}

function irPane() {
  data.files.forEach((file, i) =>
    irView.files.append(make("option", { value: i }, file.name.split("/").pop())));
  data.phases.forEach((phase, i) =>
    irView.phases.append(make("option", { value: i }, `after ${phase.name}`)));
  irView.phases.value = Math.min(1, data.phases.length - 1);
  irView.files.addEventListener("change", () => {
    irView.file = Number(irView.files.value);
    drawSource();
  });
  irView.phases.addEventListener("change", drawIr);
  irView.diff.addEventListener("change", drawIr);
  drawSource();
  drawIr();
  return [
    irView.files, irView.phases,
    make("label", {}, irView.diff, " changes against the phase before"),
    make("p", { class: "faint" }, "A click on a line marks what belongs to it on the other side."),
    irView.note,
    make("div", { class: "columns" }, irView.source, irView.text),
  ];
}
