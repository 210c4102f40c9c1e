import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  ANY,
  ANY_IPV4,
  hearsBoth,
  mergeWildcards,
  type Opener,
  openWildcard,
} from "../../lib/net/wildcard.ts";
import { linesOf, programWords } from "../_support/cli.ts";

Deno.test("what :: stands for is left out", { permissions: "none" }, () => {
  const at = (hostname: string, port = 2002) => ({ hostname, port });
  const merged = mergeWildcards([
    at(ANY_IPV4),
    at(ANY),
    at(ANY_IPV4, 2003),
    at("127.0.0.1"),
    at(ANY, 0),
    at(ANY_IPV4, 0),
  ]);
  assert.deepEqual(merged, [
    at(ANY),
    at(ANY_IPV4, 2003),
    at("127.0.0.1"),
    at(ANY, 0),
    at(ANY_IPV4, 0),
  ]);
});

/** A socket that is nothing but its names. */
interface Fake {
  readonly address: { readonly hostname: string; readonly port: number };
  readonly names: readonly string[];
}

/** A machine that has such sockets. */
class Machine implements Opener<Fake> {
  readonly may: () => boolean;
  readonly isDual: boolean;
  readonly taken: Set<string>;
  readonly opened = new Set<string>();
  #port = 40_000;
  constructor(isDual: boolean, taken: string[] = [], may = true) {
    this.may = () => may;
    this.isDual = isDual;
    this.taken = new Set(taken);
  }
  open(hostname: string, wanted: number): Promise<Fake> {
    const port = wanted === 0 ? this.#port++ : wanted;
    const name = `${hostname} ${port}`;
    const names = this.isDual && hostname === ANY
      ? [name, `${ANY_IPV4} ${port}`]
      : [name];
    if (names.some((one) => this.taken.has(one))) {
      const error = Object.assign(new Error("taken"), { code: "EADDRINUSE" });
      return Promise.reject(error);
    }
    names.forEach((one) => this.taken.add(one));
    this.opened.add(name);
    return Promise.resolve({ address: { hostname, port }, names });
  }
  close({ names }: Fake): Promise<void> {
    names.forEach((one) => this.taken.delete(one));
    this.opened.delete(names[0] as string);
    return Promise.resolve();
  }
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

test("one socket where it hears both families, else two on one port", async () => {
  for (const port of [2002, 0]) {
    const dual = new Machine(true);
    const [only, ...none] = await openWildcard<Fake>(dual, port);
    assert.deepEqual([only?.address.hostname, none], [ANY, []]);
    assert.equal(dual.opened.size, 1, "what was tried is closed");
    assert.equal(await hearsBoth<Fake>(dual), true);

    const single = new Machine(false);
    const [six, four] = await openWildcard<Fake>(single, port);
    assert.equal(six?.address.hostname, ANY);
    assert.equal(four?.address.hostname, ANY_IPV4);
    assert.equal(six?.address.port, four?.address.port);
    assert.equal(await hearsBoth<Fake>(single), false);
    assert.equal(single.opened.size, 2);
  }
});

test("a stranger on one family is no reason to be deaf on it", async () => {
  for (const isDual of [true, false]) {
    const machine = new Machine(isDual, [`${ANY_IPV4} 2002`]);
    await assert.rejects(openWildcard<Fake>(machine, 2002), {
      code: "EADDRINUSE",
    });
    assert.equal(machine.opened.size, 0);
  }
});

test("whoever may use :: alone has what it gives", async () => {
  for (const isDual of [true, false]) {
    const machine = new Machine(isDual, [], false);
    assert.equal((await openWildcard<Fake>(machine, 2002)).length, 1);
    assert.equal(await hearsBoth<Fake>(machine), true);
    assert.equal(machine.opened.size, 1);
  }
});

/** Runs something in a network of its own, with nothing but loopback. */
function alone(setting: string, words: readonly string[]): Deno.Command {
  const script = `ip link set lo up && sysctl -qw ${setting} && exec "$0" "$@"`;
  return new Deno.Command("unshare", {
    args: ["-n", "sh", "-c", script, ...words],
    env: { NO_COLOR: "1" },
  });
}

async function whyNot(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "not Linux";
  try {
    const { success } = await alone("net.ipv6.bindv6only=0", ["true"]).output();
    return success ? undefined : "no network of its own for a process";
  } catch {
    return "no unshare";
  }
}

const SKIP = await whyNot();

const BOTH = ["udp 127.0.0.1", "tcp 127.0.0.1", "udp ::1", "tcp ::1"];
const FOUR = BOTH.slice(0, 2);

const SETTINGS: [setting: string, families: "both" | "IPv4"][] = [
  ["net.ipv6.bindv6only=0", "both"],
  ["net.ipv6.bindv6only=1", "both"],
  ["net.ipv6.conf.all.disable_ipv6=1", "IPv4"],
];

for (const [setting, families] of SETTINGS) {
  for (const udp of ["the runtime's", "node:dgram"]) {
    Deno.test({
      name: `all addresses are heard with ${setting}, UDP by ${udp} ${
        SKIP ? `(skipped: ${SKIP})` : ""
      }`.trim(),
      ignore: SKIP !== undefined,
      fn: async () => {
        const program = fileURLToPath(
          new URL("../_support/wildcard_server.ts", import.meta.url),
        );
        const words = [Deno.execPath(), ...programWords(program)];
        if (udp === "node:dgram") words.push("dgram");
        const { code, stdout, stderr } = await alone(setting, words).output();
        assert.equal(code, 0, linesOf(stderr).join("\n"));
        const lines = linesOf(stdout).map((line) => JSON.parse(line));
        assert.equal(lines.length, udp === "node:dgram" ? 6 : 18);
        for (const { backend, way, heard, told, addresses, sources } of lines) {
          const four = way === "0.0.0.0" || families === "IPv4";
          const what = `${backend}: ${way}`;
          assert.deepEqual(heard, four ? FOUR : BOTH, what);
          // To an operator a wildcard is one address, whatever it took to open it.
          const name = four ? "0.0.0.0" : "[::]";
          assert.deepEqual(told, [`udp ${name}`, `tcp ${name}`], what);
          // Only the system's own calls answer from the address that was asked.
          assert.equal(sources, backend === "portable" ? 1 : 0, what);
          assert.deepEqual(addresses, [four ? "0.0.0.0" : "::"], what);
        }
      },
    });
  }
}
