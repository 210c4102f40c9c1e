import assert from "node:assert/strict";
import { checkFields, nested, reject, valueOf } from "../../lib/wire/field.ts";
import {
  decodeMessage,
  encodeMessage,
  type Entry,
  type Message,
} from "../../lib/wire/message.ts";
import { TAG } from "../../lib/wire/tag.ts";

const none = { permissions: "none" } as const;

function message(...entries: Entry[]): Message {
  const decoded = decodeMessage(encodeMessage(entries));
  assert(decoded.ok);
  return decoded.message;
}

Deno.test("reject() wraps a reason", none, () => {
  assert.deepEqual(reject({ code: "merkle-root" }), {
    ok: false,
    rejection: { code: "merkle-root" },
  });
});

Deno.test(
  "checkFields() finds nothing wrong where all tags have their lengths",
  none,
  () => {
    const good = message(
      [TAG.RADI, new Uint8Array(4)],
      [TAG.MIDP, new Uint8Array(8)],
      [TAG.PATH, new Uint8Array(96)],
    );
    assert.equal(checkFields(good, "SREP", []), undefined);
    assert.equal(
      checkFields(good, "SREP", [
        [TAG.MIDP, 8],
        [TAG.PATH, 32, "multiple"],
        [TAG.RADI, 4],
      ]),
      undefined,
    );
  },
);

Deno.test("checkFields() rejects a missing tag with tag-missing", none, () => {
  assert.deepEqual(
    checkFields(message([TAG.RADI, new Uint8Array(4)]), "SREP", [
      [TAG.RADI, 4],
      [TAG.MIDP, 8],
      [TAG.ROOT, 32],
    ]),
    { code: "tag-missing", document: "SREP", tag: TAG.MIDP },
  );
});

Deno.test(
  "checkFields() rejects another length with length-wrong",
  none,
  () => {
    for (const length of [0, 4, 12]) {
      assert.deepEqual(
        checkFields(message([TAG.MIDP, new Uint8Array(length)]), "SREP", [
          [TAG.MIDP, 8],
        ]),
        { code: "length-wrong", document: "SREP", tag: TAG.MIDP, length },
      );
    }
  },
);

Deno.test(
  "checkFields() takes any multiple where any is allowed, 0 included",
  none,
  () => {
    for (const length of [0, 32, 64, 1024]) {
      const path = message([TAG.PATH, new Uint8Array(length)]);
      const rules = [[TAG.PATH, 32, "multiple"]] as const;
      assert.equal(checkFields(path, "response", rules), undefined);
    }
    for (const length of [4, 28, 36]) {
      const path = message([TAG.PATH, new Uint8Array(length)]);
      assert.deepEqual(
        checkFields(path, "response", [[TAG.PATH, 32, "multiple"]]),
        { code: "length-wrong", document: "response", tag: TAG.PATH, length },
      );
    }
  },
);

Deno.test("checkFields() reports the first rule that is broken", none, () => {
  const bad = message([TAG.SIG, new Uint8Array(60)]);
  assert.equal(
    checkFields(bad, "CERT", [[TAG.DELE, 72], [TAG.SIG, 64]])?.code,
    "tag-missing",
  );
  assert.equal(
    checkFields(bad, "CERT", [[TAG.SIG, 64], [TAG.DELE, 72]])?.code,
    "length-wrong",
  );
});

Deno.test(
  "checkFields() ignores tags that no rule names (section 7)",
  none,
  () => {
    const odd = message(
      [TAG.RADI, new Uint8Array(4)],
      [0x41414141, new Uint8Array(400)],
    );
    assert.equal(checkFields(odd, "SREP", [[TAG.RADI, 4]]), undefined);
  },
);

Deno.test(
  "valueOf() gives a value as a view, and nothing for what is not there",
  none,
  () => {
    const m = message([TAG.RADI, Uint8Array.of(1, 2, 3, 4)]);
    const value = valueOf(m, TAG.RADI);
    assert.deepEqual(Array.from(value), [1, 2, 3, 4]);
    assert.equal(value.buffer, m.bytes.buffer);
    assert.equal(valueOf(m, TAG.MIDP).length, 0);
  },
);

Deno.test("nested() decodes a message inside a tag", none, () => {
  const inner = encodeMessage([[TAG.PUBK, new Uint8Array(32).fill(7)]]);
  const result = nested(message([TAG.DELE, inner]), TAG.DELE, "CERT", "DELE");
  assert(result.ok);
  assert.deepEqual(result.message.tags, [TAG.PUBK]);
  assert.deepEqual(Uint8Array.from(result.message.bytes), inner);
});

Deno.test(
  "nested() names the outer document for a missing tag, the inner one for a fault",
  none,
  () => {
    const outer = message([TAG.SIG, new Uint8Array(64)]);
    assert.deepEqual(nested(outer, TAG.DELE, "CERT", "DELE"), {
      ok: false,
      rejection: { code: "tag-missing", document: "CERT", tag: TAG.DELE },
    });
    const broken = message([TAG.DELE, new Uint8Array(8)]);
    assert.deepEqual(nested(broken, TAG.DELE, "CERT", "DELE"), {
      ok: false,
      rejection: {
        code: "malformed",
        document: "DELE",
        fault: { code: "tag-count", value: 0, index: 0 },
      },
    });
  },
);
