import assert from "node:assert/strict";
import { findCause, isClockReason } from "../../lib/net/cause.ts";
import type { FailureReason } from "../../lib/wire/errors.ts";

const none = { permissions: "none" } as const;

/** What Node's `fetch` throws. */
function node(code: string): Error {
  const inner = Object.assign(new Error(`connect ${code}`), { code });
  return new TypeError("fetch failed", { cause: inner });
}

/** What Deno's does. */
function deno(detail: string): Error {
  const inner = new Error(
    `error sending request for url (https://a.example/): client error (Connect): ${detail}`,
  );
  return new TypeError("fetch failed", { cause: inner });
}

Deno.test(
  "findCause() finds the reason behind what a runtime wraps it in",
  none,
  () => {
    const verified = "verification time 9 (UNIX), but certificate is not valid";
    const cases: [error: Error, reason: FailureReason, text: RegExp][] = [
      [node("ECONNREFUSED"), "refused", /^connection refused$/],
      [node("ECONNRESET"), "reset", /closed/],
      [node("EHOSTUNREACH"), "no-route", /no route/],
      [node("ENETUNREACH"), "no-route", /^network unreachable$/],
      [node("ENOTFOUND"), "name", /no such host/],
      [
        node("CERT_HAS_EXPIRED"),
        "certificate-expired",
        /expired.*clock is ahead/,
      ],
      [
        node("CERT_NOT_YET_VALID"),
        "certificate-not-yet-valid",
        /clock is behind/,
      ],
      [
        node("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
        "certificate-untrusted",
        /authority/,
      ],
      [
        node("DEPTH_ZERO_SELF_SIGNED_CERT"),
        "certificate-untrusted",
        /authority/,
      ],
      [
        node("ERR_TLS_CERT_ALTNAME_INVALID"),
        "certificate-name",
        /another name/,
      ],
      [node("ERR_SSL_WRONG_VERSION_NUMBER"), "no-tls", /TLS/],
      [
        deno(
          `invalid peer certificate: certificate expired: ${verified} after 8`,
        ),
        "certificate-expired",
        /clock/,
      ],
      [
        deno(
          `invalid peer certificate: certificate not valid yet: ${verified} before 10`,
        ),
        "certificate-not-yet-valid",
        /clock/,
      ],
      [
        deno("invalid peer certificate: UnknownIssuer"),
        "certificate-untrusted",
        /authority/,
      ],
      [
        deno('invalid peer certificate: certificate not valid for name "a"'),
        "certificate-name",
        /another name/,
      ],
      [
        deno("received corrupt message of type InvalidContentType"),
        "no-tls",
        /TLS/,
      ],
      [deno("dns error: failed to lookup address information"), "name", /host/],
      [
        deno("tcp connect error: Connection refused (os error 111)"),
        "refused",
        /^connection refused$/,
      ],
      [new Deno.errors.ConnectionRefused("no"), "refused", /refused/],
      [new Deno.errors.ConnectionReset("no"), "reset", /closed/],
      [
        new DOMException("Signal timed out.", "TimeoutError"),
        "timeout",
        /time/,
      ],
      [
        new Deno.errors.NotCapable("Requires net access"),
        "denied",
        /^Requires/,
      ],
      [new Error("odd"), "other", /^odd$/],
      [
        new TypeError("fetch failed", { cause: new Error("odd") }),
        "other",
        /^odd$/,
      ],
    ];
    for (const [error, reason, text] of cases) {
      const found = findCause(error);
      assert.equal(found.reason, reason, String(error.cause ?? error));
      assert.match(found.text, text);
    }
  },
);

Deno.test("findCause() looks at all that an AggregateError holds", none, () => {
  const refused = Object.assign(new Error("::1"), { code: "ECONNREFUSED" });
  const all = new AggregateError([new Error("first"), refused], "all failed");
  assert.equal(findCause(all).reason, "refused");
  assert.equal(findCause(new Error("x", { cause: all })).reason, "refused");
  const plain = new AggregateError([new Error("first"), new Error("second")]);
  assert.deepEqual(findCause(plain), { reason: "other", text: "first" });
});

Deno.test("findCause() ends, whatever is thrown", none, () => {
  const round = new Error("round");
  round.cause = new Error("and round", { cause: round });
  assert.equal(findCause(round).reason, "other");
  for (const odd of [undefined, null, "odd", 7, {}, { code: 7 }]) {
    assert.deepEqual(findCause(odd), { reason: "other", text: String(odd) });
  }
});

Deno.test("only what a clock can cause is laid to the clock", none, () => {
  assert(isClockReason("certificate-expired"));
  assert(isClockReason("certificate-not-yet-valid"));
  for (const one of ["refused", "certificate-name", "other"] as const) {
    assert(!isClockReason(one));
  }
  assert(!isClockReason(undefined));
});
