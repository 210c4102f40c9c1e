import assert from "node:assert/strict";
import { constants, type FileHandle, open } from "node:fs/promises";
import {
  loadEcosystem,
  readBounded,
  readFile,
} from "../../lib/ecosystem/load.ts";
import { WireError } from "../../lib/wire/errors.ts";
import { openFile, readChunks, WRITER_MS } from "../../lib/net/open_file.ts";
import { execute, folder } from "../_support/cli.ts";

const LIST = new URL("../../ecosystem.json", import.meta.url);

/** Before Deno 2.5 a pipe is waited for, as everywhere without flags. */
const PIPES = {
  ignore: Deno.build.os === "windows" ||
    /^2\.[0-4]\./.test(Deno.version.deno),
};

async function pipeIn(there: { in(name: string): string }): Promise<string> {
  const pipe = there.in("pipe");
  const { success } = await new Deno.Command("mkfifo", { args: [pipe] })
    .output();
  assert(success);
  return pipe;
}

/** The end to write to; fails if nobody reads, instead of waiting. */
function writerOf(pipe: string): Promise<FileHandle> {
  return open(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
}

/** Waits without any time passing: does the nth action at the nth call. */
function waiting(...actions: (() => unknown)[]) {
  const waits: number[] = [];
  const wait = async (milliseconds: number) => {
    waits.push(milliseconds);
    await actions[waits.length - 1]?.();
  };
  return { waits, wait };
}

Deno.test("a pipe that nobody writes to is given up", PIPES, async () => {
  await using there = await folder();
  const pipe = await pipeIn(there);
  for (const code of ["list", "report"] as const) {
    const { wait, waits } = waiting();
    await assert.rejects(readFile(pipe, code, { wait }), {
      name: "TimeoutError",
      message: "nobody writes to it",
    });
    assert.equal(waits.reduce((a, b) => a + b), WRITER_MS);
  }
});

Deno.test(
  "a pipe is read to its end, however late its writer and however slow",
  PIPES,
  async () => {
    await using there = await folder();
    const pipe = await pipeIn(there);
    let writer: FileHandle | undefined;
    const write = (text: string) => async () => {
      writer ??= await writerOf(pipe);
      await writer.write(text);
    };
    const nothing = () => {};
    const { wait } = waiting(
      nothing,
      async () => writer = await writerOf(pipe),
      // Somebody is there, which is reason enough to wait on.
      ...Array.from({ length: WRITER_MS }, () => nothing),
      write("so"),
      nothing,
      write("me text"),
      () => writer?.close(),
    );
    assert.equal(await readFile(pipe, "list", { wait }), "some text");
  },
);

Deno.test("a signal ends the waiting for a pipe", PIPES, async () => {
  await using there = await folder();
  const pipe = await pipeIn(there);
  const reason = new Error("enough");
  const controller = new AbortController();
  const { signal } = controller;
  const loading = loadEcosystem(pipe, { signal });
  controller.abort(reason);
  await assert.rejects(loading, reason);

  const late = new AbortController();
  const { wait } = waiting(() => late.abort(reason));
  await assert.rejects(
    readFile(pipe, "list", { signal: late.signal, wait }),
    reason,
  );
});

Deno.test("what has no end is read no further than a list goes", {
  ignore: Deno.build.os === "windows",
}, async () => {
  for (const code of ["list", "report"] as const) {
    await assert.rejects(
      readFile("/dev/zero", code),
      (error) => error instanceof WireError && error.code === code,
    );
  }
  assert.equal(await readFile("/dev/null"), "");
  await assert.rejects(readFile("/"), { code: "EISDIR" });
});

Deno.test("readChunks() gives an ordinary file, whatever its size, and leaves it open", async () => {
  await using there = await folder();
  for (const size of [0, 1, 65_536, 200_000]) {
    const path = there.in("file");
    await Deno.writeTextFile(path, "x".repeat(size));
    const file = await openFile(path, { followLinks: false });
    try {
      assert.equal(
        (await readBounded(readChunks(file), "report")).length,
        size,
      );
      assert.equal((await file.stat()).size, size);
    } finally {
      await file.close();
    }
  }
});

Deno.test("openFile() follows links where that is wanted", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using there = await folder();
  await Deno.writeTextFile(there.in("file"), "text");
  await Deno.symlink("file", there.in("link"));
  assert.equal(await readFile(there.in("link")), "text");
});

Deno.test("a process takes a list and a report from the shell's pipes", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  await using there = await folder();
  const pipe = await pipeIn(there);
  const list = await Deno.readTextFile(LIST);
  const running = execute(["ecosystem", "lint", pipe], {
    permissions: ["--allow-read", "--allow-env"],
  });
  await Deno.writeTextFile(pipe, list, { create: false });
  const { code, err } = await running;
  assert.deepEqual([code, err], [0, []]);
});
