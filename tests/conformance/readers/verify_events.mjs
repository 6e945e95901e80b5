// What verifyEvents of @ag-ui/client says of event streams: one JSON array of events a line comes
// in, and for each one line goes out, {"index": of the first event that it rejects, or -1, "why"}.

import { createInterface } from "node:readline";

import { verifyEvents } from "@ag-ui/client";
import { from } from "rxjs";

for await (const line of createInterface({ input: process.stdin })) {
  let index = 0;
  let why = "";
  from(JSON.parse(line))
    .pipe(verifyEvents())
    .subscribe({ next: () => index++, error: (error) => (why = error.message) });
  console.log(JSON.stringify({ index: why ? index : -1, why }));
}
