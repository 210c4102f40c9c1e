import assert from "node:assert/strict";
import { UsageError } from "../../../lib/cli/terminal/exit_code.ts";
import {
  readSecret,
  SecretFile,
  writeSecret,
} from "../../../lib/cli/server/secret_file.ts";
import { ServerError } from "../../../lib/wire/errors.ts";
import {
  CLI,
  folder,
  Lines,
  linesOf,
  programWords,
} from "../../_support/cli.ts";

const UNIX = { ignore: Deno.build.os === "windows" };

/** Holds if reading is refused for that reason. */
async function unreadable(path: string, message: RegExp): Promise<UsageError> {
  let refusal: unknown;
  await assert.rejects(readSecret(path), (error) => {
    refusal = error;
    return error instanceof UsageError && message.test(error.message);
  });
  return refusal as UsageError;
}

async function namesIn(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path));
  return entries.map(({ name }) => name).sort();
}

async function modeOf(path: string): Promise<number> {
  return ((await Deno.lstat(path)).mode ?? 0) & 0o777;
}

Deno.test("readSecret() gives back what writeSecret() wrote", async () => {
  await using there = await folder();
  const file = there.in("secret");
  for (const [text, replace] of [["", false], ["schön\n", true]] as const) {
    await writeSecret(file, text, replace);
    assert.equal(await readSecret(file), text);
  }
  assert.equal(await readSecret(there.in("nothing")), undefined);
  assert.deepEqual(await namesIn(there.path), ["secret"]);
});

Deno.test(
  "readSecret() refuses what others may read or write",
  UNIX,
  async () => {
    await using there = await folder();
    const file = there.in("secret");
    await writeSecret(file, "secret", false);
    for (const mode of [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601]) {
      await Deno.chmod(file, mode);
      const { hint } = await unreadable(file, /others may read it$/);
      assert.equal(hint, `chmod 600 ${file}`);
      // If what stands in it is no secret, that does not matter.
      assert.equal(await readSecret(file, () => false), "secret");
    }
    for (const mode of [0o600, 0o400, 0o700]) {
      await Deno.chmod(file, mode);
      assert.equal(await readSecret(file), "secret");
    }
  },
);

Deno.test(
  "readSecret() reads ordinary files only, and waits for nothing",
  UNIX,
  async () => {
    await using there = await folder();
    await writeSecret(there.in("secret"), "secret", false);
    for (const to of ["secret", "nowhere", "link to nowhere"]) {
      const link = there.in(`link to ${to}`);
      await Deno.symlink(there.in(to), link);
      await unreadable(link, /is a link$/);
    }
    await unreadable(there.path, /is not a file$/);
    await unreadable("/dev/zero", /is not a file$/);
    const pipe = there.in("pipe");
    await new Deno.Command("mkfifo", { args: ["-m", "600", pipe] }).output();
    await unreadable(pipe, /is not a file$/);
  },
);

Deno.test("readSecret() reads no more than any secret has", async () => {
  await using there = await folder();
  const file = there.in("secret");
  await writeSecret(file, "x".repeat(65536), false);
  assert.equal((await readSecret(file))?.length, 65536);
  await writeSecret(file, "x".repeat(65537), true);
  await unreadable(file, /is too large to be a key$/);
});

Deno.test("readSecret() and writeSecret() say what the system has against them", async () => {
  await using there = await folder();
  await Deno.writeTextFile(there.in("file"), "");
  const refused = (message: RegExp) => (error: unknown) =>
    error instanceof ServerError && error.code === "key" &&
    message.test(error.message) && !/os error|\.new/.test(error.message);
  await assert.rejects(
    readSecret(there.in("file/secret")),
    refused(/^Cannot read /),
  );
  for (const replace of [false, true]) {
    for (const path of ["file/secret", "missing/secret"]) {
      await assert.rejects(
        writeSecret(there.in(path), "secret", replace),
        refused(/^Cannot write /),
      );
    }
  }
});

/** Writes a file anew and over another, in a process whose mask hides nothing. */
const UNMASKED = `
  import { writeSecret } from "${
  import.meta.resolve("../../../lib/cli/server/secret_file.ts")
}";
  const [fresh, old] = Deno.args;
  Deno.umask(0);
  await writeSecret(fresh, "secret", false);
  await Deno.writeTextFile(old, "public", { mode: 0o666 });
  if ((Deno.statSync(old).mode & 0o777) !== 0o666) throw new Error("masked");
  await writeSecret(old, "secret", true);
`;

Deno.test(
  "writeSecret() writes for the owner alone, whatever the mask",
  UNIX,
  async () => {
    await using there = await folder();
    const script = there.in("unmasked.ts");
    await Deno.writeTextFile(script, UNMASKED);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...programWords(script), there.in("new"), there.in("old")],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(await modeOf(there.in("new")), 0o600);
    assert.equal(await modeOf(there.in("old")), 0o600);
  },
);

Deno.test("writeSecret() leaves alone what is there", UNIX, async () => {
  await using there = await folder();
  await Deno.writeTextFile(there.in("precious"), "precious");
  await Deno.symlink(there.in("precious"), there.in("link"));
  await Deno.symlink(there.in("nowhere"), there.in("astray"));
  await Deno.mkdir(there.in("folder"));
  const names = await namesIn(there.path);
  for (const name of names) {
    await assert.rejects(
      writeSecret(there.in(name), "secret", false),
      (error) => error instanceof UsageError && /exists/.test(error.message),
    );
    if (name === "precious") continue;
    await assert.rejects(
      writeSecret(there.in(name), "secret", true),
      (error) => error instanceof UsageError && /ordinary/.test(error.message),
    );
  }
  assert.deepEqual(await namesIn(there.path), names);
  assert.equal(await Deno.readTextFile(there.in("precious")), "precious");
  await assert.rejects(writeSecret("", "secret", true), /without a name/);
});

Deno.test(
  "writeSecret() replaces a file that another name shares, not its content",
  UNIX,
  async () => {
    await using there = await folder();
    await Deno.writeTextFile(there.in("a"), "precious");
    await Deno.link(there.in("a"), there.in("b"));
    await writeSecret(there.in("b"), "secret", true);
    assert.equal(await Deno.readTextFile(there.in("a")), "precious");
    assert.equal(await readSecret(there.in("b")), "secret");
  },
);

/** Replaces a file with ever new keys and says so, until it is killed. */
const REWRITER = `
  import { keyFileText } from "${
  import.meta.resolve("../../../lib/cli/server/key_source.ts")
}";
  import { writeSecret } from "${
  import.meta.resolve("../../../lib/cli/server/secret_file.ts")
}";
  const seed = new Uint8Array(32);
  for (;;) {
    crypto.getRandomValues(seed);
    await writeSecret(Deno.args[0], keyFileText(seed), true);
    console.log("written");
  }
`;

const WHOLE_KEY = /^ROUGHLY_PRIVATE_KEY=[A-Za-z0-9+/]{43}=\n$/;

Deno.test(
  "writeSecret() leaves a whole key whenever it is killed",
  UNIX,
  async () => {
    await using there = await folder();
    const file = there.in("key");
    const script = there.in("rewriter.ts");
    await Deno.writeTextFile(script, REWRITER);
    for (let round = 1; round <= 20; round++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: [...programWords(script), file],
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const lines = new Lines(child.stdout);
      try {
        await lines.find("written", round);
        // Whoever reads meanwhile gets one key or the other.
        for (let i = 0; i < round; i++) {
          assert.match(await Deno.readTextFile(file), WHOLE_KEY);
        }
      } finally {
        child.kill("SIGKILL");
        await Promise.all([lines.finished, child.status]);
      }
      assert.match(await readSecret(file) ?? "", WHOLE_KEY);
    }
    // What was being written when it was killed may be left beside it, under a name that
    // nothing reads, for its owner's eyes only, and without harm to the next write.
    for (const name of await namesIn(there.path)) {
      if (["key", "rewriter.ts"].includes(name)) continue;
      assert.match(name, /^key\.[\da-f-]{36}\.new$/);
      assert.equal(await modeOf(there.in(name)), 0o600);
    }
    await writeSecret(file, "after all", true);
    assert.equal(await readSecret(file), "after all");
  },
);

/** Runs a script in a folder of its own that is on a full disk; needs no more than namespaces. */
async function onFullDisk(script: string, words: string[]): Promise<string[]> {
  await using there = await folder();
  const { stdout } = await new Deno.Command("unshare", {
    args: [
      "--user",
      "--map-root-user",
      "--mount",
      "sh",
      "-c",
      `mount -t tmpfs -o size=4k none "$0" && cd "$0" &&
       head -c 4096 /dev/zero > full && ${script}`,
      there.path,
      ...words,
    ],
    stdout: "piped",
    stderr: "piped",
  }).output();
  return linesOf(stdout);
}

/** Can a small disk be had here? */
async function hasFullDisk(): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  try {
    return (await onFullDisk("echo yes", []))[0] === "yes";
  } catch {
    return false;
  }
}

// Where no small disk can be mounted, there is none to fill.
Deno.test("keygen on a full disk fails and leaves nothing behind", {
  ignore: !await hasFullDisk(),
}, async () => {
  const lines = await onFullDisk(
    `ln full old
     "$@" server keygen --out key 2>&1; echo "code $?"; ls
     "$@" server keygen --out old --force 2>&1; echo "code $?"; ls; wc -c < old`,
    [Deno.execPath(), ...programWords(CLI)],
  );
  assert.deepEqual(lines, [
    "roughly: error: cannot write key: No space left on device",
    "code 2",
    "full",
    "old",
    "roughly: error: cannot write old: No space left on device",
    "code 2",
    "full",
    "old",
    "4096",
  ]);
});

Deno.test(
  "readSecret() waits for nothing, whatever a look before the opening said",
  // Deno before 2.5 cannot open without waiting: there the look is all there is.
  { ignore: UNIX.ignore || /^2\.[0-4]\./.test(Deno.version.deno) },
  async () => {
    await using there = await folder();
    const [file, pipe] = [there.in("file"), there.in("pipe")];
    await writeSecret(file, "secret", false);
    await new Deno.Command("mkfifo", { args: ["-m", "600", pipe] }).output();
    const { lstat } = Deno;
    let opened = false;
    // Opens the other end if nothing else ends the waiting.
    const rescue = setTimeout(() => {
      opened = true;
      Deno.openSync(pipe, { read: true, write: true }).close();
    }, 10_000);
    try {
      // The moment after the look, the file is no file any more.
      Deno.lstat = (path) => lstat(path === pipe ? file : path);
      await unreadable(pipe, /is not a file$/);
      assert.equal(opened, false, "it waited");
    } finally {
      clearTimeout(rescue);
      Deno.lstat = lstat;
    }
  },
);

Deno.test(
  "readSecret() refuses what is no longer there under its name",
  UNIX,
  async () => {
    await using there = await folder();
    const file = there.in("secret");
    await writeSecret(file, "old", false);
    const open = await SecretFile.open(file);
    try {
      await writeSecret(file, "new", true);
      assert.equal(
        await open?.read(),
        "old",
        "what was judged is what is read",
      );
      assert.equal(await readSecret(file), "new");
    } finally {
      await open?.close();
    }
  },
);

Deno.test("a secret's bytes are overwritten once they are text, and the other way round", async () => {
  await using there = await folder();
  const file = there.in("secret");
  const { decode } = TextDecoder.prototype;
  const { encode } = TextEncoder.prototype;
  const seen: Uint8Array[] = [];
  TextDecoder.prototype.decode = function (input, options) {
    const text = decode.call(this, input, options);
    if (text === "secret") seen.push(input as Uint8Array);
    return text;
  };
  TextEncoder.prototype.encode = function (text) {
    const bytes = encode.call(this, text);
    if (text === "secret") seen.push(bytes);
    return bytes;
  };
  try {
    await writeSecret(file, "secret", false);
    await assert.rejects(writeSecret(file, "secret", false), UsageError);
    assert.equal(await readSecret(file), "secret");
    assert.equal(seen.length, 3);
    for (const bytes of seen) assert.deepEqual(bytes, new Uint8Array(6));
    if (Deno.build.os === "windows") return;
    await Deno.chmod(file, 0o644);
    await assert.rejects(readSecret(file), UsageError);
    assert.deepEqual(seen[3], new Uint8Array(6));
  } finally {
    TextDecoder.prototype.decode = decode;
    TextEncoder.prototype.encode = encode;
  }
});
