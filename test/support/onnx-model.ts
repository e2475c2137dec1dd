/**
 * Writes ONNX models: just enough of the protocol buffers wire format for small graphs. Field numbers are those of
 * onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */

export const FLOAT = 1;
export const INT64 = 7;

/** A value that comes into a graph or goes out of it; a dimension that is not fixed has a name. */
export interface GraphValue {
  name: string;
  type: typeof FLOAT | typeof INT64;
  shape: readonly (number | string)[];
}

/** A constant of a graph, row-major. */
export interface GraphTensor {
  name: string;
  shape: readonly number[];
  data: Float32Array | BigInt64Array;
}

/** An operator with what it takes and gives, by name. Numbers in `attributes` are integers. */
export interface GraphNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Readonly<Record<string, number>>;
}

export interface Graph {
  inputs: readonly GraphValue[];
  outputs: readonly GraphValue[];
  tensors: readonly GraphTensor[];
  nodes: readonly GraphNode[];
}

const IR_VERSION = 8;
const OPSET_VERSION = 17;
const INT_ATTRIBUTE = 2;

/** The bytes of a model file. */
export function onnxModel({ inputs, outputs, tensors, nodes }: Graph): Buffer {
  const graph = Buffer.concat([
    ...nodes.map((node) => field(1, nodeProto(node))),
    field(2, 'graph'),
    ...tensors.map((tensor) => field(5, tensorProto(tensor))),
    ...inputs.map((value) => field(11, valueProto(value))),
    ...outputs.map((value) => field(12, valueProto(value))),
  ]);
  return Buffer.concat([field(1, IR_VERSION), field(7, graph), field(8, field(2, OPSET_VERSION))]);
}

function nodeProto({ op, inputs, outputs, attributes = {} }: GraphNode): Buffer {
  return Buffer.concat([
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, op),
    ...Object.entries(attributes).map(([name, value]) =>
      field(5, Buffer.concat([field(1, name), field(3, value), field(20, INT_ATTRIBUTE)])),
    ),
  ]);
}

function tensorProto({ name, shape, data }: GraphTensor): Buffer {
  return Buffer.concat([
    ...shape.map((size) => field(1, size)),
    field(2, data instanceof Float32Array ? FLOAT : INT64),
    field(8, name),
    field(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]);
}

function valueProto({ name, type, shape }: GraphValue): Buffer {
  const dimensions = shape.map((size) => field(1, typeof size === 'number' ? field(1, size) : field(2, size)));
  const tensorType = Buffer.concat([field(1, type), field(2, Buffer.concat(dimensions))]);
  return Buffer.concat([field(1, name), field(2, field(1, tensorType))]);
}

/** A field of a message: an integer as a varint, all else with its length before it. */
function field(number: number, value: number | string | Buffer): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** Seven bits a byte, the lowest first; a negative integer counts as one of 64 bits. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}
