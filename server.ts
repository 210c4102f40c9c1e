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
 * Limitations: one UDP socket on one thread. `Deno.listenDatagram` is used where the
 * application turned on `unstable: ["net"]`, `node:dgram` elsewhere.
 *
 * @module
 */

export { createSigner, type Signer } from "./lib/crypto.ts";
export { GOOGLE_VERSION, SERVER_VERSIONS } from "./lib/dialect.ts";
export { ServerError, type ServerErrorCode } from "./lib/errors.ts";
export type { Random } from "./lib/grease.ts";
export { formatKey, parseKey } from "./lib/key_text.ts";
export {
  type CertificateKind,
  type Identity,
  Keyring,
  type KeyringOptions,
  type OnlineKey,
  type V1Context,
} from "./lib/keyring.ts";
export type {
  Datagram,
  DatagramOptions,
  DatagramSocket,
  Peer,
} from "./lib/net/datagram.ts";
export {
  DROP_REASONS,
  type DropReason,
  type Moment,
  type Outcome,
  Responder,
  type ResponderOptions,
} from "./lib/responder.ts";
export {
  DEFAULT_PORT,
  type RunningServer,
  serve,
  type ServeOptions,
  type ServerCounters,
} from "./lib/serve.ts";
export { Server, type ServerOptions } from "./lib/server.ts";
