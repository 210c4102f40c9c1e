import assert from "node:assert/strict";
import { filesUnder } from "../_support/tree.ts";
import type { Command, Option } from "commander";
import { LISTENING, STATS } from "../../lib/cli/terminal/log.ts";
import { buildProgram } from "../../lib/cli/commands.ts";
import type { ClockStatus } from "../../lib/server/clock_guard.ts";
import { countBatch, createCounters } from "../../lib/server/counters.ts";
import { DROP_REASONS } from "../../lib/server/drop_reason.ts";
import { renderMetrics } from "../../lib/server/metrics.ts";
import { ANSWERABLE } from "../../lib/server/responder.ts";

const ROOT = new URL("../../", import.meta.url);

function read(path: string): string {
  // A checkout on Windows may have other line ends.
  return Deno.readTextFileSync(new URL(path, ROOT)).replaceAll("\r\n", "\n");
}

const UNIT = "deploy/systemd/roughly.service";
const IMAGE = "deploy/Containerfile";
const CLUSTER = "deploy/kubernetes.yaml";
const DASHBOARD = "deploy/grafana-dashboard.json";
const RULES = "deploy/prometheus-rules.yaml";
const OPERATING = "docs/operating.md";
const CLOCK_UNITS = [
  "deploy/systemd/roughly-clock-check.service",
  "deploy/systemd/roughly-clock-wait.service",
];
const GUIDES = [OPERATING, "deploy/systemd/README.md"];
const ALL = [UNIT, IMAGE, CLUSTER, DASHBOARD, RULES, ...GUIDES];

/** The clock's states; a missing or unknown one does not compile. */
const STATUSES = Object.keys(
  {
    ok: 0,
    widened: 0,
    stopped: 0,
    unknown: 0,
  } satisfies Record<ClockStatus, number>,
);

/** Everything that a pattern's first group matches, once each. */
function found(text: string, pattern: RegExp): string[] {
  return [
    ...new Set([...text.matchAll(pattern)].map(([, group = ""]) => group)),
  ];
}

/** Brackets outside of quotes close as they open. */
function isBalanced(expression: string): boolean {
  const open: string[] = [];
  for (const char of expression.replaceAll(/"[^"]*"/g, "")) {
    if ("([{".includes(char)) open.push(char);
    const at = ")]}".indexOf(char);
    if (at >= 0 && open.pop() !== "([{"[at]) return false;
  }
  return open.length === 0;
}

// What the server offers: metrics, options, lines in the log.

/** `/metrics` at its fullest. */
function exposition(): string {
  const counters = createCounters();
  for (const version of ANSWERABLE) countBatch(counters, version, 1);
  return renderMetrics(counters, {
    packageVersion: "0.0.0",
    clockStatus: "ok",
    nowMicros: 0n,
    notAfterMicros: 1n,
    publicKeys: ["key"],
    rootChanged: false,
    listeners: [{ transport: "udp", address: "[::]:2002", up: true }],
    selfChecks: 1,
  });
}

const FAMILIES = found(exposition(), /^# TYPE (\S+)/gm);
const METRICS = new Set([
  ...FAMILIES,
  ...found(exposition(), /^(roughtime_\w+)/gm),
]);

function child(parent: Command, name: string): Command {
  const command = parent.commands.find((one) => one.name() === name);
  assert(command, `no command ${name}`);
  return command as Command;
}

const PROGRAM = buildProgram(
  { out: () => {}, err: () => {}, progress: () => {} },
  () => {},
).command;
const SERVER = child(PROGRAM, "server");
const CLOCK = child(PROGRAM, "clock");

function optionOf(command: Command, word: string): Option | undefined {
  return command.options.find(({ long, short }) =>
    word === long || word === short
  );
}

/** Checks the words after `roughly server COMMAND`, values included. */
function checkWords(
  path: string,
  name: string,
  words: readonly string[],
  group = SERVER,
) {
  const command = child(group, name);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (!word.startsWith("-")) continue;
    const option = optionOf(command, word);
    assert(option, `${path}: "${group.name()} ${name}" has no ${word}`);
    if (!option.required) continue;
    const value = words[++i];
    assert(value && !/^-/.test(value), `${path}: ${word} without a value`);
    option.parseArg?.(value, undefined as never); // throws on what it cannot use
  }
}

/** Command lines of a group in a text, with continued lines joined. */
function commandLines(
  text: string,
  group = SERVER,
): { name: string; words: string[] }[] {
  const lines = text.replaceAll(/^# ?/gm, "").replaceAll(/\\\n\s*/g, " ");
  const line = new RegExp(
    `\\broughly(?:\\.\\w+)? ${group.name()} (\\w+)([^\\n\`|&;]*)`,
    "g",
  );
  return [...lines.matchAll(line)]
    .map(([, name = "", rest = ""]) => ({
      name,
      words: rest.split(/\s+/).filter((word) => word !== ""),
    }));
}

const readOnly = { permissions: { read: true, env: true } } as const;

Deno.test(
  "deploy: every metric that is named is one that the server has",
  readOnly,
  () => {
    for (const path of ALL) {
      for (const name of found(read(path), /\b(roughtime_\w+)/g)) {
        assert(METRICS.has(name), `${path} names ${name}`);
      }
    }
  },
);

Deno.test(
  "deploy: every command line is one that the server takes",
  readOnly,
  () => {
    const seen = new Set<string>();
    for (const path of [UNIT, IMAGE, ...GUIDES]) {
      for (const { name, words } of commandLines(read(path))) {
        if (!/^(run|keygen|pubkey|delegate)$/.test(name)) continue;
        checkWords(path, name, words);
        seen.add(`${path} ${name}`);
      }
    }
    assert(seen.has(`${UNIT} run`));
    assert(seen.has(`${OPERATING} delegate`));
  },
);

Deno.test(
  "deploy: containers are given options that the server takes",
  readOnly,
  () => {
    const comment = read(IMAGE).replaceAll(/^# ?/gm, "")
      .replaceAll(/\\\n\s*/g, " ");
    const [, image] = /podman run .* roughly (--.*)$/m.exec(comment) ?? [];
    assert(image);
    checkWords(IMAGE, "run", image.split(" "));
    const [, args] = /^ +args:\n((?: +- .*\n)+)/m.exec(read(CLUSTER)) ?? [];
    assert(args);
    const words = args.trim().split("\n").map((line) =>
      line.replace(/^ *- "?(.*?)"?$/, "$1")
    );
    assert(words.includes("--delegation"));
    checkWords(CLUSTER, "run", words);
  },
);

Deno.test(
  "operating.md: options and variables exist, defaults are as written",
  readOnly,
  () => {
    const run = child(SERVER, "run");
    const all = SERVER.commands.flatMap((one) => (one as Command).options);
    const source = read("lib/cli/environment.ts") +
      read("lib/cli/server/key_names.ts");
    for (const path of GUIDES) {
      const text = read(path);
      const elsewhere = ["--allow-ffi", "--print"];
      for (const flag of found(text, /`(--[a-z0-9-]+)/g)) {
        assert(
          elsewhere.includes(flag) || all.some(({ long }) => long === flag),
          `${path} names ${flag}`,
        );
      }
      for (const name of found(text, /\b(ROUGHLY_[A-Z_]+)/g)) {
        assert(source.includes(`"${name}"`), `${path} names ${name}`);
      }
      const defaults = text.matchAll(
        /`(--[a-z-]+)`(?:\s+seconds)?\s+\((\d+)\)/g,
      );
      for (const [, flag = "", value] of defaults) {
        assert.equal(String(optionOf(run, flag)?.defaultValue), value, flag);
      }
    }
  },
);

/** What stands in backticks in the first column of a table between two marks. */
function firstColumn(mark: string): string[] {
  const [, table = ""] =
    new RegExp(`<!-- ${mark} -->([^]*)<!-- /${mark} -->`).exec(
      read(OPERATING),
    ) ?? [];
  return table.trim().split("\n").flatMap((line) =>
    found(line.split("|")[1] ?? "", /`([^`]+)`/g)
  );
}

Deno.test(
  "operating.md: explains each metric, each reason and each line of the log",
  readOnly,
  () => {
    assert.deepEqual(firstColumn("metrics").sort(), [...FAMILIES].sort());
    assert.deepEqual(firstColumn("reasons").sort(), [...DROP_REASONS].sort());
    const lines = filesUnder("lib/cli/")
      .flatMap((path) =>
        found(
          read(path),
          /\blog(?:\s*\.log)?\(\s*"(?:info|warning|error)",\s*"([^"]+)"/g,
        )
      );
    assert(lines.length > 10);
    // What the code does not say in place: constants, and one that depends.
    lines.push(STATS, LISTENING, "keys replaced", "keys unchanged");
    assert.deepEqual(firstColumn("log").sort(), lines.sort());
  },
);

/** The settings of a unit, in order; an empty value stands for itself. */
function settings(path = UNIT): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (const line of read(path).replaceAll(/\\\n\s*/g, "").split("\n")) {
    if (/^(#|\[|$)/.test(line)) continue;
    const [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    assert(key, line);
    map.set(key, [...(map.get(key) ?? []), value]);
  }
  return map;
}

Deno.test(
  "roughly.service: gives no rights away and leaves those that are needed",
  readOnly,
  () => {
    const unit = settings();
    const expected: Record<string, string> = {
      Type: "notify",
      DynamicUser: "yes",
      CapabilityBoundingSet: "",
      AmbientCapabilities: "",
      NoNewPrivileges: "yes",
      ProtectSystem: "strict",
      ProtectHome: "yes",
      PrivateTmp: "yes", // without FFI, the notify socket's other end
      PrivateDevices: "yes",
      RestrictAddressFamilies: "AF_INET AF_INET6 AF_UNIX",
      SystemCallErrorNumber: "EPERM",
      Restart: "always",
    };
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(unit.get(key), [value], key);
    }
    for (
      const user of [...unit.get("User") ?? [], ...unit.get("Group") ?? []]
    ) {
      assert.doesNotMatch(user, /^(root|0)$/);
    }
    // V8 compiles; adjtimex tells how the clock is.
    assert(!unit.has("MemoryDenyWriteExecute"));
    assert(!unit.has("ProtectClock"));
    const allowed = (unit.get("SystemCallFilter") ?? []).at(-1)?.split(" ") ??
      [];
    assert(allowed.includes("adjtimex") && allowed.includes("clock_adjtime"));
    for (const line of unit.get("ExecStartPre") ?? []) {
      assert.doesNotMatch(line, /^\S*[+!]/, "runs with full rights");
    }
  },
);

Deno.test(
  "roughly.service: the secret passes the server's check, the limits fit",
  readOnly,
  () => {
    const unit = settings();
    const [start = ""] = unit.get("ExecStart") ?? [];
    // In %d it may show as readable by its group, which the server refuses.
    assert.doesNotMatch(start, /%d|--private-key/);
    const [, path = ""] = / --delegation (\S+)/.exec(start) ?? [];
    const [copy = ""] = unit.get("ExecStartPre") ?? [];
    assert(copy.includes(" -m 0400 ") && copy.endsWith(` ${path}`));
    assert.deepEqual(unit.get("RuntimeDirectoryMode"), ["0700"]);
    // A clock that nobody keeps in step counts as 16 s.
    const [, radius] = / --max-radius (\d+)/.exec(start) ?? [];
    assert(Number(radius) < 16);
    const connections = optionOf(child(SERVER, "run"), "--max-connections");
    const [files] = unit.get("LimitNOFILE") ?? [];
    assert(Number(files) > Number(connections?.defaultValue));
  },
);

Deno.test(
  "roughly-clock-*.service: run once, with no rights, and take their options",
  readOnly,
  () => {
    for (const path of [...CLOCK_UNITS, ...GUIDES]) {
      const lines = commandLines(read(path), CLOCK);
      for (const { name, words } of lines) checkWords(path, name, words, CLOCK);
      assert(lines.length > 0 || !CLOCK_UNITS.includes(path), path);
    }
    for (const path of CLOCK_UNITS) {
      const unit = settings(path);
      const expected: Record<string, string> = {
        Type: "oneshot",
        DynamicUser: "yes",
        CapabilityBoundingSet: "",
        NoNewPrivileges: "yes",
        ProtectSystem: "strict",
        ProtectClock: "yes", // they ask, and never set it
        // Names are looked up by way of the last two.
        RestrictAddressFamilies: "AF_INET AF_INET6 AF_UNIX AF_NETLINK",
      };
      for (const [key, value] of Object.entries(expected)) {
        assert.deepEqual(unit.get(key), [value], `${path}: ${key}`);
      }
      assert(!unit.has("MemoryDenyWriteExecute"));
    }
    const [check = "", wait = ""] = CLOCK_UNITS;
    assert(read(check).includes("clock check "));
    assert.deepEqual(settings(wait).get("Before"), ["time-sync.target"]);
    assert.deepEqual(settings(wait).get("TimeoutStartSec"), ["infinity"]);
  },
);

Deno.test(
  "Containerfile: builds with the pinned Deno and does not run as root",
  readOnly,
  () => {
    const lines = read(IMAGE).split("\n").filter((line) => /^[A-Z]/.test(line));
    const of = (word: string) =>
      lines.filter((line) => line.startsWith(`${word} `))
        .map((line) => line.slice(word.length + 1));
    const [build = "", last = ""] = of("FROM");
    const [, version] = /deno@([\d.]+) task/.exec(read("README.md")) ?? [];
    // podman asks for the registry's name, too.
    assert.equal(build, `docker.io/denoland/deno:${version} AS build`);
    assert.match(last, /^[\w-]+\.[\w.-]+\//);
    assert.match(last, /:nonroot$/);
    assert.match(of("USER").at(-1) ?? "", /^[1-9]\d*:[1-9]\d*$/);
    assert.deepEqual(JSON.parse(of("ENTRYPOINT")[0] ?? ""), [
      "/usr/local/bin/roughly",
      "server",
      "run",
    ]);
    const { tasks } = JSON.parse(read("deno.json")) as {
      tasks: Record<string, { command: string }>;
    };
    assert.deepEqual(of("RUN"), ["deno task compile"]);
    const [, script = ""] =
      / (tools\/\S+)$/.exec(tasks.compile?.command ?? "") ??
        [];
    assert.match(read(script), /compile\("dist\/roughly"\)/);
    assert(of("COPY").some((copy) => copy.startsWith(`${script} `)));
    // Nothing hidden, such as a .env, and nothing large gets into a layer.
    assert.deepEqual(of("ADD"), []);
    for (const copy of of("COPY")) assert.doesNotMatch(copy, /(^| )\.\/? /);
  },
);

Deno.test(
  "kubernetes.yaml: containers have no rights and a readable secret",
  readOnly,
  () => {
    const text = read(CLUSTER);
    assert.doesNotMatch(text, /\t/);
    assert(text.split("\n---\n").every((part) => /^kind: \w+$/m.test(part)));
    const containers = text.match(/^ +image: /gm)?.length ?? 0;
    assert.equal(containers, 2);
    const each = [
      /^ +allowPrivilegeEscalation: false$/gm,
      /^ +readOnlyRootFilesystem: true$/gm,
      /^ +drop: \[ALL\]$/gm,
    ];
    for (const one of each) assert.equal(text.match(one)?.length, containers);
    assert.match(text, /^ +runAsNonRoot: true$/m);
    assert.match(text, /^ +type: RuntimeDefault$/m);
    assert.match(text, /^ +externalTrafficPolicy: Local$/m);
    assert.doesNotMatch(
      text,
      /runAs(User|Group): 0|privileged: true|^ +add:|host(Network|PID|IPC): true/m,
    );
    // Otherwise a service could set ROUGHLY_PORT.
    assert.match(text, /^ +enableServiceLinks: false$/m);
    assert.match(text, /chmod 0400 /);
    assert.doesNotMatch(text, /subPath:/);
    // Both transports, on one port.
    const ports = found(text, /containerPort: (\d+), protocol: (?:UDP|TCP)/g);
    assert(ports.includes("2002"));
    assert.equal(text.match(/^ +protocol: (UDP|TCP),?$/gm)?.length, 2);
  },
);

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly gridPos: Record<"x" | "y" | "w" | "h", number>;
  readonly targets: readonly {
    readonly refId: string;
    readonly expr: string;
  }[];
}

/** Values that an expression compares a label with are values that it has. */
function checkLabels(expression: string): void {
  const values = (label: string) =>
    found(expression, new RegExp(`\\b${label}(?:=|!=|=~|!~)"([^"]*)"`, "g"))
      .flatMap((value) => value.split("|"));
  for (const reason of values("reason")) {
    assert((DROP_REASONS as readonly string[]).includes(reason), reason);
  }
  for (const status of values("status")) {
    assert(STATUSES.includes(status), status);
  }
}

Deno.test(
  "grafana-dashboard.json: shows every metric, on panels that do not overlap",
  readOnly,
  () => {
    const text = read(DASHBOARD);
    const { panels } = JSON.parse(text) as { panels: readonly Panel[] };
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const cells = new Set<string>();
    for (const { title, description, gridPos, targets } of panels) {
      assert(description, `${title} is not described`);
      const { x, y, w, h } = gridPos;
      assert(x >= 0 && x + w <= 24, title);
      for (let i = 0; i < w * h; i++) {
        const cell = `${x + i % w}/${y + Math.floor(i / w)}`;
        assert(!cells.has(cell), `${title} covers another panel`);
        cells.add(cell);
      }
      assert(targets.length > 0, title);
      assert.equal(
        new Set(targets.map(({ refId }) => refId)).size,
        targets.length,
      );
      for (const { expr } of targets) {
        assert(/\broughtime_/.test(expr) && isBalanced(expr), expr);
        checkLabels(expr);
      }
    }
    const shown = found(text, /\b(roughtime_\w+)/g);
    for (const name of FAMILIES) {
      assert(shown.some((one) => one.startsWith(name)), `${name} is not shown`);
    }
  },
);

Deno.test(
  "prometheus-rules.yaml: each alert has what it takes",
  readOnly,
  () => {
    const text = read(RULES);
    assert.doesNotMatch(text, /\t/);
    const [, ...alerts] = text.split(/^ +- alert: /m);
    const names = alerts.map((alert) => alert.split("\n")[0]);
    assert.equal(new Set(names).size, names.length);
    for (const alert of alerts) {
      assert.match(alert, /^\w+\n/);
      const [, expr = ""] =
        /^ +expr: ([^]*?)\n +(?:for|labels):/m.exec(alert) ?? [];
      assert(expr && isBalanced(expr), alert);
      checkLabels(expr);
      assert.match(alert, /^ +severity: (critical|warning|info)$/m);
      assert.match(alert, /^ +summary: "/m);
      assert.match(alert, /^ +description: /m);
    }
    // The ones that an operator cannot do without.
    for (
      const name of [
        "RoughtimeDown",
        "RoughtimeDelegationEndsIn3Days",
        "RoughtimeDelegationEndsIn1Day",
        "RoughtimeClockStopped",
        "RoughtimeClockWidened",
        "RoughtimePanics",
        "RoughtimeDropsRequests",
        "RoughtimeRootChanged",
      ]
    ) assert(names.includes(name), name);
  },
);
