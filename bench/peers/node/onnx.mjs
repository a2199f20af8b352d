// Writes the few parts of an ONNX model that the benchmarks need, in the wire format of protocol buffers; the
// numbers of fields are those of onnx.proto.
const utf8 = new TextEncoder();

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push(value % 128 | 128);
  return [...bytes, value];
}

const number = (field, value) => [...varint(field << 3), ...varint(value)];
const bytes = (field, data) => [...varint(field << 3 | 2), ...varint(data.length), ...data];
const string = (field, text) => bytes(field, utf8.encode(text));
const FLOAT = 1, INT32 = 6, INT = 2;

/** An attribute that is an integer. */
export const attribute = (name, value) => [...string(1, name), ...number(3, value), ...number(20, INT)];

export function node(op, inputs, outputs, attributes = [], domain = "") {
  return [...inputs.flatMap(x => string(1, x)), ...outputs.flatMap(x => string(2, x)), ...string(4, op),
    ...attributes.flatMap(x => bytes(5, x)), ...string(7, domain)];
}

function value(name, dims) {
  const shape = dims.flatMap(dim => bytes(1, number(1, dim)));
  return [...string(1, name), ...bytes(2, bytes(1, [...number(1, FLOAT), ...bytes(2, shape)]))];
}

function constant(name, data) {
  const type = data instanceof Float32Array ? FLOAT : INT32;
  return [...number(1, data.length), ...number(2, type), ...string(8, name),
    ...bytes(9, new Uint8Array(data.buffer))];
}

/** `inputs` and `outputs` map names to dims, of f32; `constants` names to typed arrays of one dim. */
export function model(nodes, inputs, outputs, constants) {
  const graph = [...nodes.flatMap(x => bytes(1, x)), ...string(2, "graph"),
    ...Object.entries(constants).flatMap(([name, data]) => bytes(5, constant(name, data))),
    ...Object.entries(inputs).flatMap(([name, dims]) => bytes(11, value(name, dims))),
    ...Object.entries(outputs).flatMap(([name, dims]) => bytes(12, value(name, dims)))];
  const opset = (domain, version) => bytes(8, [...string(1, domain), ...number(2, version)]);
  return new Uint8Array([...number(1, 10), ...bytes(7, graph), ...opset("", 23), ...opset("com.microsoft", 1)]);
}
