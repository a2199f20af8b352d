// The other panes, and the tabs that choose between them.

function reportPane() {
  const { attentions, findings } = data.report;
  const parts = [make("h2", {}, "Attentions")];
  if (!attentions.length) parts.push(make("p", {}, "No attention is one kernel."));
  const missed = findings.filter((finding) => finding.not === "fused");
  if (attentions.length)
    parts.push(makeTable(["place", "heads", "queries", "keys", "mask", "blocks", "separate ops",
      "operations"], attentions.map((a) => [
      placeLink(a.place), sizeText(a.heads), sizeText(a.queries), sizeText(a.keys),
      make("code", {}, a.mask || "none"), blocksText(a), formatBytes(a.unfused_bytes),
      a.operations ? `${(100 * a.operations / a.unfused_operations).toFixed(1)} % of all pairs`
                   : `${sizeText(a.unfused_operations)} for all pairs`])));
  if (missed.length)
    parts.push(make("h2", {}, "Attentions in several kernels"),
      makeTable(["place", "why"], missed.map((f) => [placeLink(f.place), f.message])));
  parts.push(make("h2", {}, "What the passes said"),
    makeTable(["place", "about", ""], findings.map((f) => [placeLink(f.place), f.topic, f.message])));
  return parts;
}

function blocksText(a) {
  if (!a.counts) return `${sizeText(a.blocks)}; ${a.why_no_counts}`;
  return `${sizeText(a.counts.full)} full, ${sizeText(a.counts.partial)} partial, ` +
    `${sizeText(a.counts.skipped)} skipped`;
}

function drawMap(map, attention) {
  const cell = Math.max(1, Math.min(18, Math.floor(640 / Math.max(map.panels, map.key_blocks))));
  const canvas = make("canvas", { width: map.key_blocks * cell, height: map.panels * cell,
    role: "img", "aria-label": `blocks: ${blocksText(attention)}` });
  const draw = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const colors = { f: style.getPropertyValue("--full"), p: style.getPropertyValue("--partial"),
    ".": style.getPropertyValue("--skipped") };
  for (let panel = 0; panel < map.panels; ++panel)
    for (let block = 0; block < map.key_blocks; ++block) {
      draw.fillStyle = colors[map.kinds[panel * map.key_blocks + block]];
      const line = cell > 3 ? 1 : 0;
      draw.fillRect(block * cell, panel * cell, cell - line, cell - line);
    }
  return canvas;
}

function attentionPane() {
  const parts = [make("p", { class: "legend" },
    ...[["full", "every query sees every key: no test"], ["partial", "tested one by one"],
      ["skipped", "no work"]].map(([kind, text]) => make("span", {},
      make("i", { style: `background: var(--${kind})` }), `${kind}: ${text}`)))];
  data.report.attentions.forEach((attention, i) => {
    parts.push(make("h2", {}, "attention at ", placeLink(attention.place)),
      make("p", {}, make("code", {}, attention.mask || "no mask")));
    if (attention.bounds) {
      const b = attention.bounds;
      parts.push(make("p", { class: "faint" },
        `Of queries first..last some see keys [${sizeText(b.any_lo)}, ${sizeText(b.any_hi)}), ` +
        `all see [${sizeText(b.all_lo)}, ${sizeText(b.all_hi)}).`));
    }
    const map = data.maps[i];
    parts.push(make("p", {}, `${blocksText(attention)}, of ${attention.queries_per_block} queries ` +
      `and ${attention.keys_per_block} keys each.` +
      (map ? " The first head, queries down, keys to the right:" : "")));
    if (map) parts.push(scroll(drawMap(map, attention)));
    else if (attention.counts) parts.push(make("p", { class: "warning" }, "Too many blocks to draw."));
  });
  if (!data.report.attentions.length) parts.push(make("p", {}, "No attention is one kernel."));
  return parts;
}

function drawPlan(plan) {
  const step = 34, height = 240, left = 6, total = plan.workspace;
  const numSteps = Math.max(plan.steps.length, 1), width = Math.max(numSteps * step, 200);
  const svg = makeSvg("svg", { width: width + left * 2, height: height + 26, role: "img",
    "aria-label": "buffers of the workspace over the kernels of a run" });
  const tops = [];
  plan.slots.reduce((sum, bytes, i) => { tops[i] = sum; return sum + bytes; }, 0);
  plan.buffers.forEach((buffer) => {
    const y = tops[buffer.slot] / total * height, h = Math.max(buffer.bytes / total * height, 1);
    const hue = (buffer.slot * 67) % 360;
    svg.append(withTitle(makeSvg("rect", { x: left + buffer.first_step * step, y,
      width: (buffer.last_step - buffer.first_step + 1) * step - 1, height: Math.max(h - 1, 1),
      style: `fill: hsl(${hue} 55% 55% / .75)` }), `${buffer.holds}: ${formatBytes(buffer.bytes)}`));
  });
  plan.steps.forEach((_, i) => svg.append(makeSvg("text", { x: left + i * step + 2,
    y: height + 16, class: "small" }, String(i))));
  return scroll(svg);
}

function memoryPane() {
  const parts = [];
  for (const plan of data.report.memory) {
    parts.push(make("h2", {}, `Memory of ${plan.entry}`),
      make("p", {}, `Peak ${formatBytes(plan.peak)}, of which workspace ` +
        formatBytes(plan.workspace) + (plan.busiest ? `, at most ${formatBytes(plan.busiest)} of it ` +
        "in use at a time" : "") + "."));
    if (typeof plan.workspace === "number" && plan.workspace > 0)
      parts.push(make("p", { class: "faint" }, "Bytes of the workspace down, kernels to the right:"),
        drawPlan(plan));
    parts.push(makeTable(["buffer", "bytes", "from", "to", "place"], plan.buffers.map((b) => [
      make("code", {}, b.holds), formatBytes(b.bytes), stepText(plan, b.first_step),
      stepText(plan, b.last_step), placeLink(b.place)])));
    const tensors = [["inputs", "input"], ["results", "result"], ["weights", "weight"]].flatMap(
      ([key, kind]) => plan[key].map((t) => [kind, t.name, make("code", {}, t.type),
        formatBytes(t.bytes)]));
    parts.push(makeTable(["", "name", "type", "bytes"], tensors));
  }
  if (!parts.length) parts.push(make("p", {}, "There is no plan."));
  return parts;
}

function stepText(plan, step) {
  return plan.steps[step] ? `${step} ${plan.steps[step].name}` : "";
}

/** Operations a second that the roofline allows at so many operations a byte. */
function roof(run, intensity) {
  return Math.min(run.peak_operations, run.peak_bytes * intensity);
}

function drawRoofline(run) {
  const points = run.kernels.filter((k) => k.operations > 0 && k.bytes > 0 && k.seconds > 0)
    .map((k) => ({ ...k, x: k.operations / k.bytes, y: k.operations / k.seconds }));
  const ridge = run.peak_operations / run.peak_bytes;
  const xs = [ridge / 30, ridge * 30, ...points.map((p) => p.x)];
  const ys = [run.peak_operations * 1.6, run.peak_operations / 300, ...points.map((p) => p.y / 1.5)];
  const [x0, x1] = [Math.log(Math.min(...xs)), Math.log(Math.max(...xs))];
  const [y0, y1] = [Math.log(Math.min(...ys)), Math.log(Math.max(...ys))];
  const width = 560, height = 300, pad = 34;
  const px = (x) => pad + (Math.log(x) - x0) / (x1 - x0) * (width - 2 * pad);
  const py = (y) => height - pad - (Math.log(y) - y0) / (y1 - y0) * (height - 2 * pad);
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%",
    style: "max-width: 720px", role: "img", "aria-label": "kernels and the roofline" });
  svg.append(
    makeSvg("line", { class: "axis", x1: pad, y1: height - pad, x2: width - pad, y2: height - pad }),
    makeSvg("line", { class: "axis", x1: pad, y1: pad, x2: pad, y2: height - pad }),
    makeSvg("text", { class: "small", x: width - pad, y: height - 10, "text-anchor": "end" },
      "operations a byte →"),
    makeSvg("text", { class: "small", x: pad, y: pad - 10 }, "↑ operations a second"));
  const low = Math.exp(x0), high = Math.exp(x1);
  svg.append(makeSvg("polyline", { class: "roof", points: [low, ridge, high].map((x) =>
    `${px(x)},${py(Math.max(roof(run, x), Math.exp(y0)))}`).join(" ") }));
  svg.append(
    makeSvg("text", { class: "small", x: px(high), y: py(run.peak_operations) - 6,
      "text-anchor": "end" }, `${(run.peak_operations / 1e9).toFixed(1)} GFLOP/s`),
    makeSvg("text", { class: "small", x: px(ridge / 5), y: py(roof(run, ridge / 5)) - 8,
      "text-anchor": "end" }, `${(run.peak_bytes / 1e9).toFixed(1)} GB/s`));
  points.forEach((p) => svg.append(withTitle(makeSvg("circle", { cx: px(p.x), cy: py(p.y), r: 5,
    style: p.name.startsWith("attention") ? "fill: var(--partial)" : "fill: var(--full)" }),
    `${p.name}: ${(p.y / 1e9).toFixed(1)} GFLOP/s`)));
  return svg;
}

function timePane() {
  const run = data.run;
  if (!run) return [make("p", {}, `Not run: ${data.why_not_run}`)];
  const parts = [
    make("p", {}, `${run.entry} took ${(1e3 * run.seconds).toFixed(3)} ms on ${run.threads} ` +
      `threads. Ceilings: ${(run.peak_operations / 1e9).toFixed(1)} GFLOP/s, ` +
      `${(run.peak_bytes / 1e9).toFixed(1)} GB/s from memory.`),
    drawRoofline(run),
    make("p", { class: "faint" }, "What caches hold may be read faster than the slope says."),
  ];
  const kernels = [...run.kernels].sort((a, b) => b.seconds - a.seconds);
  parts.push(makeTable(["kernel", "place", "launches", "ms", "share", "GFLOP/s", "GB/s",
    "of the roof"], kernels.map((k) => {
    const rate = k.operations / k.seconds;
    return [k.name, placeLink(k.place), k.launches, (1e3 * k.seconds).toFixed(3),
      `${(100 * k.seconds / run.seconds).toFixed(1)} %`,
      k.operations ? (rate / 1e9).toFixed(1) : "", k.bytes ? (k.bytes / k.seconds / 1e9).toFixed(1) : "",
      k.operations && k.bytes
        ? `${(100 * rate / roof(run, k.operations / k.bytes)).toFixed(0)} %` : ""];
  })));
  return parts;
}

const tabs = [
  ["report", "Report", reportPane], ["graph", "Graph", graphPane], ["ir", "IR", irPane],
  ["attention", "Blocks", attentionPane], ["memory", "Memory", memoryPane],
  ["time", "Time", timePane],
];

function selectTab(name) {
  for (const [id] of tabs) {
    document.getElementById(`pane-${id}`).hidden = id !== name;
    document.getElementById(`tab-${id}`).setAttribute("aria-selected", String(id === name));
  }
}

document.title = `${data.title} - Fovea`;
document.getElementById("title").textContent = data.title;
document.getElementById("sizes").textContent =
  data.sizes.map(([name, size]) => `${name} = ${size}`).join(", ");
for (const [id, title, build] of tabs) {
  document.getElementById("tabs").append(make("button", { id: `tab-${id}`, role: "tab",
    "aria-controls": `pane-${id}`, click: () => selectTab(id) }, title));
  document.getElementById("panes").append(
    make("section", { id: `pane-${id}`, role: "tabpanel", hidden: "" }, ...build()));
}
selectTab("report");
// Colours of canvases do not follow the scheme by themselves.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  document.getElementById("pane-attention").replaceChildren(...attentionPane()));
