import assert from "node:assert/strict";
import { base64 } from "@scure/base";
import { renderPage } from "../../lib/watch/page.ts";
import { PAGE_ASSETS } from "../../lib/watch/page_assets.ts";

const none = { permissions: "none" } as const;

function body(path: string): string {
  const asset = PAGE_ASSETS[path];
  assert(asset, path);
  return asset.body;
}

/** The SHA-256 of a text as a policy has it. */
async function policyHash(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return `'sha256-${base64.encode(new Uint8Array(digest))}'`;
}

Deno.test(
  "whatever the page asks for is there, and nothing is elsewhere",
  none,
  () => {
    const html = renderPage({
      schema: "roughly/watch-state/1",
      list: { source: "", servers: 0, skipped: 0, problem: null },
      intervalSeconds: 300,
      nextRoundAtMs: null,
      summary: "",
      history: { writing: true, problem: null },
      relay: false,
      round: null,
      contradictions: 0,
    });
    const links = [...html.matchAll(/(?:src|href)="([^"#]+)"/g)]
      .map(([, path]) => `/${path}`).filter((path) =>
        !path.startsWith("/api/")
      );
    assert.equal(links.length, 3);
    for (const path of links) assert(path in PAGE_ASSETS, path);
    for (const [path, { body }] of Object.entries(PAGE_ASSETS)) {
      const urls = body.match(/https?:\/\/[\w.]+/g) ?? [];
      const foreign = urls.filter((url) => !/\/\/www\.w3\.org/.test(url));
      assert.deepEqual(foreign, [], path);
    }
  },
);

Deno.test(
  "report.html can run its own program and style, and reach nothing",
  none,
  async () => {
    const html = body("/report.html");
    const [, policy = ""] =
      /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html) ?? [];
    const [, script = ""] =
      /<script type="module">([^]*?)<\/script>/.exec(html) ?? [];
    const [, style = ""] = /<style>([^]*?)<\/style>/.exec(html) ?? [];
    assert(script.length > 10_000 && style.length > 1000);
    assert.equal(
      policy,
      `default-src 'none'; script-src ${await policyHash(
        script,
      )}; style-src ${await policyHash(
        style,
      )}; base-uri 'none'; form-action 'none'`,
    );
  },
);
