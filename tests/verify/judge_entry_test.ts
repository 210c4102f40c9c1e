import assert from "node:assert/strict";
import { judgeEntry } from "../../lib/verify/judge.ts";
import { parseReport } from "../../lib/verify/report.ts";
import { flip } from "../_support/fixtures.ts";
import { FORMS, makeChain } from "../_support/many.ts";

Deno.test(
  "judgeEntry() tells which entries of a report are proven when one is not",
  { permissions: "none" },
  async () => {
    const chain = await makeChain(
      [0, 1, 2, 3, 4].map((server) => ({ dialect: "rfc-10049", server })),
    );
    const { entries } = parseReport(JSON.stringify(FORMS["rfc-10049"](chain)));
    const spoilt = entries.map((entry, i) =>
      i === 2 ? { ...entry, response: flip(entry.response, 2000) } : entry
    );
    const judged = await Promise.all(
      spoilt.map((entry, i) => judgeEntry(entry, spoilt[i - 1])),
    );
    assert.deepEqual(
      judged.map((one) => "code" in one ? one.code : "proven"),
      ["proven", "proven", "rejected", "not-chained", "proven"],
    );
  },
);
