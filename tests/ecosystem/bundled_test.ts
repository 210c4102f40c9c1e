import assert from "node:assert/strict";
import { bundledList, findServer } from "../../lib/ecosystem/bundled.ts";
import { formatKey } from "../../lib/wire/key_text.ts";
import { operatorOf } from "../../lib/ecosystem/operator.ts";
import {
  type ListedServer,
  parseServerList,
} from "../../lib/ecosystem/list.ts";
import { thirdParty, thirdPartyText } from "../_support/vectors.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function found(name: string, servers = bundledList().servers): string {
  const result = findServer({ servers }, name);
  return result.ok
    ? result.server.name
    : `${result.problem}: ${result.suggestions.join(" ")}`;
}

test("the bundled list has servers enough for a measurement, all of use", () => {
  const { servers, skipped, sources, reports } = bundledList();
  assert.deepEqual(skipped, []);
  assert.deepEqual(sources, []);
  assert.equal(reports, undefined);
  assert(servers.length >= 10);
  assert(new Set(servers.map(operatorOf)).size >= 8);
  for (const { name, version } of servers) {
    assert.notEqual(version, undefined, name);
  }
  assert.equal(bundledList(), bundledList());
});

Deno.test({
  ...thirdParty("the bundled list has every key and address of others' lists"),
  permissions: { read: true },
  fn: () => {
    const endpoints = ({ publicKey, addresses }: ListedServer) =>
      addresses.map(({ transport, host, port }) =>
        `${formatKey(publicKey)} ${transport} ${host}:${port}`
      );
    const ours = new Set(bundledList().servers.flatMap(endpoints));
    const theirs = new Set(
      ["cloudflare-roughtime", "pyroughtime", "roughly", "tannerryan-roughtime"]
        .flatMap((folder) =>
          parseServerList(thirdPartyText(`${folder}/ecosystem.json`)).servers
            .flatMap(endpoints)
        ),
    );
    assert.deepEqual([...ours].sort(), [...theirs].sort());
  },
});

test("findServer() knows names, hosts and how they begin, in any case", () => {
  const cases = [
    ["roughtime.se", "roughtime.se"],
    ["Roughtime.SE", "roughtime.se"],
    ["cloudflare", "Cloudflare-Roughtime-2"],
    ["CLOUDFLARE-roughtime-2", "Cloudflare-Roughtime-2"],
    ["roughtime.cloudflare.com", "Cloudflare-Roughtime-2"],
    ["rough.time.nl", "TimeNL-Roughtime"],
    ["timenl", "TimeNL-Roughtime"],
    [" int08h ", "int08h-Roughtime"],
    ["sth2", "sth2.roughtime.netnod.se"],
  ];
  for (const [name = "", server] of cases) assert.equal(found(name), server);
});

test("findServer() does not guess", () => {
  assert.equal(
    found("sth"),
    "ambiguous: sth1.roughtime.netnod.se sth2.roughtime.netnod.se",
  );
  assert.equal(
    found("netnod"),
    "unknown: sth1.roughtime.netnod.se sth2.roughtime.netnod.se",
  );
  for (const name of ["", "  ", "clodflare", "\u001b[2J", "__proto__"]) {
    assert.match(found(name), /^unknown: Cloudflare-Roughtime-2 /);
  }
  assert.equal(found("any", []), "unknown: ");
});

test("findServer() prefers a whole name to one that begins with it", () => {
  const [one, two] = bundledList().servers as [ListedServer, ListedServer];
  const servers = [{ ...one, name: "time" }, { ...two, name: "time-2" }];
  assert.equal(found("time", servers), "time");
  assert.equal(found("tim", servers), "ambiguous: time time-2");
  const twins = servers.map((server) => ({ ...server, name: "twin" }));
  assert.equal(found("twin", twins), "ambiguous: twin twin");
  const many = Array(30).fill(one);
  const result = findServer({ servers: many }, "zzz");
  assert(!result.ok && result.suggestions.length === 20);
});
