import assert from "node:assert/strict";
import { command, folder, json, Lines, target } from "../../_support/cli.ts";
import {
  Ahead,
  dead,
  entry,
  named,
  threeOperators,
  writeList,
} from "../../_support/cli_many.ts";

/** Lines of a stream of events until one is complete. */
async function nextEvent(
  reader: ReadableStreamDefaultReader<string>,
): Promise<{ round: { id: number } | null }> {
  let text = "";
  while (!/^data: .*\n\n/m.test(text)) {
    const { done, value = "" } = await reader.read();
    if (done) assert.fail(`no event in ${text}`);
    text += value;
  }
  return json(/^data: (.*)$/m.exec(text)?.[1]);
}

Deno.test({
  ...threeOperators(
    "watch --serve as a process: page, API, events, relay, reload, second watcher, stop",
  ),
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await folder());
    const a = stack.use(await target());
    const b = stack.use(await target());
    const liar = stack.use(
      await target({}, { kind: Ahead, hostname: "::1" }),
    );
    const servers = [
      entry("alpha", a),
      entry("beta", named(b)),
      entry("<liar>", liar),
    ];
    const list = await writeList(dir.in("list.json"), [
      ...servers,
      dead("dead"),
    ]);
    const words = [
      "watch",
      list,
      "--db",
      dir.in("watch.db"),
      "--interval",
      "1",
      "--timeout",
      "20",
    ];
    const child = command(
      [...words, "--json", "--serve", "127.0.0.1:0", "--relay"],
    ).spawn();
    // Whatever is waited for ends with the process.
    const patience = setTimeout(() => child.kill("SIGKILL"), 120_000);
    stack.defer(async () => {
      clearTimeout(patience);
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await child.status;
    });
    const out = new Lines(child.stdout);
    const err = new Lines(child.stderr);
    const line = await err.find("watching at ");
    const url = /http:\S+/.exec(line)?.[0] ?? "";
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
    await out.find('"event":"round"');

    const page = await fetch(url);
    const html = await page.text();
    assert.match(html, /2 of 3 operators agree: it is/);
    assert.match(html, /(&lt;|&#60;)liar/);
    assert(!html.includes("<liar>"));
    const state = await (await fetch(`${url}api/v1/state`)).json();
    assert.equal(state.relay, true);
    assert.deepEqual(
      state.round.servers.map(({ status }: { status: string }) => status),
      ["ok", "ok", "falseticker", "silent"],
    );
    const metrics = await (await fetch(`${url}metrics`)).text();
    assert.match(metrics, /^roughly_watch_server_up\{server="dead"\} 0$/m);
    assert.equal(await (await fetch(`${url}healthz`)).text(), "ok\n");

    const pages = await Promise.all(
      Array.from({ length: 100 }, () => fetch(`${url}events`)),
    );
    const readers = pages.map(({ body }) =>
      (body as ReadableStream<Uint8Array<ArrayBuffer>>)
        .pipeThrough(new TextDecoderStream()).getReader()
    );
    const first = await Promise.all(readers.map(nextEvent));
    const second = await Promise.all(readers.map(nextEvent));
    first.forEach(({ round }, i) => {
      assert((second[i]?.round?.id ?? 0) > (round?.id ?? 0));
    });
    await Promise.all(readers.map((reader) => reader.cancel()));

    const packet = await (await fetch(
      `${url}api/v1/exchanges/${state.round.chain[0].exchange}`,
    )).json();
    const name = encodeURIComponent(packet.server);
    const relayed = await fetch(`${url}relay/${name}`, {
      method: "POST",
      body: Uint8Array.from(atob(packet.request), (c) => c.charCodeAt(0)),
    });
    assert.equal(relayed.status, 200);
    assert((await relayed.bytes()).length > 300);

    const refused = await command([
      "watch",
      list,
      "--db",
      dir.in("watch.db"),
      "--once",
    ])
      .output();
    assert.equal(refused.code, 2);
    assert.match(
      new TextDecoder().decode(refused.stderr),
      /cannot write history .*: another watcher does/,
    );

    await Deno.remove(list);
    child.kill("SIGHUP");
    const gone = json(await out.find('"event":"list"'));
    assert.match(gone.problem, /there is no file/);
    assert.equal(gone.servers, 4);
    await writeList(list, servers);
    child.kill("SIGHUP");
    assert.equal(json(await out.find('"event":"list"', 2)).servers, 3);

    child.kill("SIGTERM");
    const { code } = await child.status;
    await Promise.all([out.finished, err.finished]);
    assert.equal(code, 0, err.all.join("\n"));
  },
});
