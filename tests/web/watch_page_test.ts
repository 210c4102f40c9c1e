/**
 * The page of `roughly watch` in a real browser, over a live watcher of five servers of which
 * one lies and one dies.
 */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  type Browser,
  inBrowser,
  type Page,
  startBrowser,
} from "../_support/browser.ts";
import { folder } from "../_support/cli.ts";
import {
  type LiveWatch,
  startWatch,
  startWatched,
} from "../_support/live_watch.ts";

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

async function seesText(page: Page, text: string): Promise<void> {
  await page.waitForSelector(`text=${JSON.stringify(text)} >> visible=true`);
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

async function lookAround(
  browser: Browser,
  { url, state }: LiveWatch,
): Promise<void> {
  const { length } = state.round?.chain ?? [];
  for (const [width, height] of [[1600, 1000], [360, 780]] as const) {
    for (const colorScheme of ["light", "dark"] as const) {
      const viewport = { width, height };
      const page = await browser.open({ viewport, colorScheme });
      await page.goto(url);
      await seesText(page, checkedWell(length));
      await assertFits(page);
      await picture(page, `now-${width}-${colorScheme}`);
      for (const view of ["history/alpha.example", "history", "evidence"]) {
        await page.evaluate(`void (location.hash = "${view}")`);
        await seesText(
          page,
          view === "evidence" ? "Verified here" : "of 2 rounds",
        );
        await assertFits(page);
        await picture(
          page,
          `${view.replace("/", "-")}-${width}-${colorScheme}`,
        );
      }
      await page.close();
    }
  }
}

/** Turns one bit over in what is stored of a reply. */
function spoil(db: string, exchange: number): void {
  const database = new DatabaseSync(db);
  try {
    const { response } = database
      .prepare("SELECT response FROM exchange WHERE id = ?")
      .get(exchange) as { response: Uint8Array };
    const spoilt = Uint8Array.from(response);
    (spoilt[spoilt.length - 10] as number) ^= 1;
    spoilt[spoilt.length - 10] = (response[response.length - 10] as number) ^ 1;
    database.prepare("UPDATE exchange SET response = ? WHERE id = ?")
      .run(spoilt, exchange);
  } finally {
    database.close();
  }
}

Deno.test(
  inBrowser(
    "the watcher's page shows who is right, checks it, and trusts nobody",
  ),
  async (t) => {
    await using there = await folder();
    const db = there.in("watch.db");
    const servers = [
      await startWatched("alpha", "alpha.example"),
      await startWatched("liar", "liar.example", HOUR_MICROS),
      await startWatched("mortal", "mortal.example"),
      await startWatched(HOSTILE, "hostile.test"),
      await startWatched("omega", "omega.org"),
    ];
    const listed = servers.map((one) => one.listed);
    await using browser = await startBrowser();
    try {
      let exchanges: readonly number[] = [];
      {
        await using watch = await startWatch(listed, db);
        await watch.round();
        await servers[2]?.stop();
        const { round, summary } = await watch.round();
        assert(round);
        exchanges = round.servers[0]?.exchanges ?? [];
        assert.equal(round.chain.length, 8);

        await t.step(
          "now: each server's status, and all replies checked",
          async () => {
            const page = await browser.open();
            const elsewhere: string[] = [];
            page.on("request", (request) => {
              if (!request.url().startsWith(watch.url)) {
                elsewhere.push(request.url());
              }
            });
            await page.goto(watch.url);
            await seesText(page, checkedWell(8));
            assert.equal(await textOf(page, "h1"), summary);
            assert.match(await rowOf(page, "alpha"), /agrees[^]*✓ 2 replies/);
            assert.match(await rowOf(page, "liar"), /wrong[^]*ahead[^]*\+1 h/);
            assert.match(await rowOf(page, "mortal"), /silent/);
            const name = HOSTILE.replace("\u202e", "\ufffd");
            assert.match(await rowOf(page, name), /agrees/);
            assert.equal(
              await page.evaluate("document.title"),
              "Roughtime watch",
            );
            assert.equal(await page.evaluate("document.images.length"), 0);
            // Colour is not all: each status has a mark of its own.
            assert.equal(
              await page.evaluate(
                "new Set([...document.querySelectorAll('.chip .mark')].map((one) => one.getAttribute('d'))).size",
              ),
              3,
            );
            assert.deepEqual(elsewhere, []);
            await page.close();
          },
        );

        await t.step("it can be used by keyboard alone", async () => {
          const page = await browser.open();
          await page.goto(watch.url);
          await seesText(page, checkedWell(8));
          const focused = () =>
            page.evaluate<string>("document.activeElement.textContent");
          for (let i = 0; i < 5 && await focused() !== "Evidence1"; i++) {
            await page.keyboard.press("Tab");
          }
          await page.keyboard.press("Enter");
          await seesText(page, "cannot both be right");
          await seesText(page, "What it does not prove");
          await page.close();
        });

        await t.step(
          "the next round comes by itself, and a server is asked from here",
          async () => {
            const page = await browser.open();
            await page.goto(`${watch.url}#history/alpha`);
            await seesText(page, "Ask it now");
            await page.evaluate(
              "document.querySelector('.ask button').click()",
            );
            await seesText(page, "✓ Verified in this browser");
            await page.close();
          },
        );

        await t.step("it fits, light and dark, narrow and wide", async () => {
          await lookAround(browser, watch);
        });

        await t.step("without JavaScript there is the table", async () => {
          const page = await browser.open({ javaScriptEnabled: false });
          await page.goto(watch.url);
          await page.close();
        });
      }

      await t.step("one bit turned over in the database is seen", async () => {
        spoil(db, exchanges[0] as number);
        await using watch = await startWatch(listed, db);
        const page = await browser.open();
        await page.goto(watch.url);
        await page.waitForSelector("#checked.bad");
        assert.match(
          await textOf(page, "#checked summary"),
          /^✗ Checked here: [67] of 8/,
        );
        assert.match(await textOf(page, "#checked ul"), /alpha: /);
        assert.match(await rowOf(page, "alpha"), /✗ not confirmed/);
        await picture(page, "spoilt");
        await page.close();
      });
      assert.deepEqual(browser.complaints, []);
    } finally {
      for (const one of servers) await one.stop();
    }
  },
);
