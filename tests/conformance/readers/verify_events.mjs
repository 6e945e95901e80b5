// What @ag-ui/client says of event streams: one JSON array of events a line comes in, and for each
// one line goes out, {"index": of the first event that it rejects, or -1, "why"}. As a client does,
// it has retired types translated and chunks made whole before it verifies them.

import { createInterface } from "node:readline";

import { CompatibilityBoundary, transformChunks, verifyEvents } from "@ag-ui/client";
import { Subject, map } from "rxjs";

process.env.SUPPRESS_TRANSFORMATION_WARNINGS = "true";

for await (const line of createInterface({ input: process.stdin })) {
  const boundary = new CompatibilityBoundary();
  const events = new Subject();
  let why = "";
  events
    .pipe(map((event) => boundary.transformEvent(event)), transformChunks(), verifyEvents())
    .subscribe({ error: (error) => (why = error.message) });
  const rejects = (event) => (events.next(event), why !== "");
  console.log(JSON.stringify({ index: JSON.parse(line).findIndex(rejects), why }));
}
