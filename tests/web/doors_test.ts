/** The doors that a browser may enter by, bundled as for one and loaded in one. */

import assert from "node:assert/strict";
import { base64 } from "@scure/base";
import { relay } from "../../lib/relay/relay.ts";
import { serveWeb } from "../../lib/watch/serve.ts";
import { inBrowser, type Page, startBrowser } from "../_support/browser.ts";
import { EDGE_CASES } from "../_support/ed25519_edges.ts";
import { folder } from "../_support/cli.ts";
import { startWatched } from "../_support/live_watch.ts";
import { ROOT } from "../_support/tree.ts";
import { recorded } from "../_support/vectors.ts";

const DOORS = ["mod", "verify", "wire", "ecosystem", "clock", "relay"];

/** What has no door of its own, and must be the same in every runtime. */
const SIGNATURES = "lib/crypto/ed25519";

/** Puts all doors into one program, in which each is a global variable. */
async function bundleDoors(path: string): Promise<string> {
  const entry = `${path}/entry.ts`;
  const output = `${path}/doors.js`;
  const url = (door: string) => JSON.stringify(new URL(`${door}.ts`, ROOT));
  await Deno.writeTextFile(
    entry,
    [...DOORS, SIGNATURES].map((path, i) =>
      `import * as door${i} from ${
        url(path)
      };\nglobalThis["${path}"] = door${i};\n`
    ).join(""),
  );
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--no-lock", "--platform", "browser"],
      ...["--config", new URL("deno.json", ROOT).pathname, "-o", output, entry],
    ],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return await Deno.readTextFile(output);
}

/** Runs a function's body in a page; what it gives must be JSON. */
async function runIn<T>(page: Page, body: string): Promise<T> {
  return JSON.parse(
    await page.evaluate(`(async () => JSON.stringify(await (async () => {
      const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      ${body}
    })()))()`),
  );
}

Deno.test(inBrowser("the doors work in Chromium"), async (t) => {
  await using there = await folder();
  const servers = await Promise.all([
    startWatched("alpha", "alpha.example"),
    startWatched("omega", "omega.org"),
    startWatched("hostile", "hostile.test"),
  ]);
  const program = await bundleDoors(there.path);
  const relaying = relay({
    servers: servers.map(({ listed }) => listed),
    lookup: () => Promise.resolve([{ hostname: "127.0.0.1", family: 4 }]),
  });
  const web = serveWeb("127.0.0.1", 0, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/relay/")) return await relaying(request);
    return pathname === "/doors.js"
      ? new Response(program, {
        headers: { "content-type": "text/javascript" },
      })
      : new Response(
        "<!doctype html><link rel=icon href=data:,><script type=module src=doors.js></script>",
        { headers: { "content-type": "text/html" } },
      );
  });
  try {
    const browser = await startBrowser();
    await using page = await browser.open();
    const url = `http://127.0.0.1:${web.address.port}/`;
    await page.goto(url);

    await t.step("all load", async () => {
      const missing = await runIn(
        page,
        `
        return ${JSON.stringify(DOORS)}.filter((door) => !globalThis[door]);
      `,
      );
      assert.deepEqual(missing, []);
      assert.deepEqual(browser.complaints, []);
    });

    await t.step(
      "recorded replies are verified, and their times are the same",
      async () => {
        const vectors = [
          ...recorded("roughly.json"),
          ...recorded("roughtimed.json"),
        ];
        assert(vectors.length > 10);
        const { verifyResponse } = await import("../../verify.ts");
        const expected = await Promise.all(
          vectors.map(async (one) => {
            const verdict = await verifyResponse(one);
            return verdict.ok
              ? `${verdict.midpointMicros} ${verdict.dialect}`
              : "";
          }),
        );
        assert(!expected.includes(""));
        const packets = vectors.map(({ request, response, publicKey }) =>
          [request, response, publicKey].map((one) => base64.encode(one))
        );
        const judge = (spoil: string) =>
          runIn(
            page,
            `
          const found = [];
          for (const packet of ${JSON.stringify(packets)}) {
            const [request, response, publicKey] = packet.map(bytes);
            ${spoil}
            const one = await verify.verifyResponse({ request, response, publicKey });
            found.push(one.ok ? one.midpointMicros + " " + one.dialect : "");
          }
          return found;
        `,
          );
        assert.deepEqual(await judge(""), expected);
        // The key, so that it is the signature and nothing else that does not hold.
        const spoilt = await judge("publicKey[0] ^= 1;");
        assert.deepEqual(spoilt, expected.map(() => ""));
      },
    );

    await t.step(
      "each edge case of Ed25519 has the verdict that it has elsewhere",
      async () => {
        assert(EDGE_CASES.length > 100);
        const cases = EDGE_CASES.map(({ signature, message, publicKey }) =>
          [signature, message, publicKey].map((one) => base64.encode(one))
        );
        const verdicts = await runIn<boolean[]>(
          page,
          `
        const { verifyStrict } = globalThis["${SIGNATURES}"];
        const cases = ${JSON.stringify(cases)}.map((one) => one.map(bytes));
        return await Promise.all(cases.map((one) => verifyStrict(...one)));
      `,
        );
        const wrong = EDGE_CASES.filter(({ valid }, i) =>
          valid !== verdicts[i]
        );
        assert.deepEqual(wrong.map(({ name }) => name), []);
      },
    );

    await t.step("a question without a socket says what to do", async () => {
      const key = base64.encode(
        servers[0]?.listed.publicKey ?? new Uint8Array(),
      );
      const [name, code, message] = await runIn<string[]>(
        page,
        `
        const publicKey = bytes("${key}");
        return await mod.sendRequest({ host: "time.example", port: 2002, publicKey })
          .catch((error) => [error.name, error.code, error.message]);
      `,
      );
      assert.deepEqual([name, code], ["NetworkError", "unreachable"]);
      assert.match(message ?? "", /no node:dns.*through a relay.*`ask`/);
      const literal = await runIn<string>(
        page,
        `
        const publicKey = bytes("${key}");
        return await mod.sendRequest({ host: "192.0.2.1", port: 2002, publicKey })
          .catch((error) => error.message);
      `,
      );
      assert.match(literal, /^Cannot reach 192\.0\.2\.1:2002: .*relay/);
    });

    await t.step("a clock is set through a relay", async () => {
      const listed = JSON.stringify(
        servers.map(({ listed: { publicKey, ...one } }) => ({
          ...one,
          publicKey: base64.encode(publicKey),
        })),
      );
      const offMs = await runIn<number>(
        page,
        `
        const servers = ${listed}.map((one) => ({ ...one, publicKey: bytes(one.publicKey) }));
        const ask = relay.askThroughRelay("${url}relay");
        const made = await clock.TrustedClock.create({ servers, ask, refreshSeconds: Infinity });
        const { earliest, latest } = made.now();
        return (Number(earliest) + Number(latest)) / 2 - Date.now();
      `,
      );
      assert(Math.abs(offMs) < 10_000, `${offMs} ms`);
    });
  } finally {
    await web.close();
    for (const one of servers) await one.stop();
  }
});
