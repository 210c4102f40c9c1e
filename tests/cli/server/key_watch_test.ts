import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import {
  type KeyOptions,
  loadKeys,
} from "../../../lib/cli/server/key_source.ts";
import { windowState } from "../../../lib/wire/certificate.ts";
import { KeyWatch, toServerKeys } from "../../../lib/cli/server/key_watch.ts";
import { Log } from "../../../lib/cli/terminal/log.ts";
import { createSigner } from "../../../lib/crypto/ed25519.ts";
import { DIALECTS } from "../../../lib/wire/dialect.ts";
import { formatKey } from "../../../lib/wire/key_text.ts";
import { buildRequest } from "../../../lib/wire/request.ts";
import { Server } from "../../../lib/server/core.ts";
import { verifyResponse } from "../../../lib/verify/response.ts";
import { folder, writeDelegation, writeKey } from "../../_support/cli.ts";
import { bytes } from "../../_support/fixtures.ts";

const ROOT = createSigner(bytes(32, 40));
const OTHER = createSigner(bytes(32, 41));

/** A server's clock that can be turned. */
class Clocked extends Server {
  aheadMicros = 0n;
  override getTime(): bigint {
    return super.getTime() + this.aheadMicros;
  }
}

interface Watched {
  readonly server: Clocked;
  readonly watch: KeyWatch;
  /** Lines of the log since the last call, without their time. */
  lines(): string[];
  /** Why a request for a key gets no reply, or "verified". */
  ask(publicKey: Uint8Array): Promise<string>;
}

/** A server with keys as the options say, and what watches over them. */
async function watched(
  options: KeyOptions,
  now: () => number = Date.now,
): Promise<Watched> {
  const lines: string[] = [];
  // Each line an hour after the last one, so that none is held back.
  let later = 0;
  const log = new Log(
    (line) => void lines.push(line.replace(/^\S+ /, "")),
    "text",
    () => later += 3_600_000,
  );
  const keys = await loadKeys(options);
  const server = await Clocked.create({
    ...toServerKeys(keys),
    greaseProbability: 0,
    trustClock: true,
  });
  const watch = KeyWatch.start(options, server, keys, log, now);
  return {
    server,
    watch,
    lines: () => lines.splice(0),
    ask: async (publicKey) => {
      const request = buildRequest({
        versions: [DIALECTS["draft-14"].code],
        nonce: bytes(32, 1),
        publicKey,
      });
      const [outcome] = await server.handleBatch([request]);
      assert(outcome);
      if ("drop" in outcome) return outcome.drop;
      const { reply: response } = outcome;
      const verdict = await verifyResponse({ request, response, publicKey });
      return verdict.ok ? "verified" : verdict.rejection.code;
    },
  };
}

/** The online key that signs now. */
async function onlineKeyIn(file: string): Promise<string> {
  const { delegated } = await loadKeys({ delegation: [file] });
  return formatKey(
    delegated[0]?.key.online.signer.publicKey ?? new Uint8Array(),
  );
}

Deno.test("windowState() includes both ends of a window", () => {
  const online = {
    notBeforeMicros: 10n,
    notAfterMicros: 20n,
    signer: ROOT,
    certificates: new Map(),
  };
  for (
    const [now, state] of [
      [9n, "has not begun"],
      [10n, "open"],
      [20n, "open"],
      [21n, "has ended"],
    ] as const
  ) assert.equal(windowState(online, now), state);
});

Deno.test("a delegation stays in use while its file is unusable, and gives way to a good one", async () => {
  await using there = await folder();
  const file = there.in("online.json");
  const good = await writeDelegation(file, { longTerm: ROOT });
  const { watch, lines, ask, server } = await watched({ delegation: [file] });
  await watch.check();
  assert.deepEqual(lines(), []);
  const until = server.notAfterMicros;
  const unusable: [spoil: () => Promise<unknown>, reason: RegExp][] = [
    [
      () => writeKey(file, "rubbish"),
      /not a usable delegation: it is not JSON/,
    ],
    [() => writeKey(file, good.slice(0, 100)), /it is not JSON/],
    [() => writeKey(file, ""), /it is not JSON/],
    [() => Deno.remove(file), /there is no file/],
    [() => Deno.mkdir(file), /is not a file/],
  ];
  for (const [spoil, reason] of unusable) {
    await spoil();
    for (const look of [() => watch.check(), () => watch.reload()]) {
      await look();
      const [line = "", ...more] = lines();
      assert.match(
        line,
        /^error {3}keys not reloaded, the old ones stay in use/,
      );
      assert.match(line, reason);
      assert.deepEqual(more, []);
      assert.equal(await ask(ROOT.publicKey), "verified");
      assert.equal(server.notAfterMicros, until);
    }
    await watch.check();
    assert.deepEqual(lines(), [], "what did not change is not news");
    assert.equal(watch.rootChanged, true);
  }
  await Deno.remove(file);

  await writeDelegation(file, { longTerm: ROOT, to: 7200 });
  await watch.check();
  assert.deepEqual(lines(), [
    `info    keys replaced publicKeys=${
      JSON.stringify(formatKey(ROOT.publicKey))
    }`,
  ]);
  assert(until !== undefined && server.notAfterMicros !== undefined);
  assert(server.notAfterMicros > until);
  assert.equal(watch.rootChanged, false);
  assert.equal(await ask(ROOT.publicKey), "verified");
  await watch.check();
  assert.deepEqual(lines(), []);
});

Deno.test("a delegation that others may read is not taken into use", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using there = await folder();
  const file = there.in("online.json");
  await writeDelegation(file, { longTerm: ROOT });
  const { watch, lines, ask } = await watched({ delegation: [file] });
  await writeDelegation(there.in("next"), { longTerm: ROOT });
  await Deno.chmod(there.in("next"), 0o644);
  await Deno.rename(there.in("next"), file);
  await watch.check();
  assert.match(lines()[0] ?? "", /^error .*others may read it/);
  assert.equal(await ask(ROOT.publicKey), "verified");
});

Deno.test("a delegation that cannot sign now takes no place from one that can", async () => {
  await using there = await folder();
  const file = there.in("online.json");
  await writeDelegation(file, { longTerm: ROOT });
  const { watch, lines, ask, server } = await watched({ delegation: [file] });
  for (
    const [from, to, state] of [
      [-7200, -3600, "has ended"],
      [3600, 7200, "has not begun"],
    ] as const
  ) {
    await writeDelegation(file, { longTerm: ROOT, from, to });
    for (const look of [() => watch.check(), () => watch.reload()]) {
      await look();
      const [line = ""] = lines();
      assert.match(line, /^error {3}keys not reloaded/);
      assert(line.includes(`is a delegation that ${state}`), line);
      assert.equal(await ask(ROOT.publicKey), "verified");
    }
  }
  // Once the one in use has ended, nothing is lost by another.
  server.aheadMicros = 4_000_000_000n;
  assert.equal(await ask(ROOT.publicKey), "delegation");
  await watch.reload();
  assert.match(lines()[0] ?? "", /^info {4}keys replaced/);
  assert.equal(await ask(ROOT.publicKey), "verified");
});

Deno.test("a delegation for another long-term key takes an order", async () => {
  await using there = await folder();
  const file = there.in("online.json");
  await writeDelegation(file, { longTerm: ROOT });
  const { watch, lines, ask } = await watched({ delegation: [file] });
  await writeDelegation(file, { longTerm: OTHER });
  await watch.check();
  assert.match(lines()[0] ?? "", /^error .*another long-term key/);
  assert.equal(await ask(ROOT.publicKey), "verified");
  assert.equal(await ask(OTHER.publicKey), "srv");
  await watch.reload();
  assert.match(lines()[0] ?? "", /^info {4}keys replaced/);
  assert.equal(await ask(ROOT.publicKey), "srv");
  assert.equal(await ask(OTHER.publicKey), "verified");
});

Deno.test("a reload without a change keeps what signs", async () => {
  await using there = await folder();
  const [file, key] = [there.in("online.json"), there.in("key")];
  await writeDelegation(file, { longTerm: ROOT });
  await writeKey(key, formatKey(bytes(32, 41)));
  const { watch, lines, server } = await watched({
    delegation: [file],
    keyFile: [key],
  });
  const before = await onlineKeyIn(file);
  await watch.reload();
  assert.match(lines()[0] ?? "", /^info {4}keys unchanged/);
  assert.equal(server.counters.rotations, 0);
  assert.equal(await onlineKeyIn(file), before);
});

Deno.test("a key file that changes is noticed once, and waits for an order", async () => {
  await using there = await folder();
  const file = there.in("key");
  const seed = formatKey(bytes(32, 40));
  await writeKey(file, seed);
  const { watch, lines, ask } = await watched({ keyFile: [file] });
  assert.equal(watch.rootChanged, false);
  const complaint =
    "error   a key file changed on disk, the old key stays in use until SIGHUP";
  const changes: (() => Promise<unknown>)[] = [
    () => writeKey(file, formatKey(bytes(32, 41))),
    () => writeKey(file, "rubbish"),
    () => Deno.remove(file),
  ];
  for (const change of changes) {
    await change();
    await watch.check();
    await watch.check();
    assert.deepEqual(lines(), [complaint]);
    assert.equal(watch.rootChanged, true);
    assert.equal(await ask(ROOT.publicKey), "verified");
    // All is as it was.
    await writeKey(file, `${seed}\n`);
    await watch.check();
    assert.deepEqual(lines(), []);
    assert.equal(watch.rootChanged, false);
  }

  await writeKey(file, formatKey(bytes(32, 41)));
  await watch.check();
  assert.equal(watch.rootChanged, true);
  lines();
  await watch.reload();
  assert.match(lines()[0] ?? "", /^info {4}keys replaced/);
  assert.equal(watch.rootChanged, false);
  assert.equal(await ask(OTHER.publicKey), "verified");
  assert.equal(await ask(ROOT.publicKey), "srv");
});

Deno.test("an order to reload rubbish changes nothing", async () => {
  await using there = await folder();
  const file = there.in("key");
  await writeKey(file, formatKey(bytes(32, 40)));
  const { watch, lines, ask } = await watched({ keyFile: [file] });
  await writeKey(file, "rubbish");
  await watch.reload();
  const [line = ""] = lines();
  assert.match(line, /^error {3}keys not reloaded.*is unusable/);
  assert.equal(await ask(ROOT.publicKey), "verified");
  await watch.check();
  assert.equal(watch.rootChanged, true);
});

Deno.test("a new delegation does not take a changed key file along", async () => {
  await using there = await folder();
  const [file, key] = [there.in("online.json"), there.in("key")];
  await writeKey(key, formatKey(bytes(32, 40)));
  await writeDelegation(file, { longTerm: OTHER });
  const { watch, lines, ask } = await watched({
    keyFile: [key],
    delegation: [file],
  });
  await writeKey(key, formatKey(bytes(32, 42)));
  await writeDelegation(file, { longTerm: OTHER });
  await watch.check();
  assert.deepEqual(lines().map((line) => line.slice(0, 30)), [
    "info    keys replaced publicKe",
    "error   a key file changed on ",
  ]);
  assert.equal(watch.rootChanged, true);
  assert.equal(await ask(ROOT.publicKey), "verified");
  assert.equal(await ask(OTHER.publicKey), "verified");
});

Deno.test("orders that come while another is carried out wait for it", async () => {
  await using there = await folder();
  const file = there.in("online.json");
  await writeDelegation(file, { longTerm: ROOT });
  const { watch, lines, ask } = await watched({ delegation: [file] });
  await writeDelegation(file, { longTerm: ROOT, to: 7200 });
  await Promise.all([watch.check(), watch.reload(), watch.check()]);
  assert.deepEqual(lines().map((line) => line.split(" publicKeys")[0]), [
    "info    keys replaced",
    "info    keys unchanged",
  ]);
  assert.equal(await ask(ROOT.publicKey), "verified");
});

/** Counts what is read of any file meanwhile, however it is read. */
async function readsDuring(action: () => Promise<void>): Promise<number> {
  const handle = await open(new URL(import.meta.url), "r");
  const node = Object.getPrototypeOf(handle);
  await handle.close();
  const deno = Deno.FsFile.prototype;
  const before = [node.read, deno.read] as const;
  let reads = 0;
  node.read = function (...args: unknown[]) {
    reads++;
    return before[0].apply(this, args);
  };
  deno.read = function (buffer) {
    reads++;
    return before[1].call(this, buffer);
  };
  try {
    await action();
  } finally {
    [node.read, deno.read] = before;
  }
  return reads;
}

Deno.test("files that have not changed are not read again", async () => {
  await using there = await folder();
  const [file, key] = [there.in("online.json"), there.in("key")];
  await writeDelegation(file, { longTerm: OTHER });
  await writeKey(key, formatKey(bytes(32, 40)));
  const { watch, lines } = await watched(
    { delegation: [file], keyFile: [key] },
    () => Date.now() + 60_000, // all of this is long ago
  );
  const check = () => watch.check();
  assert.notEqual(await readsDuring(check), 0, "what is counted is there");
  for (let i = 0; i < 3; i++) assert.equal(await readsDuring(check), 0);
  assert.deepEqual(lines(), []);

  // Replaced by files of the same size, in one step.
  await writeDelegation(there.in("new"), { longTerm: OTHER });
  await Deno.rename(there.in("new"), file);
  await writeKey(there.in("new"), formatKey(bytes(32, 42)));
  await Deno.rename(there.in("new"), key);
  assert.notEqual(await readsDuring(check), 0);
  assert.deepEqual(lines().map((line) => line.slice(0, 30)), [
    "info    keys replaced publicKe",
    "error   a key file changed on ",
  ]);
  assert.equal(watch.rootChanged, true);
  for (let i = 0; i < 3; i++) assert.equal(await readsDuring(check), 0);
  assert.equal(watch.rootChanged, true);
  await watch.reload();
  await watch.check();
  assert.equal(watch.rootChanged, false);
  assert.equal(await readsDuring(check), 0);
});

Deno.test("a file that changes while the server starts is noticed", async () => {
  await using there = await folder();
  const [file, key] = [there.in("online.json"), there.in("key")];
  await writeDelegation(file, { longTerm: OTHER });
  await writeKey(key, formatKey(bytes(32, 40)));
  const options = { delegation: [file], keyFile: [key] };
  const keys = await loadKeys(options);
  const server = await Clocked.create({
    ...toServerKeys(keys),
    trustClock: true,
  });
  await writeDelegation(file, { longTerm: OTHER });
  await writeKey(key, formatKey(bytes(32, 42)));
  const lines: string[] = [];
  const log = new Log((line) => void lines.push(line), "text");
  const watch = KeyWatch.start(options, server, keys, log);
  await watch.check();
  assert.match(lines[0] ?? "", /keys replaced/);
  assert.match(lines[1] ?? "", /a key file changed on disk/);
});
