/**
 * The page of `roughly watch` in a real browser, over a live watcher of five servers of which
 * one lies and one dies.
 */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  barriersIn,
  ELSEWHERE,
  inBrowser,
  type Page,
  startBrowser,
} from "../_support/browser.ts";
import { folder } from "../_support/cli.ts";
import { flip } from "../_support/fixtures.ts";
import { startWatch, startWatched } from "../_support/live_watch.ts";

const HOUR_MICROS = 3_600_000_000n;

/** Markup, and a character that turns what follows. */
const HOSTILE = "<img src=x onerror=document.title='owned'>\u202eevil";

/** Pictures are only kept where somebody wants to look at them. */
const PICTURES = Deno.env.get("ROUGHLY_SCREENSHOTS");

async function picture(page: Page, name: string): Promise<void> {
  const bytes = await page.screenshot({
    ...PICTURES && { path: `${PICTURES}/${name}.png` },
  });
  assert(bytes.length > 5000, name);
}

function textOf(page: Page, selector: string): Promise<string> {
  const quoted = JSON.stringify(selector);
  return page.evaluate(`document.querySelector(${quoted}).innerText.trim()`);
}

/** Goes to an address as if nothing had been there before. */
async function visit(page: Page, url: string): Promise<void> {
  await page.goto("about:blank");
  await page.goto(url);
}

async function seesText(page: Page, text: string): Promise<void> {
  await page.waitForSelector(`text=${text} >> visible=true`);
}

/** The row of a server, as text. */
function rowOf(page: Page, name: string): Promise<string> {
  const quoted = JSON.stringify(name);
  return page.evaluate(
    `[...document.querySelectorAll("table.now tbody tr")].find((row) => row.querySelector("bdi").textContent === ${quoted}).innerText`,
  );
}

const checkedWell = (replies: number) =>
  `✓ Checked here: ${replies} of ${replies} replies`;

/** Nothing sticks out to the right. */
async function assertFits(page: Page): Promise<void> {
  const [wide, width] = await page.evaluate<[number, number]>(
    "[document.documentElement.scrollWidth, innerWidth]",
  );
  assert(wide <= width, `${wide} pixels in ${width}`);
}

/** What everything else is looked at in. */
const USUAL = { width: 1280, height: 720 };

/** Sizes and schemes in which every view is looked at; more only for pictures. */
const LOOKS: readonly (readonly [number, number, "light" | "dark"])[] = [
  [1600, 1000, "light"],
  [360, 780, "dark"],
  ...PICTURES ? [[1600, 1000, "dark"], [360, 780, "light"]] as const : [],
];

/** A text that is there once a view has all it needs. */
const VIEWS = [
  ["now", "✓ 2 replies"],
  ["history/alpha", "agrees 100 % of 2 rounds"],
  ["history", "agrees 50 %, silent 50 % of 2 rounds"],
  ["evidence", "✓ Verified here"],
] as const;

async function lookAround(page: Page, url: string): Promise<void> {
  for (const [width, height, colorScheme] of LOOKS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await visit(page, url);
    await seesText(page, checkedWell(8));
    for (const [view, text] of VIEWS) {
      await page.evaluate(`void (location.hash = "${view}")`);
      // A narrow screen has no room for a column of ticks where all is well.
      if (view !== "now" || width > 360) await seesText(page, text);
      await assertFits(page);
      assert.deepEqual(await barriersIn(page), [], view);
      await picture(page, `${view.replace("/", "-")}-${width}-${colorScheme}`);
    }
  }
  await page.setViewportSize(USUAL);
  await page.emulateMedia({ colorScheme: "light" });
}

/** Turns one bit over in what is stored of a reply. */
function spoil(db: string, exchange: number): void {
  const database = new DatabaseSync(db);
  try {
    const { response } = database
      .prepare("SELECT response FROM exchange WHERE id = ?")
      .get(exchange) as { response: Uint8Array };
    database.prepare("UPDATE exchange SET response = ? WHERE id = ?")
      .run(flip(response, 8 * (response.length - 10)), exchange);
  } finally {
    database.close();
  }
}

/** Five servers: one lies, one dies, one has a name that is an attack. */
async function startServers() {
  const servers = await Promise.all([
    startWatched("alpha", "alpha.example"),
    startWatched("liar", "liar.example", HOUR_MICROS),
    startWatched("mortal", "mortal.example"),
    startWatched(HOSTILE, "hostile.test"),
    startWatched("omega", "omega.org"),
  ]);
  return {
    listed: servers.map(({ listed }) => listed),
    kill: (place: number) => servers[place]?.stop(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((one) => one.stop()));
    },
  };
}

Deno.test(
  inBrowser(
    "the watcher's page shows who is right, checks it, and trusts nobody",
  ),
  async (t) => {
    await using there = await folder();
    await using servers = await startServers();
    const browser = await startBrowser();
    const db = there.in("watch.db");
    // One page for all that a page does: to open another takes longer than most of it.
    await using page = await browser.open({ viewport: USUAL });
    let suspect = 0;
    {
      await using watch = await startWatch(servers.listed, db);
      await watch.round();
      await servers.kill(2);
      const { round } = await watch.round();
      suspect = round?.servers[0]?.exchanges[0] ?? 0;
      assert.equal(round?.chain.length, 8);

      await t.step(
        "each server's status, and all replies checked",
        async () => {
          await assertNow(page, watch.url);
        },
      );
      await t.step("a keyboard is enough", async () => {
        await visit(page, watch.url);
        await seesText(page, checkedWell(8));
        const focused = () =>
          page.evaluate<string>("document.activeElement.textContent");
        for (
          let i = 0;
          i < 9 && !(await focused()).startsWith("Evidence");
          i++
        ) {
          await page.keyboard.press("Tab");
        }
        await page.keyboard.press("Enter");
        await seesText(page, "cannot both be right");
        await seesText(page, "What it does not prove");
      });
      await t.step("it fits, narrow and wide, light and dark", async () => {
        await lookAround(page, watch.url);
      });
      await t.step("over plain HTTP from another machine, too", async () => {
        // There a browser has no Ed25519 of its own for the page, and says what else it lacks.
        assert.deepEqual(browser.complaints, []);
        await visit(page, watch.url.replace("127.0.0.1", ELSEWHERE));
        assert.equal(await page.evaluate("isSecureContext"), false);
        await seesText(page, checkedWell(8));
        const others = browser.complaints.splice(0)
          .filter((one) => !/Cross-Origin-Opener-Policy/.test(one));
        assert.deepEqual(others, []);
      });
      await t.step(
        "a server is asked from here, and the next round comes by itself",
        async () => {
          await visit(page, `${watch.url}#history/alpha`);
          await page.click(".ask button");
          await seesText(page, "✓ Verified in this browser");
          await watch.round();
          await seesText(page, "Round 3");
          await seesText(page, checkedWell(8));
        },
      );
      await t.step("without JavaScript there is the table", async () => {
        await using plain = await browser.open({ javaScriptEnabled: false });
        await plain.goto(watch.url);
        await seesText(plain, "3 of 4 operators agree");
        await seesText(plain, "falseticker: It is an hour ahead");
      });
      suspect = watch.state.round?.servers[0]?.exchanges[0] ?? suspect;
      await page.goto("about:blank"); // or it would miss the watcher
    }

    await t.step("one bit turned over in the database is seen", async () => {
      spoil(db, suspect);
      await using watch = await startWatch(servers.listed, db);
      await visit(page, watch.url);
      await page.waitForSelector("#checked.bad");
      assert.match(
        await textOf(page, "#checked summary"),
        /^✗ Checked here: [67] of 8 replies/,
      );
      assert.match(await textOf(page, "#checked ul"), /alpha: /);
      assert.match(await rowOf(page, "alpha"), /✗ not confirmed/);
      await picture(page, "spoilt");
      await page.goto("about:blank");
    });
    assert.deepEqual(browser.complaints, []);
  },
);

async function assertNow(page: Page, url: string): Promise<void> {
  const asked: string[] = [];
  page.on("request", (request) => void asked.push(request.url()));
  await visit(page, url);
  await seesText(page, checkedWell(8));
  assert.match(
    await textOf(page, "h1"),
    /^3 of 4 operators agree: it is [\d:]+ UTC, give or take 3 s\. liar is an hour ahead\. mortal does not answer\.$/,
  );
  assert.match(await rowOf(page, "alpha"), /agrees[^]*✓ 2 replies/);
  assert.match(
    await rowOf(page, "liar"),
    /wrong[^]*an hour ahead[^]*\+(1 h|59 min)/,
  );
  assert.match(await rowOf(page, "mortal"), /silent/);
  const name = HOSTILE.replace("\u202e", "\ufffd");
  assert.match(await rowOf(page, name), /agrees/);
  assert.equal(await page.evaluate("document.title"), "Roughtime watch");
  assert.equal(await page.evaluate("document.images.length"), 0);
  // Colour is not all: each status has a mark of its own.
  const marks = "[...document.querySelectorAll('.chip .mark')]";
  assert.equal(
    await page.evaluate(
      `new Set(${marks}.map((one) => one.getAttribute("d"))).size`,
    ),
    3,
  );
  assert.deepEqual(asked.filter((one) => !one.startsWith(url)), []);
}
