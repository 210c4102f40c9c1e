/**
 * Builds the page of `roughly watch` and `report.html` from `web/`, and writes both into a
 * module, so that the standalone binary has them. With `--check` it writes nothing and fails
 * if what is there is not what the sources give; with `--report FILE` it writes `report.html`
 * there and nothing else.
 *
 * @module
 */

// deno-lint-ignore-file no-console
import { base64 } from "@scure/base";

const ROOT = new URL("../", import.meta.url);
const EMBEDDED = new URL("lib/watch/page_assets.ts", ROOT);
const REPORT = "/report.html";

/** The bundled and minified program that begins in a file of `web/`. */
async function bundle(name: string): Promise<string> {
  const output = await Deno.makeTempFile({ suffix: ".js" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--no-lock", "--config", "web/deno.json"],
        ...["--platform", "browser", "--minify", "-o", output, `web/${name}`],
      ],
      cwd: ROOT,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return (await Deno.readTextFile(output)).trim();
  } finally {
    await Deno.remove(output);
  }
}

function read(name: string): Promise<string> {
  return Deno.readTextFile(new URL(`web/${name}`, ROOT));
}

/** What the policy of a page needs to let one inline piece through. */
async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(text),
  );
  return `'sha256-${base64.encode(new Uint8Array(digest))}'`;
}

/** Blanks, and comments, are for people. */
function squeeze(css: string): string {
  return css.replaceAll(/\/\*[^]*?\*\//g, "")
    .replaceAll(/\s*\n\s*/g, "").replaceAll(/\s*([{};,>])\s*/g, "$1")
    .replaceAll(/:\s+/g, ":").replaceAll(";}", "}");
}

async function reportPage(style: string): Promise<string> {
  // Inside an element of HTML this would end it.
  const script = (await bundle("report_page.ts"))
    .replaceAll("</script", "<\\/script");
  const policy = [
    "default-src 'none'",
    `script-src ${await hashOf(script)}`,
    `style-src ${await hashOf(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const parts: Record<string, string> = { policy, style, script };
  return (await read("report.html"))
    .replaceAll(/\{\{(\w+)\}\}/g, (_, name) => parts[name] ?? "");
}

/** A file that is served: its media type, and the whole of it. */
interface Asset {
  readonly type: string;
  readonly body: string;
}

async function build(): Promise<Record<string, Asset>> {
  const style = squeeze(await read("style.css"));
  return {
    "/app.js": {
      type: "text/javascript; charset=utf-8",
      body: await bundle("app.ts"),
    },
    "/style.css": { type: "text/css; charset=utf-8", body: `${style}\n` },
    "/icon.svg": { type: "image/svg+xml", body: await read("icon.svg") },
    [REPORT]: {
      type: "text/html; charset=utf-8",
      body: await reportPage(style),
    },
  };
}

function embed(assets: Readonly<Record<string, Asset>>): string {
  const entries = Object.entries(assets).map(([path, { type, body }]) =>
    [
      `  ${JSON.stringify(path)}: {`,
      `    type: ${JSON.stringify(type)},`,
      `    body: ${JSON.stringify(body)},`,
      "  },",
    ].join("\n")
  );
  return [
    "// deno-fmt-ignore-file",
    "// deno-lint-ignore-file",
    "// Made by `deno task web` from web/.",
    "",
    "/** A file that the page consists of. */",
    "export interface PageAsset {",
    "  /** For `content-type`. */",
    "  readonly type: string;",
    "  /** The whole of it. */",
    "  readonly body: string;",
    "}",
    "",
    "/** What `roughly watch` serves besides the page itself, by path. */",
    "export const PAGE_ASSETS: Readonly<Record<string, PageAsset>> = {",
    ...entries,
    "};",
    "",
  ].join("\n");
}

const [option, file] = Deno.args;
const assets = await build();
if (option === "--report" && file !== undefined) {
  await Deno.writeTextFile(file, assets[REPORT]?.body ?? "");
  console.log(`Written to ${await Deno.realPath(file)}`);
} else if (option === "--check") {
  const there = await Deno.readTextFile(EMBEDDED).catch(() => "");
  if (there !== embed(assets)) {
    console.error("The page is not what its sources give: deno task web");
    Deno.exit(1);
  }
} else {
  await Deno.writeTextFile(EMBEDDED, embed(assets));
}
