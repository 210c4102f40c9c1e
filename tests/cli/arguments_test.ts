import assert from "node:assert/strict";
import {
  parseChoice,
  parseCount,
  parseDays,
  parseFraction,
  parseInterval,
  parseListen,
  parseListenPort,
  parsePort,
  parseSeconds,
  parseSwitch,
  parseTarget,
  parseTimeout,
  parseValidity,
  parseVersions,
  splitHostPort,
  toOffer,
} from "../../lib/cli/arguments.ts";
import { UsageError } from "../../lib/cli/terminal/exit_code.ts";
import {
  ALIASES,
  DIALECTS,
  GOOGLE_VERSION,
  SERVER_VERSIONS,
} from "../../lib/wire/dialect.ts";
import { WireError } from "../../lib/wire/errors.ts";
import { formatKey } from "../../lib/wire/key_text.ts";
import { STRANGER as KEY } from "../_support/cli.ts";
import { ALL } from "../_support/fixtures.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Every text is refused, in words that repeat it. */
function refuses(parse: (text: string) => unknown, ...texts: string[]): void {
  for (const text of texts) {
    assert.throws(() => parse(text), (error) => {
      assert(error instanceof UsageError, `${text}: ${error}`);
      assert(error.message.includes(`"${text}"`), error.message);
      return true;
    });
  }
}

test("parseTarget() reads every order that is allowed", () => {
  const cases: [words: string[], host: string, port: number, key: boolean][] = [
    [["example.org"], "example.org", 2002, false],
    [["example.org", "2003"], "example.org", 2003, false],
    [["example.org", KEY], "example.org", 2002, true],
    [["example.org", "2003", KEY], "example.org", 2003, true],
    [["example.org:2003"], "example.org", 2003, false],
    [["example.org:2003", KEY], "example.org", 2003, true],
    [["192.0.2.1:1", KEY], "192.0.2.1", 1, true],
    [["::1"], "::1", 2002, false],
    [["::1", "65535", KEY], "::1", 65535, true],
    [["[::1]", KEY], "::1", 2002, true],
    [["[::1]", "2003", KEY], "::1", 2003, true],
    [["[2001:db8::1]:2003", KEY], "2001:db8::1", 2003, true],
    [["fe80::1%eth0", "2003"], "fe80::1%eth0", 2003, false],
  ];
  for (const [words, host, port, hasKey] of cases) {
    const { publicKey, ...rest } = parseTarget(words);
    assert.deepEqual(rest, { host, port }, words.join(" "));
    assert.equal(publicKey && formatKey(publicKey), hasKey ? KEY : undefined);
  }
});

test("parseTarget() says which word it cannot use", () => {
  const cases: [words: string[], message: RegExp][] = [
    [["h", "2002", KEY, "extra"], /"extra"/],
    [["h", "abc", KEY], /cannot use "abc" as a port/],
    [["h", KEY, "2002"], /cannot use ".*" as a port/],
    [["h", "0"], /cannot use "0" as a port/],
    [["h", "1234567890"], /cannot use "1234567890" as a port/],
    [["h:1", "2", KEY], /cannot use "2": "h:1" has a port already/],
    [["h:1", "2"], /has a port already/],
    [["h:1", KEY, KEY], /has a port already/],
    [[], /cannot use "" as a host/],
  ];
  for (const [words, message] of cases) {
    assert.throws(() => parseTarget(words), UsageError, words.join(" "));
    assert.throws(() => parseTarget(words), message, words.join(" "));
  }
});

test("parseTarget() takes a key in every spelling, and no other length", () => {
  const hex = Array.from(
    atob(KEY),
    (c) => c.charCodeAt(0).toString(16).padStart(2, "0"),
  ).join("");
  for (
    const key of [
      KEY,
      KEY.replace("=", ""),
      KEY.replaceAll("+", "-").replaceAll("/", "_"),
      hex,
      hex.toUpperCase(),
    ]
  ) {
    const { publicKey } = parseTarget(["h", key]);
    assert.equal(publicKey && formatKey(publicKey), KEY);
  }
  const bytes = (length: number) => btoa("k".repeat(length));
  for (const key of [bytes(31), bytes(33), bytes(1), hex.slice(2), "k", "é"]) {
    assert.throws(() => parseTarget(["h", "2002", key]), WireError, key);
    assert.throws(() => parseTarget(["h", "2002", key]), /Cannot read key/);
  }
});

test("splitHostPort() refuses what is no host", () => {
  refuses(
    splitHostPort,
    "",
    " ",
    "a b",
    "a\nb",
    "\u001b[31mx",
    "a\u202eb",
    "http://example.org",
    "example.org/path",
    "user@example.org",
    ":2002",
    "[::1",
    "::1]",
    "[]",
    "[]:1",
    "[127.0.0.1]:1",
    "[example.org]",
    "example.org:1:2",
    "1::2::3",
  );
  assert.throws(() => splitHostPort("example.org:"), /cannot use "" as a port/);
});

test("parsePort() takes what a client can send to", () => {
  for (const port of [1, 80, 2002, 65535]) {
    assert.equal(parsePort(String(port)), port);
    assert.equal(parseListenPort(String(port)), port);
  }
  const bad = ["", " ", "65536", "-1", "+1", "1.0", "1e3", "0x10", "abc", "1 "];
  refuses(parsePort, "0", "00", ...bad);
  refuses(parseListenPort, ...bad);
  assert.equal(parseListenPort("0"), 0);
});

test("numbers are decimal and within their limits", () => {
  assert.equal(parseSeconds("0.3"), 0.3);
  assert.equal(parseSeconds(".5"), 0.5);
  assert.equal(parseSeconds("5."), 5);
  assert.equal(parseSeconds("1e3"), 1000);
  assert.equal(parseSeconds("0.000001"), 1e-6);
  assert.equal(parseTimeout("86400"), 86400);
  assert.equal(parseFraction("0"), 0);
  assert.equal(parseFraction("1"), 1);
  assert.equal(parseFraction("1e-3"), 0.001);
  const bad = ["", " ", "-1", "abc", "5s", "NaN", "Infinity", "1e400", "0x10"];
  refuses(parseSeconds, "0", "1e-7", ...bad);
  refuses(parseValidity, "0", "1e-7", "1", "3.999", ...bad);
  assert.equal(parseValidity("4"), 4);
  refuses(parseTimeout, "0", "86400.1", "1e9", ...bad);
  refuses(parseFraction, "2", "1.001", ...bad);
});

test("what a server is told has limits too", () => {
  const bad = ["", " ", "-1", "+", "abc", "5s", "NaN", "Infinity", "0x10"];
  assert.equal(parseCount("1"), 1);
  assert.equal(parseCount("1000000000"), 1e9);
  refuses(parseCount, "0", "1.5", "1e3", "1000000001", "1 ", ...bad);
  assert.equal(parseInterval("0"), 0);
  assert.equal(parseInterval("0.0"), 0);
  assert.equal(parseInterval("0.5"), 0.5);
  assert.equal(parseInterval("86400"), 86400);
  refuses(parseInterval, "86401", "0x0", "1e-7", ...bad);
  assert.equal(parseDays("0.001"), 0.001);
  assert.equal(parseDays("3660"), 3660);
  refuses(parseDays, "0", "0.0009", "3660.1", ...bad);
});

test("parseListen() takes a literal address and a port", () => {
  const cases: [text: string, hostname: string, port: number][] = [
    ["0.0.0.0:2002", "0.0.0.0", 2002],
    ["127.0.0.1:0", "127.0.0.1", 0],
    ["[::]:5319", "::", 5319],
    ["[2001:db8::1]:65535", "2001:db8::1", 65535],
  ];
  for (const [text, hostname, port] of cases) {
    assert.deepEqual(parseListen(text), { hostname, port });
  }
  refuses(
    parseListen,
    ...["", ":", ":2002", "127.0.0.1", "localhost:2002", "example.org:1"],
    ...["[::1]", "::1:2002", "[]:1", "[x]:1", "1.2.3.4.5:1", " 127.0.0.1:1"],
    "*:1",
  );
  for (const port of ["", "65536", "x", "1:2", "-1"]) {
    assert.throws(() => parseListen(`127.0.0.1:${port}`), /as a port/);
    assert.throws(() => parseListen(`[::1]:${port}`), /as a port/);
  }
});

test("parseSwitch() reads yes and no", () => {
  for (const text of ["1", "true", "YES", "on", " y "]) {
    assert.equal(parseSwitch(text), true);
  }
  for (const text of ["0", "False", "no", "off", "n"]) {
    assert.equal(parseSwitch(text), false);
  }
  refuses(parseSwitch, "", "2", "maybe");
});

test("parseChoice() takes the words that there are", () => {
  const parse = parseChoice(["auto", "udp"]);
  assert.equal(parse("udp"), "udp");
  refuses(parse, "", "UDP", "quic");
  assert.throws(
    () => parse("quic"),
    (error) =>
      error instanceof UsageError && error.hint === "use one of auto, udp",
  );
});

test("parseVersions() knows every row by name and by number", () => {
  for (const row of ALL) {
    for (const name of [row.id, row.id.toUpperCase(), ` ${row.id} `]) {
      assert.deepEqual(parseVersions(name), [
        { code: row.code, dialects: [row] },
      ]);
    }
    const hex = `0x${row.code.toString(16)}`;
    for (const number of [String(row.code), hex, hex.toUpperCase()]) {
      const [version] = parseVersions(number);
      assert.equal(version?.code, row.code);
      assert(version?.dialects.includes(row));
    }
  }
  for (const code of ALIASES) {
    const [version] = parseVersions(String(code));
    assert.equal(version?.code, code);
    assert.deepEqual(version?.dialects.map(({ id }) => id), [
      "draft-14",
      "draft-12",
    ]);
  }
  assert.deepEqual(
    parseVersions(SERVER_VERSIONS.join(",")).map(({ code }) => code),
    SERVER_VERSIONS,
  );
});

test("parseVersions() refuses what it does not know, and repeats", () => {
  for (
    const text of ["", ",", "1,", "bogus", "99", "-1", "1.5", "0x1ffffffff"]
  ) {
    assert.throws(() => parseVersions(text), UsageError, text);
  }
  const numbers = Array.from({ length: 33 }, (_, i) => i + 1).join(",");
  assert.throws(() => parseVersions(numbers), /cannot use "2" as a version/);
  assert.throws(() => parseVersions("1,rfc-10049"), /names a version twice/);
  assert.equal(parseVersions("draft-12,draft-14").length, 2);
});

test("toOffer() tells whether TYPE is to be sent", () => {
  const offer = (text: string) => toOffer(parseVersions(text));
  const { code } = DIALECTS["draft-14"];
  assert.deepEqual(offer("draft-12"), { versions: [code], typed: false });
  assert.deepEqual(offer("draft-14"), { versions: [code], typed: true });
  assert.deepEqual(offer(String(code)), { versions: [code], typed: true });
  assert.equal(offer("draft-08,draft-12").typed, false);
  assert.equal(offer("draft-08,draft-11").typed, true);
  assert.deepEqual(offer("google"), {
    versions: [GOOGLE_VERSION],
    typed: true,
  });
});

test("toOffer() refuses what cannot stand in one request", () => {
  for (const text of ["google,1", "draft-11,google"]) {
    assert.throws(() => toOffer(parseVersions(text)), /cannot offer google/);
  }
  for (const text of ["draft-12,1", "1,draft-12", "draft-14,draft-12"]) {
    assert.throws(() => toOffer(parseVersions(text)), /sends TYPE/);
  }
});
