/**
 * A worker: one thread, one socket, and nothing else to do. It blocks until there are
 * datagrams, answers them where they lie, and goes back.
 *
 * @module
 */

import type { ServerCounters } from "../counters.ts";
import { importKey } from "../keyring.ts";
import {
  INPUT_BYTES,
  INPUT_STRIDE,
  inputOffset,
  outputOffset,
  SLOTS,
} from "../fast/kernel/layout.ts";
import type { FastResponder } from "../fast/responder.ts";
import { openPacketRing } from "../../net/linux/udp.ts";
import type { PacketRing } from "../../net/linux/packet_ring.ts";
import { Pace } from "../../net/linux/pace.ts";
import { Server } from "../core.ts";
import type { Order, Report } from "./message.ts";
import { rehearse } from "./rehearsal.ts";

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Order>) => void;
  postMessage(report: Report): void;
  close(): void;
};

/** How often the numbers are reported while there is something to report. */
const REPORT_MS = 1000;

/**
 * How long the event loop goes without a turn. Only in one can the thread be terminated, as
 * it has to be together with the one that has started it.
 */
const TURN_MS = 2_000;

/** Faults in a row after which the worker gives itself up, to be replaced. */
const MAX_FAULTS = 100;

const created = Promise.withResolvers<Server>();
let server: Server | undefined;
let pace: Pace | undefined;
let stopping = false;
let asked = 0;
let heeded = 0;
let unreported = false;
let reportedAt = 0;

scope.onmessage = async ({ data }) => {
  if (data.kind === "start") {
    heeded++;
    return await run(data);
  }
  await heed(data);
  // Only now: a thread that blocks before would leave the new keys half put into use.
  heeded++;
};

async function heed(order: Exclude<Order, { kind: "start" }>): Promise<void> {
  switch (order.kind) {
    case "keys": {
      // They may come while the server is still being made of older ones.
      const delegated = order.keys.map(importKey);
      return await (await created.promise).replaceKeys({ delegated });
    }
    case "report":
      await created.promise; // before, there is nothing to report
      asked = order.number;
      return report();
    case "stop":
      stopping = true;
  }
}

function report(): void {
  unreported = false;
  reportedAt = performance.now();
  if (server === undefined) return;
  const counters = countersOf(server);
  scope.postMessage({ kind: "counters", counters, number: asked });
}

/** One change of keys and one jump of the clock are the same for all threads. */
function countersOf({ counters }: Server): ServerCounters {
  return { ...counters, ...pace?.counters, rotations: 0, clockSteps: 0 };
}

async function run(order: Extract<Order, { kind: "start" }>): Promise<void> {
  const { options, keys } = order.server;
  server = await Server.create({
    ...options,
    delegated: keys.map(importKey),
    onEvent: (event) => {
      // What concerns the clock and the keys, the main thread sees for itself.
      if (event.kind !== "panic") return;
      scope.postMessage({ kind: "fault", message: String(event.error) });
    },
  });
  created.resolve(server);
  const slots = server.openSlots() as FastResponder;
  if (order.rehearse) await rehearse(server, slots);
  pace = new Pace(order.maxDelayMicros / 1000);
  const ring = openPacketRing({
    hostname: order.hostname,
    port: order.port,
    adopt: order.socket,
    pace,
    memory: {
      bytes: slots.kernel.bytes,
      inputOffset: inputOffset(0),
      inputStride: INPUT_STRIDE,
      inputBytes: INPUT_BYTES,
      slots: Math.min(order.maxBatch, SLOTS),
    },
  });
  // Packets are taken before the waker is looked at: the first would get the old keys.
  await allHeeded(order.orders);
  scope.postMessage({ kind: "ready" });
  await loop(server, ring, slots, order.orders);
  ring.close();
  scope.postMessage({ kind: "stopped", counters: countersOf(server) });
  scope.close();
}

async function loop(
  server: Server,
  ring: PacketRing,
  slots: FastResponder,
  orders: Int32Array,
): Promise<void> {
  let turnAt = performance.now();
  for (let faults = 0; !stopping;) {
    try {
      const count = ring.receive(TURN_MS);
      if (count > 0) {
        const pending = answer(server, ring, slots, count);
        if (pending) await pending;
        unreported = true;
      }
      const now = performance.now();
      if (unreported && now - reportedAt >= REPORT_MS) report();
      if (now - turnAt >= TURN_MS) {
        await turn();
        turnAt = performance.now();
      }
      // An order is announced by the waker, and comes in a turn of the event loop.
      if (count === 0) await allHeeded(orders);
      faults = 0;
    } catch (error) {
      if (++faults >= MAX_FAULTS) throw error;
      server.counters.panics++;
      scope.postMessage({ kind: "fault", message: String(error) });
    }
  }
}

function answer(
  server: Server,
  ring: PacketRing,
  slots: FastResponder,
  count: number,
): Promise<void> | undefined {
  const { udp } = server.counters;
  udp.received += count;
  slots.lengths.set(ring.lengths);
  const pending = server.handleSlots(slots, count);
  const send = () => reply(server, ring, slots, count);
  if (pending) return pending.then(send);
  send();
  return undefined;
}

function reply(
  { counters: { udp } }: Server,
  ring: PacketRing,
  slots: FastResponder,
  count: number,
): void {
  let queued = 0;
  let dropped = 0;
  let sent = 0;
  try {
    for (let slot = 0; slot < count; slot++) {
      const length = slots.replyLengths[slot] as number;
      if (length > 0) {
        ring.queue(slot, outputOffset(slot), length);
        queued++;
      } else {
        udp.dropped[slots.drops[slot] ?? "internal"]++;
        dropped++;
      }
    }
    sent = ring.flush();
  } finally {
    // Every packet is counted once, also when something threw on the way.
    udp.answered += sent;
    udp.dropped.write += queued - sent;
    udp.dropped.internal += count - dropped - queued;
  }
}

/** Lets come what has been announced. */
async function allHeeded(orders: Int32Array): Promise<void> {
  while (heeded < Atomics.load(orders, 0)) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
