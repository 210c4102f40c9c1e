import assert from "node:assert/strict";
import { family } from "../../lib/watch/openmetrics.ts";

Deno.test("family() writes OpenMetrics, whatever stands in a label", {
  permissions: "none",
}, () => {
  assert.equal(family("a", "gauge", "Nothing.", []), "");
  assert.equal(
    family("a_seconds", "gauge", "Help.", [
      [{ server: 'x"\\\n\ud800' }, -1.5],
      [{}, Infinity],
    ]),
    "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds Help.\n" +
      'a_seconds{server="x\\"\\\\\\n\ufffd"} -1.5\na_seconds +Inf\n',
  );
  assert.match(family("a", "counter", "Help.", [[{}, 1]]), /^a_total 1$/m);
  assert.match(
    family("a", "info", "Help.", [[{ b: "c" }, 1]]),
    /^a_info\{b="c"\} 1$/m,
  );
});
