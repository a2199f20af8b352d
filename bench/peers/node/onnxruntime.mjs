// usage: node onnxruntime.mjs OP HEADS KEY_HEADS DIM LENGTH THREADS SECONDS: the time of ONNX Runtime's attention,
// as one line of JSON in milliseconds. OP is matmul (matmul-softmax-matmul), mha (MultiHeadAttention),
// attention (Attention of opset 23) or gqa (GroupQueryAttention, causal).
import ort from "onnxruntime-node";
import {attribute, model, node} from "./onnx.mjs";

const [op, ...sizes] = process.argv.slice(2);
const [heads, keyHeads, dim, length, threads, seconds] = sizes.map(Number);
const byHead = [1, heads, length, dim], byKeyHead = [1, keyHeads, length, dim];
const byRow = [1, length, heads * dim], byKeyRow = [1, length, keyHeads * dim];

function random(dims) {
  const data = new Float32Array(dims.reduce((a, b) => a * b));
  for (let i = 0; i < data.length; ++i) data[i] = Math.random() * 2 - 1;
  return new ort.Tensor("float32", data, dims);
}

const microsoft = "com.microsoft";
const counts = [attribute("num_heads", heads), attribute("kv_num_heads", keyHeads)];
const graphs = {
  matmul: () => [{q: byHead, k: [1, heads, dim, length], v: byHead}, byHead, [
    node("MatMul", ["q", "k"], ["s"]), node("Mul", ["s", "scale"], ["t"]),
    node("Softmax", ["t"], ["p"]), node("MatMul", ["p", "v"], ["out"])]],
  mha: () => [{q: byRow, k: byRow, v: byRow}, byRow,
    [node("MultiHeadAttention", ["q", "k", "v"], ["out"], counts.slice(0, 1), microsoft)]],
  attention: () => [{q: byHead, k: byKeyHead, v: byKeyHead}, byHead,
    [node("Attention", ["q", "k", "v"], ["out"])]],
  gqa: () => [{q: byRow, k: byKeyRow, v: byKeyRow}, byRow,
    [node("GroupQueryAttention", ["q", "k", "v", "", "", "lens", "total"], ["out", "pk", "pv"],
      counts, microsoft)]],
};

const [inputs, result, nodes] = graphs[op]();
const bytes = model(nodes, inputs, {out: result}, {
  scale: new Float32Array([1 / Math.sqrt(dim)]),
  lens: new Int32Array([length - 1]), total: new Int32Array([length])});
const session = await ort.InferenceSession.create(bytes, {intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3});
const feeds = Object.fromEntries(Object.entries(inputs).map(([name, dims]) => [name, random(dims)]));
const times = [];
for (const end = performance.now() + 1000 * seconds; times.length < 3 || performance.now() < end;) {
  const start = performance.now();
  await session.run(feeds, ["out"]);
  times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
console.log(JSON.stringify({median: times[times.length >> 1], best: times[0], runs: times.length}));
