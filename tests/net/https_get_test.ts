import assert from "node:assert/strict";
import { loadEcosystem, readListText } from "../../lib/ecosystem/load.ts";
import { NetworkError } from "../../lib/wire/errors.ts";
import { getHttps } from "../../lib/net/https_get.ts";

const none = { permissions: "none" } as const;
const LIST = "https://lists.example/a/list.json";

interface Web {
  readonly fetch: typeof globalThis.fetch;
  /** Addresses that were asked, in order. */
  readonly asked: string[];
  /** Bodies that were neither read nor let go. */
  readonly open: Set<string>;
}

/** A web of pages; what is no page is not found. It follows no redirect unless told to. */
function web(pages: Record<string, [status: number, location?: string]>): Web {
  const asked: string[] = [];
  const open = new Set<string>();
  const get = (url: string): Response => {
    asked.push(url);
    const [status, location] = pages[url] ?? [404];
    open.add(url);
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => {
        open.delete(url);
        controller.enqueue(new TextEncoder().encode(`{"at":"${url}"}`));
        controller.close();
      },
      cancel: () => void open.delete(url),
    }, { highWaterMark: 0 });
    return new Response(body, {
      status,
      headers: location === undefined ? {} : { location },
    });
  };
  const fetch: typeof globalThis.fetch = (input, init) => {
    let url = String(input);
    let response = get(url);
    while (init?.redirect !== "manual" && response.headers.has("location")) {
      url = new URL(response.headers.get("location") ?? "", url).href;
      response = get(url);
      Object.defineProperty(response, "url", { value: url });
      Object.defineProperty(response, "redirected", { value: true });
    }
    return Promise.resolve(response);
  };
  return { fetch, asked, open };
}

async function refused(
  { fetch, open }: Web,
  why: RegExp,
): Promise<void> {
  await assert.rejects(readListText(LIST, { fetch }), (error) => {
    assert(error instanceof NetworkError);
    assert.equal(error.code, "unreachable");
    assert.match(error.message, /^Cannot fetch server list from "https:/);
    assert.match(error.message, why);
    return true;
  });
  assert.deepEqual([...open], []);
}

Deno.test(
  "a list that passes through plain HTTP is refused, wherever it ends",
  none,
  async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const there = web({
        [LIST]: [status, "http://between.example/"],
        "http://between.example/": [302, "https://end.example/"],
        "https://end.example/": [200],
      });
      await refused(there, /leads away from HTTPS$/);
      assert.deepEqual(there.asked, [LIST], "nobody there is asked");
    }
    for (
      const to of ["//x.example/", "ftp://x.example/", "data:,{}", "file:///x"]
    ) {
      const there = web({
        [LIST]: [302, "https://next.example/"],
        "https://next.example/": [
          302,
          to === "//x.example/" ? `http:${to}` : to,
        ],
      });
      await refused(there, /leads away from HTTPS$/);
      assert.equal(there.asked.length, 2);
    }
  },
);

Deno.test(
  "a list may move by HTTPS, also to an address without a host, and lets go of what it passes",
  none,
  async () => {
    const hops = [
      "../b",
      "c?d#e",
      "//other.example/",
      "HTTPS://Third.example/x",
      "/y",
    ];
    const urls = [
      LIST,
      "https://lists.example/b",
      "https://lists.example/c?d#e",
      "https://other.example/",
      "https://third.example/x",
      "https://third.example/y",
    ];
    const there = web(Object.fromEntries(urls.map((url, i) => {
      const to = hops[i];
      return [url, to === undefined ? [200] : [307, to]];
    })));
    const text = await readListText(LIST, there);
    assert.equal(text, '{"at":"https://third.example/y"}');
    assert.deepEqual(there.asked, urls);
    assert.deepEqual([...there.open], []);
  },
);

Deno.test("a list that leads on and on ends", none, async () => {
  const there = web({ [LIST]: [302, LIST] });
  await refused(there, /leads on and on, more than 5 times$/);
  assert.equal(there.asked.length, 6);
});

Deno.test("a redirect to nowhere is no answer", none, async () => {
  await refused(web({ [LIST]: [302] }), /is 302 without saying where to$/);
  await refused(
    web({ [LIST]: [301, "https://[x/"] }),
    /is 301 to what is no address$/,
  );
  // These are no redirects, whatever else they say.
  for (const status of [300, 304, 404]) {
    const bodiless = () =>
      Promise.resolve(
        new Response(null, { status, headers: { location: LIST } }),
      );
    await assert.rejects(
      readListText(LIST, { fetch: bodiless }),
      new RegExp(`the answer is ${status}$`),
    );
  }
});

Deno.test(
  "a browser, which hides where a redirect leads, is told what to do",
  none,
  async () => {
    const response = new Response(null);
    Object.defineProperty(response, "type", { value: "opaqueredirect" });
    Object.defineProperty(response, "status", { value: 0 });
    await assert.rejects(
      loadEcosystem(LIST, { fetch: () => Promise.resolve(response) }),
      /a browser does not say where to: name its new address$/,
    );
  },
);

Deno.test("every hop has the headers and the signal", none, async () => {
  const controller = new AbortController();
  const seen: (RequestInit | undefined)[] = [];
  const there = web({
    [LIST]: [302, "https://next.example/"],
    "https://next.example/": [200],
  });
  const answer = await getHttps(new URL(LIST), (input, init) => {
    seen.push(init);
    return there.fetch(input, init);
  }, { headers: { accept: "x" }, signal: controller.signal });
  assert(answer.ok);
  await answer.response.body?.cancel();
  assert.equal(seen.length, 2);
  for (const init of seen) {
    assert.deepEqual(init?.headers, { accept: "x" });
    assert.equal(init?.signal, controller.signal);
    assert.equal(init?.redirect, "manual");
  }
});

Deno.test("the platform's fetch tells where a redirect leads instead of going there", async () => {
  const paths: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      paths.push(new URL(request.url).pathname);
      return new Response("moved", {
        status: 302,
        headers: { location: "/next" },
      });
    },
  );
  // Only the scheme is made up: no certificate is at hand.
  const plain = `http://127.0.0.1:${server.addr.port}`;
  const answer = await getHttps(
    new URL("https://there.example/first"),
    (input, init) => {
      const { pathname } = new URL(String(input));
      return pathname === "/first"
        ? fetch(plain + pathname, init)
        : Promise.resolve(new Response("here"));
    },
    {},
  );
  assert(answer.ok);
  assert.equal(await answer.response.text(), "here");
  assert.deepEqual(paths, ["/first"]);
});
