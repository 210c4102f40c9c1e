/**
 * A worker that ends with an error when it is asked what it has done.
 *
 * @module
 */

import "../../lib/server/workers/thread.ts";
import type { Order } from "../../lib/server/workers/message.ts";

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Order>) => void;
};
const heed = scope.onmessage;
scope.onmessage = (event) => {
  if (event.data.kind === "report") throw new Error("the end of me");
  heed(event);
};
