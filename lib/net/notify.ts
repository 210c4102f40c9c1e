/**
 * Telling systemd how things are (`man 3 sd_notify`): a datagram to the socket that the
 * environment names. Without one, nothing happens; with one, what cannot be told is said.
 *
 * Needs the whole of `--allow-net`, and `--allow-ffi` or permission to write to the folder
 * of temporary files, where this end of the way gets a name for a moment.
 *
 * @module
 */

import { openUnixSender } from "./linux/unix_datagram.ts";

/** Sends states to the service manager. */
export interface Notifier {
  /** Sends one or more lines such as `READY=1`. Never fails: nobody may be listening. */
  notify(state: string): Promise<void>;
  /** Lets go of the socket. */
  close(): void;
}

/** A way to the service manager. */
interface Way {
  send(bytes: Uint8Array<ArrayBuffer>): unknown;
  close(): void;
}

/**
 * Opens the way to the service manager.
 *
 * @param name The value of `NOTIFY_SOCKET`: a path, or an abstract name (`@...`), which takes
 *   Linux and `--allow-ffi`.
 * @param onProblem Told in words why nothing gets through: at once, or when something was
 *   not taken, but once only until something is taken again.
 * @returns A notifier, or `undefined` where there is nobody to notify, or no way.
 */
export function openNotifier(
  name: string | undefined,
  onProblem: (reason: string) => void = () => {},
): Notifier | undefined {
  if (name === undefined || name === "") return undefined;
  const way = openWay(name);
  if (typeof way === "string") {
    onProblem(way);
    return undefined;
  }
  let isTold = false;
  let isClosed = false;
  return {
    notify: async (state) => {
      try {
        if (isClosed) return;
        await way.send(new TextEncoder().encode(state));
        isTold = false;
      } catch (error) {
        // The manager is gone; the server is not.
        if (!isTold) onProblem((error as Error).message);
        isTold = true;
      }
    },
    close: () => {
      isClosed = true;
      way.close();
    },
  };
}

function openWay(name: string): Way | string {
  if (!/^[/@]/.test(name)) return "it is neither a path nor an abstract name";
  const deno = globalThis.Deno;
  if (deno === undefined) return "it takes Deno";
  // Asked for rather than tried: a missing permission must not become a prompt.
  if (deno.permissions.querySync({ name: "net" }).state !== "granted") {
    return "it takes --allow-net for everything";
  }
  const sender = openUnixSender(name);
  if (typeof sender !== "string") return sender;
  if (name.startsWith("@")) return `an abstract name: ${sender}`;
  return openNamed(name);
}

/** The runtime sends only from a bound socket, so this one needs a name for a moment. */
function openNamed(path: string): Way | string {
  if (typeof Deno.listenDatagram !== "function") {
    return "it takes --allow-ffi, or --unstable-net";
  }
  try {
    const own = Deno.makeTempFileSync({ prefix: "roughly-notify-" });
    Deno.removeSync(own);
    const socket = Deno.listenDatagram({ transport: "unixpacket", path: own });
    Deno.removeSync(own);
    return {
      send: (bytes) => socket.send(bytes, { transport: "unixpacket", path }),
      close: () => socket.close(),
    };
  } catch (error) {
    return (error as Error).message;
  }
}
