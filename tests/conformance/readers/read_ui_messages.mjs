// What readUIMessageStream of ai says of streams of chunks: one JSON array of chunks a line comes
// in, and for each one line goes out, {"index": of the first chunk that it rejects, or -1, "why"}.
// A chunk of type "error" is no rejection: it reports an error of the server.

import { createInterface } from "node:readline";

import { readUIMessageStream, UIMessageStreamError } from "ai";

async function verdict(chunks) {
  let index = -1;
  let why = "";
  const reached = (number) => (index = Math.max(index, number));
  const stream = new ReadableStream({
    start(controller) {
      chunks.forEach((chunk, number) => controller.enqueue(noticed(chunk, () => reached(number))));
      controller.close();
    },
  });
  const onError = (error) => {
    if (UIMessageStreamError.isInstance(error)) why ||= error.message;
  };
  for await (const _ of readUIMessageStream({ stream, onError }));
  return { index: why ? index : -1, why };
}

// The chunk, which calls back when its type is looked at.
function noticed({ type, ...rest }, callback) {
  const get = () => (callback(), type);
  return Object.defineProperty(rest, "type", { get, enumerable: true });
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await verdict(JSON.parse(line))));
}
