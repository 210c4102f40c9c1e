import assert from "node:assert/strict";
import fc from "fast-check";
import { type DumpedTag, dumpPacket, formatDump } from "../../lib/cli/dump.ts";
import { DIALECTS } from "../../lib/wire/dialect.ts";
import { frame } from "../../lib/wire/frame.ts";
import { encodeMessage } from "../../lib/wire/message.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  ALL,
  corpus,
  exchangeFor,
  forge,
  put,
  requestFor,
} from "../_support/fixtures.ts";

function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

const NOTHING = new Uint8Array(0);

const RFC = DIALECTS["rfc-10049"];

function tagsOf(packet: Uint8Array, dialect = RFC): readonly DumpedTag[] {
  const dump = dumpPacket(packet, dialect);
  assert("tags" in dump);
  return dump.tags;
}

function find(tags: readonly DumpedTag[], ...path: string[]): DumpedTag {
  const [name, ...rest] = path;
  const found = tags.find(({ tag }) => tag === name);
  assert(found, `${name} is there`);
  return rest.length === 0 ? found : find(found.tags ?? [], ...rest);
}

test("dumpPacket() says what a request means", () => {
  const tags = tagsOf(requestFor("rfc-10049"));
  assert.deepEqual(tags.map(({ tag }) => tag), [
    "VER",
    "SRV",
    "NONC",
    "TYPE",
    "ZZZZ",
  ]);
  assert.deepEqual(find(tags, "VER"), {
    tag: "VER",
    length: 4,
    hex: "01000000",
    meaning: "1",
  });
  assert.equal(find(tags, "TYPE").meaning, "request");
  assert.equal(find(tags, "NONC").hex?.length, 64);
  assert.deepEqual(find(tags, "ZZZZ"), {
    tag: "ZZZZ",
    length: find(tags, "ZZZZ").length,
    hex: "",
    meaning: "zeros",
  });
});

test("dumpPacket() reads every dialect's reply down to the delegation", async () => {
  for (const dialect of ALL) {
    const { response } = await exchangeFor(dialect.id, 3);
    const tags = tagsOf(response, dialect);
    const time = dialect.time === "unix-seconds"
      ? "2026-09-21T14:13:20.000Z"
      : "2026-09-21T14:13:20.123Z";
    assert.equal(find(tags, "SREP", "MIDP").meaning, time, dialect.id);
    assert.equal(find(tags, "SREP", "RADI").meaning, "4 s");
    assert.equal(find(tags, "CERT", "DELE", "PUBK").length, 32);
    assert.match(find(tags, "CERT", "DELE", "MAXT").meaning ?? "", /^2026-/);
    assert.match(find(tags, "INDX").meaning ?? "", /^\d+$/);
    if (dialect.versionEcho === "srep") {
      assert.match(find(tags, "SREP", "VERS").meaning ?? "", /0x8000000c|^1$/);
    }
  }
});

test("dumpPacket() shows times that no calendar has", async () => {
  const far = await forge({
    dialect: "rfc-10049",
    midpointMicros: 2n ** 60n * 1_000_000n,
    notAfterMicros: 2n ** 61n * 1_000_000n,
  });
  assert.equal(
    find(tagsOf(far.response), "SREP", "MIDP").meaning,
    "beyond the calendar",
  );
  const mjd = DIALECTS["draft-07"];
  const bad = await forge({
    dialect: mjd.id,
    srep: (entries) => put(entries, TAG.MIDP, new Uint8Array(8).fill(0xff)),
  });
  assert.equal(
    find(tagsOf(bad.response, mjd), "SREP", "MIDP").meaning,
    "not a time",
  );
});

test("dumpPacket() gives hex where a value makes no sense", () => {
  const packet = frame(encodeMessage([
    [TAG.VER, new Uint8Array(0)],
    [TAG.TYPE, Uint8Array.of(9, 0, 0, 0)],
    [TAG.INDX, new Uint8Array(8)],
    [TAG.RADI, new Uint8Array(0)],
    [TAG.MIDP, new Uint8Array(4)],
    [TAG.SREP, Uint8Array.of(255, 255, 255, 255)],
  ]));
  for (const { tag, meaning, hex } of tagsOf(packet)) {
    assert.equal(meaning, undefined, tag);
    assert.match(hex ?? "?", /^[0-9a-f]*$/);
  }
});

test("dumpPacket() escapes names of tags", () => {
  const [tag] = tagsOf(frame(encodeMessage([[0x6d5b1b41, NOTHING]])));
  assert.equal(tag?.tag, "A\\x1b[m");
});

test("dumpPacket() says what is wrong with the rest", () => {
  const packet = requestFor("rfc-10049").subarray(0, 100);
  const dump = dumpPacket(packet, RFC);
  assert("fault" in dump);
  assert.equal(dump.fault.code, "frame-length");
  const [reason = "", first = "", ...more] = formatDump(dump, "response");
  assert.match(reason, /^ {2}the response cannot be parsed: its frame /);
  assert.match(first, /^ {2}524f55474854494d[0-9a-f]{48}$/);
  assert.equal(more.length, 3);
  assert.deepEqual(formatDump(dumpPacket(NOTHING, RFC), "request"), [
    "  the request cannot be parsed: it ends after 0 bytes, inside its header",
  ]);
});

test("dumps of anything are printable lines of ordinary length", () => {
  const check = (packet: Uint8Array, document: "request" | "response") => {
    for (const dialect of [RFC, DIALECTS["draft-07"], DIALECTS.google]) {
      for (const line of formatDump(dumpPacket(packet, dialect), document)) {
        assert.match(line, /^ {2}[\x20-\x7e]+$/);
        assert.equal(line.trimEnd(), line);
      }
    }
  };
  for (const id of ["rfc-10049", "google"] as const) {
    for (const { packet } of corpus(requestFor(id))) check(packet, "request");
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (packet) => {
      check(packet, "response");
      check(frame(packet), "response");
    }),
  );
});

test("formatDump() lays tags out with what is in them", async () => {
  const { response } = await exchangeFor("rfc-10049", 1);
  const lines = formatDump(dumpPacket(response, RFC), "response");
  const shape = lines.map((line) =>
    line.replace(/[0-9a-f]{64}/, "#").replace(/\([0-9a-f]+\)/, "()")
  );
  assert.deepEqual(shape.slice(0, 5), [
    "  SIG    64  #",
    "             #",
    "  NONC   32  #",
    "  TYPE    4  reply  ()",
    "  PATH    0",
  ]);
  assert(shape.includes("    RADI    4  4 s  ()"));
  assert(shape.includes("    MIDP    8  2026-09-21T14:13:20.000Z  ()"));
  assert(shape.includes("      PUBK   32  #"));
  assert.equal(shape.at(-1), "  INDX    4  0  ()");
});
