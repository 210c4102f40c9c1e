/** `report.html` in a real browser, opened as a file. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { malfeasanceReport } from "../../lib/verify/report.ts";
import { PAGE_ASSETS } from "../../lib/watch/page_assets.ts";
import { inBrowser, startBrowser } from "../_support/browser.ts";
import { folder } from "../_support/cli.ts";
import { flip, SECOND } from "../_support/fixtures.ts";
import { type ChainLink, makeChain } from "../_support/many.ts";

const HOUR = 3600n * SECOND;

function chain(aheadMicros: bigint): Promise<ChainLink[]> {
  return makeChain([
    { dialect: "rfc-10049", server: 0 },
    { dialect: "rfc-10049", server: 1, aheadMicros },
    { dialect: "rfc-10049", server: 2 },
  ]);
}

Deno.test(
  inBrowser("report.html judges a report without any network"),
  async () => {
    await using there = await folder();
    const path = there.in("report.html");
    await Deno.writeTextFile(path, PAGE_ASSETS["/report.html"]?.body ?? "");
    const browser = await startBrowser();
    await using page = await browser.open({ colorScheme: "dark" });
    const asked: string[] = [];
    page.on("request", (request) => void asked.push(request.url()));
    await page.goto(`file://${path}`);

    const lies = await chain(HOUR);
    const [first, second, third] = lies as [ChainLink, ChainLink, ChainLink];
    const spoilt = {
      ...second,
      exchange: {
        ...second.exchange,
        response: flip(second.exchange.response, 2000),
      },
    };
    const cases: [string, string, string][] = [
      ["a lie", malfeasanceReport(lies), "cannot both be right"],
      ["no lie", malfeasanceReport(await chain(0n)), "accuses nobody"],
      [
        "spoilt",
        malfeasanceReport([first, spoilt, third]),
        "Entry 2 is not proven",
      ],
      ["not a report", "<b>hello</b>", "it is not JSON"],
    ];
    for (const [name, text, finding] of cases) {
      await page.setInputFiles("#file", {
        name: `${name}.json`,
        mimeType: "application/json",
        buffer: Buffer.from(text),
      });
      await page.waitForSelector(`#output h2:has-text("${name}.json")`);
      const said = await page.evaluate<string>(
        "document.querySelector('.finding').innerText",
      );
      assert(said.includes(finding), said);
    }
    assert.deepEqual(asked, [`file://${path}`]);
    assert.deepEqual(browser.complaints, []);
  },
);
