import assert from "node:assert/strict";
import { UsageError } from "../../../lib/cli/terminal/exit_code.ts";
import {
  keyFileText,
  loadKeyFile,
  loadKeys,
} from "../../../lib/cli/server/key_source.ts";
import { createSigner } from "../../../lib/crypto/ed25519.ts";
import { formatKey } from "../../../lib/wire/key_text.ts";
import { folder, writeDelegation, writeKey } from "../../_support/cli.ts";
import { environment } from "../../_support/environment.ts";
import { bytes } from "../../_support/fixtures.ts";

const UNIX = { ignore: Deno.build.os === "windows" };

const SEED = bytes(32, 7);
const TEXT = formatKey(SEED);
const HEX = Array.from(SEED, (b) => b.toString(16).padStart(2, "0")).join("");
const KEY = formatKey(createSigner(SEED).publicKey);

/** Holds if a file is refused for that reason, without a word of what is in it. */
async function refused(path: string, message: RegExp): Promise<void> {
  await assert.rejects(loadKeyFile(path), (error) => {
    assert(error instanceof UsageError, String(error));
    assert.match(error.message, message);
    assert(!error.message.includes(TEXT.slice(0, 16)));
    return true;
  });
}

Deno.test("a key file has the key alone, or as one of the variables", async () => {
  await using there = await folder();
  const file = there.in("key");
  const texts = [
    TEXT,
    `${TEXT}\n`,
    ` \t${TEXT} \r\n\r\n`,
    TEXT.replace(/=$/, ""),
    TEXT.replaceAll("+", "-").replaceAll("/", "_"),
    HEX,
    `${HEX.toUpperCase()}\n`,
    keyFileText(SEED),
    `ROUGHLY_SERVER_PRIVATE_KEY=${HEX}`,
    `# mine\n\nexport ROUGHLY_PRIVATE_KEY = "${TEXT}" # more\nOTHER=1\n`,
    `ROUGHLY_PRIVATE_KEY='${TEXT}'\r\nOTHER=1\r\n`,
    `ROUGHLY_PRIVATE_KEY=rubbish\nROUGHLY_SERVER_PRIVATE_KEY=${TEXT}\n`,
    `\ufeffROUGHLY_PRIVATE_KEY=${TEXT}\n`,
  ];
  for (const text of texts) {
    await writeKey(file, text);
    const signer = await loadKeyFile(file);
    assert.equal(formatKey(signer.publicKey), KEY, text);
  }
});

Deno.test("what is in a key file and is no key is refused", async () => {
  await using there = await folder();
  const file = there.in("key");
  const cases: [text: string, message: RegExp][] = [
    ["", /holds no private key$/],
    [" \n\n", /holds no private key$/],
    ["# nothing\n", /holds no private key$/],
    ["OTHER=1\n", /holds no private key$/],
    ["ROUGHLY_PRIVATE_KEY=\n", /is unusable|holds no private key$/],
    [`${TEXT}\n${TEXT}\n`, /holds no private key$/],
    [`key: ${TEXT}\n`, /holds no private key$/],
    ['{\n  "schema": "roughly/delegation/1"\n}\n', /holds no private key$/],
    ["rubbish", /is unusable: it is neither base64 nor hex$/],
    [TEXT.slice(0, 20), /is unusable: /],
    [HEX.slice(1), /is unusable: /],
    [`${TEXT}${TEXT}`, /holds no private key$/],
    [`${HEX}${HEX}`, /is unusable: /],
    [formatKey(SEED.subarray(1)), /unusable: it has 31 bytes instead of 32$/],
    [formatKey(bytes(33, 7)), /unusable: it has 33 bytes instead of 32$/],
    [formatKey(bytes(64, 7)), /unusable: it has 64 bytes instead of 32$/],
    ["\u0000".repeat(32), /is unusable: /],
    ["x".repeat(65537), /is too large to be a key$/],
  ];
  for (const [text, message] of cases) {
    await writeKey(file, text);
    await refused(file, message);
  }
  // 32 raw bytes are not text; neither is other rubbish.
  await Deno.writeFile(file, bytes(32, 9));
  await refused(file, /is unusable: |holds no private key$/);
});

Deno.test(
  "a key file that is none, or that others may read, is refused",
  UNIX,
  async () => {
    await using there = await folder();
    const file = there.in("key");
    await refused(file, /^there is no file /);
    await refused(there.path, /is not a file$/);
    await writeKey(file, TEXT);
    await Deno.chmod(file, 0o644);
    await refused(file, /others may read it$/);
    await Deno.chmod(file, 0o600);
    await Deno.symlink(file, there.in("link"));
    await refused(there.in("link"), /is a link$/);
    await new Deno.Command("mkfifo", { args: ["-m", "600", there.in("pipe")] })
      .output();
    await refused(there.in("pipe"), /is not a file$/);
  },
);

Deno.test("loadKeys() takes all that is named, in its order", async () => {
  await using there = await folder();
  const names = ["a", "b"];
  for (const [i, name] of names.entries()) {
    await writeKey(there.in(name), formatKey(bytes(32, 20 + i)));
  }
  const delegated = createSigner(bytes(32, 30));
  await writeDelegation(there.in("c"), { longTerm: delegated });
  const keys = await loadKeys({
    privateKey: TEXT,
    keyFile: names.map(there.in),
    delegation: [there.in("c")],
  });
  assert.deepEqual(
    keys.longTerm.map(({ key, source, isFile }) => [
      formatKey(key.publicKey),
      source,
      isFile,
    ]),
    [
      [KEY, "--private-key", false],
      ...names.map((name, i) => [
        formatKey(createSigner(bytes(32, 20 + i)).publicKey),
        there.in(name),
        true,
      ]),
    ],
  );
  assert.deepEqual(
    keys.delegated.map(({ key, source }) => [
      formatKey(key.publicKey),
      source,
    ]),
    [[formatKey(delegated.publicKey), there.in("c")]],
  );
});

Deno.test("loadKeys() picks up no key from elsewhere if one is named", async () => {
  await using there = await folder();
  await writeDelegation(there.in("online"), {
    longTerm: createSigner(bytes(32, 30)),
  });
  using _ = environment({ ROUGHLY_PRIVATE_KEY: TEXT });
  const found = await loadKeys({});
  assert.deepEqual(
    found.longTerm.map(({ source }) => source),
    ["ROUGHLY_PRIVATE_KEY"],
  );
  const named = await loadKeys({ delegation: [there.in("online")] });
  assert.deepEqual(named.longTerm, []);
  assert.equal(named.delegated.length, 1);
});

Deno.test("loadKeys() refuses a delegation that is none", UNIX, async () => {
  await using there = await folder();
  const file = there.in("online");
  const refuse = (message: RegExp) =>
    assert.rejects(
      loadKeys({ delegation: [file] }),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  await refuse(/^there is no file /);
  const good = await writeDelegation(file, {
    longTerm: createSigner(bytes(32, 30)),
  });
  const cases: [text: string, message: RegExp][] = [
    ["", /not a usable delegation: it is not JSON$/],
    [TEXT, /it is not JSON$/],
    ["null", /not of the form roughly\/delegation\/1$/],
    ["{}", /not of the form roughly\/delegation\/1$/],
    [good.slice(0, -20), /it is not JSON$/],
    [good.replace(/"onlineSeed": ".{8}/, '"onlineSeed": "'), /32 bytes/],
    [
      good.replace(/"onlineSeed": "[^"]+/, `"onlineSeed": "${TEXT}`),
      /certificate .* is missing or not valid$/,
    ],
    [
      good.replace(/"publicKey": "[^"]+/, `"publicKey": "${KEY}`),
      /certificate .* is missing or not valid$/,
    ],
  ];
  for (const [text, message] of cases) {
    await writeKey(file, text);
    await refuse(message);
  }
  await writeKey(file, good);
  assert.equal((await loadKeys({ delegation: [file] })).delegated.length, 1);
  await Deno.chmod(file, 0o644);
  await refuse(/others may read it$/);
});
