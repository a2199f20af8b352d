// usage: node llama.mjs FILE.gguf THREADS PROMPT TOKENS: the speed of llama.cpp, as one line of JSON in tokens a second.
import {getLlama} from "node-llama-cpp";

const [path, threads, prompt, tokens] = process.argv.slice(2).map((x, i) => i ? Number(x) : x);
const llama = await getLlama({gpu: false, build: "never", maxThreads: threads, logLevel: "error"});
const model = await llama.loadModel({modelPath: path, gpuLayers: 0});
const context = await model.createContext({contextSize: prompt + tokens + 8, batchSize: prompt, threads});
const sequence = context.getSequence();
const text = Array.from({length: prompt}, (_, i) => 1 + i * 7919 % 50000);

async function seconds(work) {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function decode(count) {
  for await (const _ of sequence.evaluate([5], {temperature: 0}))
    if (--count === 0) return;
}

const result = {prefill: [], decode: []};
for (let round = 0; round < 3; ++round) {
  await sequence.clearHistory();
  result.prefill.push(prompt / await seconds(() => sequence.evaluateWithoutGeneratingNewTokens(text)));
  result.decode.push(tokens / await seconds(() => decode(tokens)));
}
console.log(JSON.stringify(result));
process.exit(0);
