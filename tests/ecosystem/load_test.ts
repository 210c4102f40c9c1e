import assert from "node:assert/strict";
import { bundledList } from "../../lib/ecosystem/bundled.ts";
import {
  loadEcosystem,
  readBounded,
  readListText,
} from "../../lib/ecosystem/load.ts";
import { NetworkError, WireError } from "../../lib/wire/errors.ts";
import { MAX_LIST_LENGTH } from "../../lib/ecosystem/list.ts";
import { folder } from "../_support/cli.ts";

const FILE = new URL("../../ecosystem.json", import.meta.url);
const LIST = "https://lists.example/ecosystem.json";

/** What a web server answers, as far as it is of interest. */
function web(
  body: BodyInit | null,
  init: ResponseInit & { url?: string } = {},
): typeof globalThis.fetch {
  return () => {
    const response = new Response(body, init);
    if (init.url !== undefined) {
      Object.defineProperty(response, "url", { value: init.url });
      Object.defineProperty(response, "redirected", { value: true });
    }
    return Promise.resolve(response);
  };
}

function isWireError(error: unknown): boolean {
  return error instanceof WireError && error.code === "list";
}

Deno.test("loadEcosystem() gives the bundled list without a source", async () => {
  assert.equal(await loadEcosystem(), bundledList());
});

Deno.test("loadEcosystem() reads files by path and by URL", async () => {
  await using there = await folder();
  const path = there.in("liste né.json");
  await Deno.copyFile(FILE, path);
  for (const source of [path, FILE, FILE.href]) {
    assert.deepEqual(await loadEcosystem(source), bundledList());
  }
});

Deno.test("loadEcosystem() passes on why a file cannot be read", async () => {
  await using there = await folder();
  await assert.rejects(loadEcosystem(there.in("none")), { code: "ENOENT" });
  await assert.rejects(loadEcosystem(there.path), { code: "EISDIR" });
  const path = there.in("large");
  await Deno.writeTextFile(path, " ".repeat(MAX_LIST_LENGTH + 1));
  await assert.rejects(loadEcosystem(path), isWireError);
});

Deno.test("loadEcosystem() fetches by HTTPS", async () => {
  const text = await Deno.readTextFile(FILE);
  const asked: string[] = [];
  const fetch: typeof globalThis.fetch = (input, init) => {
    asked.push(String(input));
    assert.match(
      new Headers(init?.headers).get("accept") ?? "",
      /^application\/roughtime-server\+json\b/,
    );
    return web(text)(input, init);
  };
  for (const source of [LIST, new URL(LIST)]) {
    assert.deepEqual(await loadEcosystem(source, { fetch }), bundledList());
  }
  assert.deepEqual(asked, [LIST, LIST]);
  const moved = web(text, { url: "https://elsewhere.example/" });
  assert.equal(await readListText(LIST, { fetch: moved }), text);
});

Deno.test("loadEcosystem() fetches by nothing but HTTPS", async () => {
  const fetch = () => assert.fail();
  const urls = ["http://lists.example/x", new URL("ftp://lists.example/x")];
  for (const source of [...urls, new URL("data:,x")]) {
    await assert.rejects(loadEcosystem(source, { fetch }), isWireError);
  }
  const astray = web("{}", { url: "http://lists.example/x" });
  await assert.rejects(loadEcosystem(LIST, { fetch: astray }), NetworkError);
});

Deno.test("loadEcosystem() refuses what a web server should not say", async () => {
  const fetch = web("not here", { status: 404 });
  await assert.rejects(loadEcosystem(LIST, { fetch }), {
    name: "NetworkError",
    code: "unreachable",
    message: /: the answer is 404$/,
  });
  const chunk = new Uint8Array(1 << 16);
  let pulled = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => {
      pulled++;
      controller.enqueue(chunk);
    },
    cancel: () => void (cancelled = true),
  });
  await assert.rejects(
    loadEcosystem(LIST, { fetch: web(endless) }),
    isWireError,
  );
  assert(cancelled && pulled < 100);
  await assert.rejects(
    loadEcosystem(LIST, { fetch: web("<html>") }),
    isWireError,
  );
});

Deno.test("loadEcosystem() tells why nothing came", async () => {
  const failing = (error: Error) => () => Promise.reject(error);
  await assert.rejects(
    loadEcosystem(LIST, { fetch: failing(new TypeError("no route")) }),
    { code: "unreachable", message: /: no route$/ },
  );
  const denied = Object.assign(new Error("net"), { name: "NotCapable" });
  await assert.rejects(loadEcosystem(LIST, { fetch: failing(denied) }), {
    code: "denied",
  });
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(
    loadEcosystem(LIST, { fetch: failing(new Error("aborted")), signal }),
    reason,
  );
});

Deno.test("readBounded() puts characters together again", async () => {
  const bytes = new TextEncoder().encode("né ± 時");
  const chunks = (async function* () {
    for (const byte of bytes) yield await Promise.resolve(Uint8Array.of(byte));
  })();
  assert.equal(await readBounded(chunks), "né ± 時");
});
