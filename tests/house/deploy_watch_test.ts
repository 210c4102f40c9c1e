/**
 * What is under deploy/ for `roughly watch` fits the program, and the tools that read it.
 */

import assert from "node:assert/strict";
import type { Command } from "commander";
import { buildProgram } from "../../lib/cli/commands.ts";
import { renderWatchMetrics } from "../../lib/watch/metrics.ts";
import { madeUpRound, stateOf, WATCH_STATUSES } from "../_support/watch.ts";
import { read } from "../_support/tree.ts";

const UNIT = "deploy/systemd/roughly-watch.service";
const RULES = "deploy/prometheus-watch-rules.yaml";
const DASHBOARD = "deploy/grafana-watch-dashboard.json";
const GUIDE = "docs/watch.md";

const readOnly = { permissions: { read: true, env: true } } as const;

function found(text: string, pattern: RegExp): string[] {
  return [
    ...new Set([...text.matchAll(pattern)].map(([, group = ""]) => group)),
  ];
}

const EXPOSITION = renderWatchMetrics(stateOf(madeUpRound(1)), {
  packageVersion: "0.0.0",
  rounds: 1,
  listeners: 0,
});
const FAMILIES = found(EXPOSITION, /^# TYPE (\S+)/gm);
const SAMPLES = new Set(found(EXPOSITION, /^(roughly_watch_\w+)/gm));

const WATCH = buildProgram(
  { out: () => {}, err: () => {}, progress: () => {} },
  () => {},
).command.commands.find((one) => one.name() === "watch") as Command;

Deno.test(
  "deploy: rules and dashboard name metrics and states that there are",
  readOnly,
  () => {
    for (const path of [RULES, DASHBOARD, GUIDE]) {
      const text = read(path);
      for (
        const name of found(text, /\b(roughly_watch_\w+)(?:[{[) ><,"`]|$)/gm)
      ) {
        const isFamily = path === GUIDE && FAMILIES.includes(name);
        assert(SAMPLES.has(name) || isFamily, `${path} names ${name}`);
      }
      const status = /roughly_watch_server_status=\\?"(\w+)\\?"/g;
      for (const state of found(text, status)) {
        assert((WATCH_STATUSES as readonly string[]).includes(state), state);
      }
    }
  },
);

Deno.test(
  "deploy: the dashboard shows every metric, on panels that do not overlap",
  readOnly,
  () => {
    const text = read(DASHBOARD);
    for (const name of FAMILIES) {
      assert(
        text.includes(name),
        `${name} is not shown`,
      );
    }
    const { panels } = JSON.parse(text) as {
      panels: readonly {
        readonly id: number;
        readonly title: string;
        readonly description: string;
        readonly gridPos: Record<"x" | "y" | "w" | "h", number>;
      }[];
    };
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const cells = new Set<string>();
    for (const { title, description, gridPos: { x, y, w, h } } of panels) {
      assert(description, title);
      assert(x >= 0 && x + w <= 24, title);
      for (let i = 0; i < w * h; i++) {
        const cell = `${x + i % w}/${y + Math.floor(i / w)}`;
        assert(!cells.has(cell), `${title} covers another panel`);
        cells.add(cell);
      }
    }
  },
);

/** Runs a tool; gives what it says if it is not content, `undefined` if there is no such tool. */
async function complaint(
  tool: string,
  args: readonly string[],
): Promise<string | undefined> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(tool, {
      args: [...args],
      stdin: "null",
    }).output();
    const said = new TextDecoder().decode(stdout) +
      new TextDecoder().decode(stderr);
    return code === 0 ? "" : said || `ends with ${code}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const hasPromtool = await complaint("promtool", ["--version"]) !== undefined;
const hasAnalyze =
  await complaint("systemd-analyze", ["--version"]) !== undefined;

function needing(name: string, tool: string, isThere: boolean) {
  return isThere
    ? { name, ignore: false }
    : { name: `${name} (skipped: no ${tool} on this machine)`, ignore: true };
}

Deno.test({
  ...needing("deploy: promtool takes the rules", "promtool", hasPromtool),
  fn: async () => {
    for (const path of [RULES, "deploy/prometheus-rules.yaml"]) {
      assert.equal(await complaint("promtool", ["check", "rules", path]), "");
    }
  },
});

Deno.test({
  ...needing("deploy: systemd takes the unit", "systemd-analyze", hasAnalyze),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      // It looks for the program too, which is installed elsewhere, or not at all.
      const path = `${folder}/roughly-watch.service`;
      const text = read(UNIT).replace(
        "/usr/local/bin/roughly",
        Deno.execPath(),
      );
      await Deno.writeTextFile(path, text);
      const said = await complaint("systemd-analyze", [
        ...["verify", "--man=no", "--recursive-errors=no", path],
      ]);
      assert.equal(said, "");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test(
  "roughly-watch.service: gives no rights away, and takes options that there are",
  readOnly,
  () => {
    const text = read(UNIT);
    const settings = new Map(
      [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, key = "", value = ""]) =>
        [key, value] as const
      ),
    );
    const expected: Record<string, string> = {
      Type: "notify",
      DynamicUser: "yes",
      CapabilityBoundingSet: "",
      NoNewPrivileges: "yes",
      ProtectSystem: "strict",
      ProtectHome: "yes",
      ProtectClock: "yes",
      PrivateDevices: "yes",
      PrivateTmp: "yes",
      Restart: "always",
      StateDirectory: "roughly-watch",
      SystemCallErrorNumber: "EPERM",
    };
    for (const [key, value] of Object.entries(expected)) {
      assert.equal(settings.get(key), value, key);
    }
    assert(!settings.has("MemoryDenyWriteExecute"));
  },
);

Deno.test(
  "watch.md: options exist and have the defaults that are written",
  readOnly,
  () => {
    const text = read(GUIDE) + read(UNIT);
    const lines = [
      ...text.replaceAll(/\\\n\s*/g, " ")
        .matchAll(/\broughly watch\b([^\n`|&;#]*)/g),
    ];
    const options = WATCH.options;
    for (const [, words = ""] of lines) {
      for (const flag of found(words, /(--[a-z-]+)/g)) {
        assert(
          options.some(({ long }) => long === flag),
          `watch has no ${flag}`,
        );
      }
    }
    assert(lines.length > 3);
    for (const flag of found(text, /`(--[a-z-]+)/g)) {
      assert(options.some(({ long }) => long === flag), `watch has no ${flag}`);
    }
    for (
      const [, flag, value] of text.matchAll(/`(--[a-z-]+)[^`]*` \((\d+)\)/g)
    ) {
      const option = options.find(({ long }) => long === flag);
      assert.equal(String(option?.defaultValue), value, flag);
    }
  },
);

Deno.test("watch.md: explains each metric", readOnly, () => {
  const [, table = ""] =
    /<!-- metrics -->([^]*)<!-- \/metrics -->/.exec(read(GUIDE)) ?? [];
  const named = found(table, /^\| `([^`]+)`/gm);
  assert.deepEqual(named.sort(), [...FAMILIES].sort());
});
