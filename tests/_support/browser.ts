/**
 * A real browser for tests: Debian's Chromium, driven by Playwright's core, which brings none
 * of its own.
 *
 * @module
 */

import { createRequire } from "node:module";

/**
 * Packages that only these tests need. What deno.json or deno.lock names ends up in the
 * standalone binary, and these are large: so they are fetched and loaded past both.
 */
const PLAYWRIGHT = "playwright-core@1.65.1";
const AXE = "axe-core@4.14.1";

/** A name for this machine under which Chromium takes it for another one. */
export const ELSEWHERE = "elsewhere.test";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

/** Whatever hangs in the browser fails after so many milliseconds. */
const PATIENCE_MS = 20_000;

/** As much of Playwright's page as is used here. */
export interface Page extends AsyncDisposable {
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  close(): Promise<void>;
  evaluate<T>(script: string): Promise<T>;
  waitForSelector(selector: string): Promise<unknown>;
  screenshot(
    options: { readonly path?: string; readonly fullPage?: boolean },
  ): Promise<Uint8Array>;
  setDefaultTimeout(ms: number): void;
  setViewportSize(size: Viewport): Promise<void>;
  emulateMedia(media: { readonly colorScheme: ColorScheme }): Promise<void>;
  setInputFiles(
    selector: string,
    file: {
      readonly name: string;
      readonly mimeType: string;
      readonly buffer: unknown;
    },
  ): Promise<void>;
  click(selector: string): Promise<void>;
  readonly keyboard: { press(key: string): Promise<void> };
  on(event: "pageerror", listener: (error: Error) => void): void;
  on(
    event: "response",
    listener: (response: { status(): number; url(): string }) => void,
  ): void;
  on(event: "request", listener: (request: { url(): string }) => void): void;
  on(
    event: "console",
    listener: (message: { type(): string; text(): string }) => void,
  ): void;
}

interface Viewport {
  readonly width: number;
  readonly height: number;
}

type ColorScheme = "light" | "dark";

/** How a page is looked at. */
export interface PageOptions {
  readonly viewport?: Viewport;
  readonly colorScheme?: ColorScheme;
  readonly javaScriptEnabled?: boolean;
}

/** A browser, and what pages in it have complained of. */
export interface Browser {
  /** Opens a page; what it complains of is gathered in `complaints`. */
  open(options?: PageOptions): Promise<Page>;
  readonly complaints: string[];
}

interface Chromium {
  newPage(
    options: PageOptions,
  ): Promise<Omit<Page, typeof Symbol.asyncDispose>>;
  close(): Promise<void>;
}

interface Playwright {
  readonly chromium: {
    launch(options: {
      readonly executablePath: string;
      readonly args: readonly string[];
      readonly timeout: number;
    }): Promise<Chromium>;
  };
}

/** Where Chromium is, if it is anywhere. */
function chromiumPath(): string | undefined {
  return CHROMIUM.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

async function deno(...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  return new TextDecoder().decode(stdout);
}

/** Gets packages; nothing for one that cannot be had. */
async function load(...packages: readonly string[]): Promise<unknown[]> {
  const names = packages.map((one) => `npm:${one}`);
  await deno("cache", "--no-lock", "--no-config", "--quiet", ...names);
  const { npmCache } = JSON.parse(await deno("info", "--json"));
  const require = createRequire(import.meta.url);
  const found: unknown[] = packages.map(() => undefined);
  for await (const { name: registry } of Deno.readDir(npmCache)) {
    for (const [i, one] of packages.entries()) {
      try {
        found[i] ??= require(
          `${npmCache}/${registry}/${one.replace("@", "/")}`,
        );
      } catch {
        // It is in another registry's folder, or was not fetched.
      }
    }
  }
  return found;
}

const path = chromiumPath();
// Or Playwright looks for WSL where Deno lets only those look who may do everything.
Deno.env.set("__IS_WSL_TEST__", "1");
const [playwright, axe] = (path ? await load(PLAYWRIGHT, AXE) : []) as [
  Playwright | undefined,
  { readonly source: string } | undefined,
];

/** Options of a test that needs a browser; where there is none they skip it and say so. */
export function inBrowser(name: string): {
  readonly name: string;
  readonly ignore: boolean;
  readonly sanitizeOps: boolean;
  readonly sanitizeResources: boolean;
} {
  const missing = path === undefined
    ? "no Chromium here"
    : !playwright || !axe
    ? "playwright-core or axe-core could not be had from npm"
    : undefined;
  return {
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    // Playwright keeps pipes and timers of its own.
    sanitizeOps: false,
    sanitizeResources: false,
  };
}

let running: Promise<Chromium> | undefined;

/** Starts Chromium. It can reach nothing but loopback. */
function start(): Promise<Chromium> {
  if (!path || !playwright) {
    throw new Error("Cannot start a browser: there is none");
  }
  return playwright.chromium.launch({
    executablePath: path,
    timeout: PATIENCE_MS,
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
    ],
  });
}

/** Ends what {@linkcode startBrowser} has started. */
export async function stopBrowser(): Promise<void> {
  const started = running;
  running = undefined;
  await (await started)?.close();
}

// To start it takes as long as most tests do, so those of an isolate share it.
Deno.test.afterAll(stopBrowser);

/** A browser for one test; it is started for the first one. */
export async function startBrowser(): Promise<Browser> {
  running ??= start().catch((error) => {
    running = undefined;
    throw error;
  });
  const browser = await running;
  const complaints: string[] = [];
  return {
    complaints,
    open: async (options = {}) => {
      const bare = await browser.newPage(options);
      const page = Object.assign(bare, {
        [Symbol.asyncDispose]: () => bare.close(),
      });
      page.setDefaultTimeout(PATIENCE_MS);
      page.on("pageerror", ({ message }) => void complaints.push(message));
      page.on("console", (said) => {
        if (said.type() === "error") complaints.push(said.text());
      });
      page.on("response", (response) => {
        if (response.status() >= 400) complaints.push(response.url());
      });
      return page;
    },
  };
}

/**
 * What of a page somebody cannot see, hear, or reach by keyboard, as far as a program can
 * tell: by the rules of WCAG 2.1, levels A and AA.
 */
export async function barriersIn(page: Page): Promise<string[]> {
  const source = axe?.source ?? "";
  const isLoaded = await page.evaluate<boolean>("Boolean(globalThis.axe)");
  if (!isLoaded) await page.evaluate(`void (() => { ${source} })()`);
  return await page.evaluate(`axe.run(document, {
    resultTypes: ["violations"],
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
  }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes[0].html.slice(0, 200))
  )`);
}
