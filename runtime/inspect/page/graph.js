// The graph as a picture: nodes in layers from inputs to results, by the longest way to each; the
// order in a layer follows the neighbours' middles.

function layersOf(graph) {
  const depth = graph.nodes.map(() => 0);
  const above = graph.nodes.map(() => []), below = graph.nodes.map(() => []);
  for (const [from, to] of graph.edges) { above[to].push(from); below[from].push(to); }
  // Nodes come in program order, so what a node uses stands before it.
  graph.nodes.forEach((_, node) => {
    for (const user of below[node]) depth[user] = Math.max(depth[user], depth[node] + 1);
  });
  // Inputs and weights stand just above their first use.
  graph.nodes.forEach((_, node) => {
    if (!above[node].length && below[node].length)
      depth[node] = Math.min(...below[node].map((user) => depth[user])) - 1;
  });
  const layers = [];
  depth.forEach((layer, node) => (layers[layer] = layers[layer] || []).push(node));
  return { layers: Array.from(layers, (layer) => layer || []), above, below };
}

function placeNodes(graph) {
  const { layers, above, below } = layersOf(graph);
  const width = 170, gap = 22, row = 84;
  const x = graph.nodes.map(() => 0), y = graph.nodes.map(() => 0);
  layers.forEach((layer, depth) => layer.forEach((node, i) => {
    x[node] = i * (width + gap);
    y[node] = depth * row;
  }));
  const middle = (node, neighbours) =>
    neighbours[node].length
      ? neighbours[node].reduce((sum, other) => sum + x[other], 0) / neighbours[node].length
      : x[node];
  for (let sweep = 0; sweep < 8; ++sweep) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      const wanted = new Map(layer.map((node) => [node, middle(node, down ? above : below)]));
      layer.sort((a, b) => wanted.get(a) - wanted.get(b));
      let free = -Infinity, shift = 0;
      for (const node of layer) {
        x[node] = Math.max(wanted.get(node), free);
        free = x[node] + width + gap;
        shift += x[node] - wanted.get(node);
      }
      for (const node of layer) x[node] -= shift / layer.length;
    }
  }
  const left = Math.min(...x);
  return { x: x.map((at) => at - left + 8), y: y.map((at) => at + 8), width, height: 46 };
}

function clip(text, length) {
  return text.length > length ? text.slice(0, length - 1) + "…" : text;
}

function drawGraph(graph) {
  if (!graph.nodes.length) return make("p", {}, "The graph has no nodes.");
  const { x, y, width, height } = placeNodes(graph);
  const right = Math.max(...x) + width + 8, bottom = Math.max(...y) + height + 8;
  const svg = makeSvg("svg", { width: right, height: bottom, viewBox: `0 0 ${right} ${bottom}`,
    role: "img", "aria-label": `graph of ${graph.entry}` });
  for (const [from, to] of graph.edges) {
    const x1 = x[from] + width / 2, y1 = y[from] + height, x2 = x[to] + width / 2, y2 = y[to];
    const bend = Math.max((y2 - y1) / 2, 18);
    svg.append(makeSvg("path", { class: "edge",
      d: `M${x1} ${y1} C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}` }));
  }
  graph.nodes.forEach((node, i) => {
    const group = makeSvg("g", { class: "node", transform: `translate(${x[i]} ${y[i]})` },
      makeSvg("rect", { width, height, rx: 6, style: `fill: var(--${node.kind})` }),
      makeSvg("text", { x: 9, y: 19 }, clip(node.label, 20)),
      makeSvg("text", { x: 9, y: 36, class: "small" }, clip(node.type, 30)));
    if (node.place)
      group.append(makeSvg("text", { x: width - 6, y: 14, class: "small", "text-anchor": "end" },
        String(node.place[1])));
    withTitle(group, `${node.label}\n${node.type}`);
    if (node.place) group.addEventListener("click", () => showPlace(...node.place));
    svg.append(group);
  });
  return scroll(svg);
}

function graphPane() {
  const select = make("select", { "aria-label": "graph" });
  data.graphs.forEach((graph, i) =>
    select.append(make("option", { value: i }, `${graph.entry}, ${graph.phase}`)));
  const picture = make("div", {});
  const show = () => {
    const graph = data.graphs[select.value];
    picture.replaceChildren();
    if (!graph) return;
    if (graph.num_nodes > graph.nodes.length)
      picture.append(make("p", { class: "warning" },
        `The first ${graph.nodes.length} of ${graph.num_nodes} nodes are shown.`));
    picture.append(drawGraph(graph));
  };
  select.addEventListener("change", show);
  show();
  const legend = make("p", { class: "legend" });
  for (const kind of ["input", "weight", "op", "attention", "result"])
    legend.append(make("span", {}, make("i", { style: `background: var(--${kind})` }), kind));
  return [select, legend, picture];
}
