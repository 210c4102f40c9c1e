import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { openNotifier } from "../../lib/net/notify.ts";

const IMPOSSIBLE = Deno.build.os === "windows"
  ? "no such sockets on this system"
  : typeof Deno.listenDatagram !== "function"
  ? "Deno.listenDatagram is not there"
  : undefined;

/** A path cannot be allowed before it is known. */
const ALLOWED =
  (await Deno.permissions.query({ name: "net" })).state === "granted";

const MISSING = IMPOSSIBLE ??
  (ALLOWED
    ? undefined
    : "no --allow-net for everything, so in a process of its own");

Deno.test({
  name: IMPOSSIBLE === undefined
    ? "sockets in files, in a process that may open them"
    : `sockets in files (skipped: ${IMPOSSIBLE})`,
  ignore: IMPOSSIBLE !== undefined || ALLOWED,
  fn: async () => {
    const files = ["notify_test.ts", "linux/receive_buffer_test.ts"];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "--allow-all", "--no-check", "--unstable-net"],
        ...files.map((name) => fileURLToPath(new URL(name, import.meta.url))),
      ],
      env: { NO_COLOR: "1" },
    }).output();
    const text = [stdout, stderr].map((one) => new TextDecoder().decode(one));
    assert.equal(code, 0, text.join("\n"));
  },
});

function withSockets(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: MISSING === undefined ? name : `${name} (skipped: ${MISSING})`,
    ignore: MISSING !== undefined,
    permissions: { net: true, read: true, write: true, env: ["TMPDIR"] },
    fn,
  });
}

/** A service manager that listens at a path. */
interface Manager extends AsyncDisposable {
  path: string;
  next(): Promise<string>;
  close(): void;
}

async function listen(): Promise<Manager> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/notify`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  let isOpen = true;
  const close = () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
  return {
    path,
    next: async () => new TextDecoder().decode((await socket.receive())[0]),
    close,
    [Symbol.asyncDispose]: async () => {
      close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("openNotifier() gives nothing where nobody is named", {
  permissions: "none",
}, () => {
  const names = [
    undefined,
    "",
    "@abstract",
    "\0abstract",
    "relative",
    "vsock:2",
  ];
  for (const name of names) assert.equal(openNotifier(name), undefined);
});

Deno.test("openNotifier() gives nothing without permission", {
  permissions: "none",
}, () => {
  assert.equal(openNotifier("/nowhere/notify"), undefined);
});

Deno.test(
  "openNotifier() gives nothing where only some addresses are allowed",
  {
    permissions: { net: ["127.0.0.1"], read: true, write: true },
  },
  () => {
    assert.equal(openNotifier("/nowhere/notify"), undefined);
  },
);

Deno.test("openNotifier() says why there is no way", {
  permissions: "none",
}, () => {
  const names = ["@abstract", "/nowhere/notify", "relative", "vsock:2"];
  for (const name of names) {
    const problems: string[] = [];
    openNotifier(name, (reason) => void problems.push(reason));
    assert.equal(problems.length, 1, name);
    assert.match(problems[0] ?? "", /^it /);
  }
  for (const name of [undefined, ""]) {
    openNotifier(name, () => assert.fail("nobody was named"));
  }
});

withSockets(
  "what does not get through is said once, until something does",
  async () => {
    await using manager = await listen();
    const problems: string[] = [];
    const open = () =>
      openNotifier(manager.path, (reason) => void problems.push(reason));
    const notifier = open();
    assert(notifier);
    await notifier.notify("READY=1");
    assert.deepEqual(problems, []);
    manager.close();
    for (let i = 0; i < 3; i++) await notifier.notify("WATCHDOG=1");
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /os error/);
    await Deno.remove(manager.path);
    const again = Deno.listenDatagram({
      transport: "unixpacket",
      path: manager.path,
    });
    await notifier.notify("WATCHDOG=1");
    again.close();
    await notifier.notify("WATCHDOG=1");
    assert.equal(problems.length, 2);
    notifier.close();
  },
);

withSockets("a notifier sends what it is given", async () => {
  await using manager = await listen();
  const notifier = openNotifier(manager.path);
  assert(notifier);
  const states = ["READY=1", "RELOADING=1\nMONOTONIC_USEC=12", "STATUS=é", ""];
  for (const state of states) {
    await notifier.notify(state);
    if (state !== "") assert.equal(await manager.next(), state);
  }
  notifier.close();
});

withSockets("several notifiers do not get in each other's way", async () => {
  await using manager = await listen();
  const notifiers = [0, 1, 2].map(() => openNotifier(manager.path));
  for (const [i, notifier] of notifiers.entries()) {
    assert(notifier);
    await notifier.notify(`STATUS=${i}`);
    assert.equal(await manager.next(), `STATUS=${i}`);
  }
  notifiers.forEach((notifier) => notifier?.close());
});

/** Has temporary files in a folder of one's own: the environment belongs to all. */
function temporaryIn(dir: string): Disposable {
  const { makeTempFileSync } = Deno;
  Deno.makeTempFileSync = (options) => makeTempFileSync({ ...options, dir });
  return {
    [Symbol.dispose]: () => void (Deno.makeTempFileSync = makeTempFileSync),
  };
}

withSockets("a notifier leaves no file behind", async () => {
  await using manager = await listen();
  const folder = manager.path.replace(/\/notify$/, "");
  using _ = temporaryIn(folder);
  const notifier = openNotifier(manager.path);
  assert(notifier);
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const files = entries.map(({ name }) => name);
  assert.deepEqual(files, ["notify"]);
  notifier.close();
});

withSockets("a notifier does not fail where nobody listens", async () => {
  const manager = await listen();
  const { path } = manager;
  const notifier = openNotifier(path);
  assert(notifier);
  await notifier.notify("READY=1");
  manager.close();
  await notifier.notify("WATCHDOG=1");
  await manager[Symbol.asyncDispose]();
  await notifier.notify("STOPPING=1");
  notifier.close();
  await notifier.notify("too late");

  const early = openNotifier(path);
  assert(early);
  await early.notify("READY=1");
  early.close();
});

withSockets("a notifier reaches a manager that comes back", async () => {
  await using manager = await listen();
  const notifier = openNotifier(manager.path);
  assert(notifier);
  manager.close();
  await notifier.notify("WATCHDOG=1");
  await Deno.remove(manager.path);
  const again = Deno.listenDatagram({
    transport: "unixpacket",
    path: manager.path,
  });
  await notifier.notify("WATCHDOG=1");
  const [bytes] = await again.receive();
  assert.equal(new TextDecoder().decode(bytes), "WATCHDOG=1");
  again.close();
  notifier.close();
});
