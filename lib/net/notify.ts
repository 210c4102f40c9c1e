/**
 * Telling systemd how things are (`man 3 sd_notify`): a datagram to the socket that the
 * environment names. Without one, nothing happens.
 *
 * Needs the whole of `--allow-net`, since this end of the way has a name made up at random,
 * and permission to write to the folder of temporary files.
 *
 * @module
 */

/** Sends states to the service manager. */
export interface Notifier {
  /** Sends one or more lines such as `READY=1`. Never fails: nobody may be listening. */
  notify(state: string): Promise<void>;
  /** Lets go of the socket. */
  close(): void;
}

/**
 * Opens the way to the service manager.
 *
 * @param path The value of `NOTIFY_SOCKET`. Abstract names (`@...`) cannot be reached.
 * @returns A notifier, or `undefined` where there is nobody to notify.
 */
export function openNotifier(path: string | undefined): Notifier | undefined {
  const deno = globalThis.Deno;
  if (!path?.startsWith("/") || typeof deno?.listenDatagram !== "function") {
    return undefined;
  }
  // Asked for rather than tried: a missing permission must not become a prompt.
  const { state } = deno.permissions.querySync({ name: "net" });
  if (state !== "granted") return undefined;
  let own: string | undefined;
  let socket: Deno.DatagramConn;
  try {
    // The runtime sends only from a bound socket, so this one needs a name for a moment.
    own = deno.makeTempFileSync({ prefix: "roughly-notify-" });
    deno.removeSync(own);
    socket = deno.listenDatagram({ transport: "unixpacket", path: own });
    deno.removeSync(own);
  } catch {
    return undefined;
  }
  return {
    notify: async (state) => {
      try {
        const bytes = new TextEncoder().encode(state);
        await socket.send(bytes, { transport: "unixpacket", path });
      } catch {
        // The manager is gone; the server is not.
      }
    },
    close: () => socket.close(),
  };
}
