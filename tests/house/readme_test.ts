import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const README = Deno.readTextFileSync(new URL("README.md", ROOT));
const CLI = [
  "run",
  "--quiet",
  "--unstable-net",
  "--allow-all",
  "--config",
  new URL("deno.json", ROOT).pathname,
  new URL("cli.ts", ROOT).pathname,
];

function shellBlocks(): string[][] {
  return [...README.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) =>
    block.trim().split("\n")
  );
}

Deno.test("README's commands for newcomers are tasks of this project", () => {
  const { tasks } = JSON.parse(
    Deno.readTextFileSync(new URL("deno.json", ROOT)),
  ) as { tasks: Record<string, unknown> };
  const lines = shellBlocks().flat().filter((line) => line.includes(" task "));
  assert.deepEqual(lines, [
    "npx --yes deno@2.9.6 task demo",
    "npx --yes deno@2.9.6 task test",
    "deno task demo",
    "deno task test",
  ]);
  for (const line of lines) assert(line.split(" ").at(-1) as string in tasks);
});

Deno.test("README's tours of the command line work as written", async (t) => {
  const blocks = shellBlocks().filter(([first]) =>
    first?.startsWith("roughly ")
  );
  // The first block is a tour; the others follow on from one another.
  const [tour, ...operation] = blocks;
  assert(tour && operation.length === 2);
  await t.step("a tour on your own machine", () => walk(tour));
  await t.step("operating a server", () => walk(operation.flat()));
});

/** Runs lines as they stand, but on free ports. */
async function walk(lines: readonly string[]): Promise<void> {
  const cwd = await Deno.makeTempDir();
  const port = freePort();
  const monitor = freePort();
  const command = (line: string) =>
    new Deno.Command(Deno.execPath(), {
      args: [...CLI, ...line.split(" ").slice(1)],
      cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    });
  let publicKey = "";
  let server: Deno.ChildProcess | undefined;
  try {
    for (const written of lines) {
      const line = written.replaceAll("2002", String(port))
        .replaceAll("9975", String(monitor))
        .replaceAll("PUBLIC_KEY", publicKey);
      if (line.endsWith(" &")) {
        server = command(line.slice(0, -2)).spawn();
        await untilLine(server.stdout, "Starting Roughtime server on ");
        continue;
      }
      const { code, stdout, stderr } = await command(line).output();
      const text = new TextDecoder().decode(stdout);
      assert.equal(code, 0, `${line}: ${new TextDecoder().decode(stderr)}`);
      assert.notEqual(text, "", line);
      publicKey ||= /Public key \(base64\): (\S+)/.exec(text)?.[1] ?? "";
      if (/query .*[^n]$/.test(line)) {
        assert.match(text, /^Current time: \d+ ± \d+ seconds\n/);
      }
    }
  } finally {
    server?.kill("SIGTERM");
    await server?.stderr.cancel();
    await server?.status;
    await Deno.remove(cwd, { recursive: true });
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Reads until a line begins with the text, then lets the rest go. */
async function untilLine(
  stream: ReadableStream<Uint8Array>,
  start: string,
): Promise<void> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.split("\n").some((line) => line.startsWith(start))) return;
  }
  assert.fail(`the server ended after: ${text}`);
}

/** What differs from run to run is left out: figures, spaces, who of the honest is first. */
function essence(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replaceAll(/\b(north|east|south)\b/g, "HONEST")
      .replaceAll(/[+-]?\d+(\.\d+)?/g, "N")
      .replaceAll(/\s+/g, " ")
  ).sort();
}

Deno.test({
  name: "README's transcripts show what the commands print",
  ignore: Deno.build.os !== "linux", // elsewhere 127.0.0.2 is not on the loopback interface
  fn: async () => {
    const lines = [...README.matchAll(/```console\n([\s\S]*?)```/g)]
      .flatMap(([, block = ""]) => block.trim().split("\n"));
    const steps: { command: string; printed: string[] }[] = [];
    for (const line of lines) {
      if (line.startsWith("$ ")) {
        steps.push({ command: line.slice(2), printed: [] });
      } else steps.at(-1)?.printed.push(line);
    }
    const [servers, ...commands] = steps;
    assert(servers && commands.length >= 8);
    const cwd = await Deno.makeTempDir();
    const options = {
      cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    } as const;
    const [program, ...words] = servers.command.split(" ");
    assert.equal(program, "deno");
    assert.equal(words.pop(), "&");
    const args = words.map((word) =>
      word.startsWith("examples/") ? new URL(word, ROOT).pathname : word
    );
    args.splice(
      1,
      0,
      "--quiet",
      "--config",
      new URL("deno.json", ROOT).pathname,
    );
    const child = new Deno.Command(Deno.execPath(), { ...options, args })
      .spawn();
    try {
      await untilLine(child.stdout, servers.printed[0] ?? "");
      for (const { command, printed } of commands) {
        const [line = "", fails] = command.split(" || ");
        const [name, ...words] = line.split(" ");
        assert.equal(name, "roughly");
        const { code, stdout, stderr } = await new Deno.Command(
          Deno.execPath(),
          { ...options, args: [...CLI, ...words] },
        ).output();
        const shown = new TextDecoder().decode(stdout).trimEnd().split("\n");
        if (code !== 0) shown.push(`exit ${code}`);
        const why = `${command}: ${new TextDecoder().decode(stderr)}`;
        assert.deepEqual(essence(shown), essence(printed), why);
        assert.equal(printed.at(-1) === `exit ${code}`, code !== 0, why);
        assert.equal(fails, code === 0 ? undefined : 'echo "exit $?"', why);
      }
    } finally {
      child.kill("SIGTERM");
      await child.stderr.cancel();
      await child.status;
      await Deno.remove(cwd, { recursive: true });
    }
  },
});

Deno.test("the demo shows every era and refuses both frauds", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--unstable-net",
      "--allow-net=127.0.0.1",
      "--config",
      new URL("deno.json", ROOT).pathname,
      new URL("examples/demo.ts", ROOT).pathname,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, text);
  for (
    const era of [
      "google",
      "0x80000008",
      "0x8000000b",
      "0x8000000c",
      "RFC 10049  ",
    ]
  ) {
    assert(text.includes(era), era);
  }
  assert.equal(text.match(/REFUSED/g)?.length, 3);
});
