/**
 * The server: run one, change the time it tells, or answer packets without sockets.
 *
 * ```ts
 * import { serve, Server } from "@roughly/roughly/server";
 *
 * const server = await Server.create();
 * await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
 * console.log("listening on port", running.address.port);
 * ```
 *
 * On Linux and with `--allow-ffi` datagrams travel by the system's own calls, and `workers`
 * has other threads answer them; the system's clock can be asked, and receive buffers
 * enlarged. Elsewhere there is one thread, and `Deno.listenDatagram` is used where the
 * application turned on `unstable: ["net"]`, `node:dgram` where it did not.
 *
 * @module
 */

export { createSigner, type Signer } from "./lib/crypto/ed25519.ts";
export { GOOGLE_VERSION, SERVER_VERSIONS } from "./lib/wire/dialect.ts";
export { ServerError, type ServerErrorCode } from "./lib/wire/errors.ts";
export type { Random } from "./lib/server/grease.ts";
export { formatKey, parseKey } from "./lib/wire/key_text.ts";
export {
  type CertificateKind,
  type Delegated,
  type Identity,
  Keyring,
  type KeyringOptions,
  type OnlineKey,
  type PortableKey,
} from "./lib/server/keyring.ts";
export { type V1Context } from "./lib/wire/certificate.ts";
export type {
  Datagram,
  DatagramOptions,
  DatagramSocket,
  PacketSocket,
  Peer,
} from "./lib/net/datagram.ts";
export type { ServerIo } from "./lib/net/udp.ts";
export type { FastResponder } from "./lib/server/fast/responder.ts";
export type { Slots } from "./lib/server/fast/slots.ts";
export type { Kernel, KernelKind } from "./lib/server/fast/kernel/instance.ts";
export type { PortableOptions, PortableServer } from "./lib/server/options.ts";
export type { ClockCause, ClockStatus } from "./lib/server/clock_guard.ts";
export type { KernelClock } from "./lib/net/kernel_clock.ts";
export type { PacketCounters, ServerCounters } from "./lib/server/counters.ts";
export type { Transport } from "./lib/net/transport.ts";
export {
  createDelegation,
  type CreateDelegationOptions,
  type DelegationResult,
  parseDelegation,
} from "./lib/server/delegation.ts";
export { DROP_REASONS, type DropReason } from "./lib/server/drop_reason.ts";
export { type Gauges, renderMetrics } from "./lib/server/metrics.ts";
export {
  type BatchOptions,
  type Moment,
  type Outcome,
  Responder,
  type ResponderOptions,
} from "./lib/server/responder.ts";
export type { ParsedRequest } from "./lib/wire/request.ts";
export type { Message } from "./lib/wire/message.ts";
export type { EventSink, ServerEvent } from "./lib/server/event.ts";
export type { TcpLimits } from "./lib/net/tcp_server.ts";
export {
  DEFAULT_PORT,
  type ListenAddress,
  type ListenerState,
  type RunningServer,
  serve,
  type ServeOptions,
} from "./lib/server/serve.ts";
export { Server } from "./lib/server/core.ts";
export type {
  HandleOptions,
  ServerKeys,
  ServerOptions,
} from "./lib/server/options.ts";
