/** What is published is what users need, and all of it is there. */

import assert from "node:assert/strict";
import { folder } from "../_support/cli.ts";
import { filesUnder, read, ROOT } from "../_support/tree.ts";
import * as chaos from "../../chaos.ts";
import * as clock from "../../clock.ts";
import * as ecosystem from "../../ecosystem.ts";
import * as main from "../../mod.ts";
import * as server from "../../server.ts";
import * as verify from "../../verify.ts";
import * as wire from "../../wire.ts";

interface Config {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly publish: { readonly include: readonly string[] };
}

const CONFIG = JSON.parse(read("deno.json")) as Config;

/** Is a file of the repository in what is published? */
function isPublished(path: string): boolean {
  return CONFIG.publish.include.some((pattern) =>
    pattern.endsWith("/") ? path.startsWith(pattern) : new RegExp(
      `^${pattern.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`,
    ).test(path)
  );
}

const readOnly = { permissions: { read: true } } as const;

Deno.test("every door is published, and has an example", readOnly, () => {
  for (const [door, file] of Object.entries(CONFIG.exports)) {
    const path = file.replace("./", "");
    assert(isPublished(path), path);
    const [head = ""] = read(path).split("@module");
    assert(/```(ts|sh)\n/.test(head), `${door} shows how it is used`);
  }
});

Deno.test(
  "README's links lead to what is published with it, or are absolute",
  readOnly,
  () => {
    const links = [...read("README.md").matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = ""]) => link);
    assert(links.length > 10);
    for (const link of links) {
      const [path = ""] = link.split("#");
      if (/^https:/.test(link) || path === "") continue;
      assert(isPublished(path), `${link} is not published`);
      assert(Deno.statSync(new URL(path, ROOT)).isFile, link);
    }
  },
);

Deno.test("nothing but the package is published", readOnly, () => {
  for (
    const path of [
      ...filesUnder("tests/"),
      ...filesUnder("tools/"),
      ...filesUnder("deploy/"),
      ...filesUnder("bench/"),
      ...["deno.lock", "deno.web.json", "CONTRIBUTING.md"],
      "docs/generate.ts",
    ]
  ) assert(!isPublished(path), path);
});

Deno.test("the Debian package takes files that there are", readOnly, () => {
  const text = read("deploy/debian/nfpm.yaml");
  const sources = [...text.matchAll(/(?:src|\w+(?:install|remove)): (\S+)/g)]
    .map(([, path = ""]) => path);
  assert(sources.length >= 10);
  for (const path of sources) {
    // Units are changed on the way; the rest of what is made there is new.
    const file = path.replace(
      "${ROUGHLY_MADE}/roughly",
      "deploy/systemd/roughly",
    );
    if (file.startsWith("$") || file.endsWith(".gz")) continue;
    assert(Deno.statSync(new URL(file, ROOT)).isFile, path);
    // tools/deb.sh puts the package's own place into what it makes, and into nothing else.
    if (!path.startsWith("$")) {
      assert(!read(path).includes("/usr/local/"), path);
    }
  }
  // In a checkout whose files a group may write, those of the package would be so, too.
  assert.match(text, /^umask: 0o022$/m);
});

Deno.test(
  "a service that does not start leaves the Debian package whole",
  readOnly,
  () => {
    for (const script of ["postinst", "prerm", "postrm"]) {
      const lines = read(`deploy/debian/${script}`).split("\n")
        .filter((line) => /^ *systemctl (?!daemon-reload)/.test(line));
      for (const line of lines) assert.match(line, / \|\| true$/, line);
      assert(lines.length === 1 || script === "postrm", script);
    }
  },
);

Deno.test({
  name: "release notes are what the changelog says of the version",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const notes = (version: string) =>
      new Deno.Command("tools/release_notes.sh", {
        args: [version],
        cwd: ROOT,
        stderr: "null",
      }).output();
    const { code, stdout } = await notes("Unreleased");
    assert.equal(code, 0);
    const text = new TextDecoder().decode(stdout);
    assert(read("CHANGELOG.md").includes(text));
    assert.match(text, /^### /m);
    assert.doesNotMatch(text, /^## /m);
    assert.notEqual((await notes("99.0.0")).code, 0);
  },
});

Deno.test({
  name: "a release has every file once, with a checksum",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const workflow = read(".github/workflows/release.yml");
    const [, sums = ""] = /run: (sha256sum .*)/.exec(workflow) ?? [];
    const [, upload = ""] = /^ +(gh release create[^]*?\S)\n\n/m
      .exec(workflow) ?? [];
    const [, check = ""] = /\n(sha256sum .*)\n/
      .exec(read("docs/installing.md")) ?? [];
    const files = [
      ...["amd64", "arm64"].map((name) => `roughly_1.0.0_${name}.deb`),
      ...["linux-x64", "macos-arm64", "windows-x64.exe"]
        .map((name) => `roughly-1.0.0-${name}`),
      ...["roughly-roughly-1.0.0.tgz", "roughly-verify.js"],
    ];
    await using there = await folder();
    for (const file of ["compile.json", ...files]) {
      await Deno.writeTextFile(there.in(file), file);
    }
    const script = `gh() { shift 5; printf '%s\n' "$@"; }
${sums}\n${upload}\nrm *.deb\n${check} >&2`;
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-euc", script],
      cwd: there.path,
      env: { GITHUB_REF_NAME: "v1.0.0" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const named = (text: string) =>
      text.trim().split("\n").map((line) => line.replace(/^.*[ /]/, "")).sort();
    assert.deepEqual(
      named(await Deno.readTextFile(there.in("SHA256SUMS"))),
      files.toSorted(),
    );
    const uploaded = named(new TextDecoder().decode(stdout))
      .filter((name) => name !== "notes.md");
    assert.deepEqual(uploaded, ["SHA256SUMS", ...files].sort());
  },
});

Deno.test("migrating.md names what there is", readOnly, () => {
  const [, names = ""] = read("docs/migrating.md").split("\n## Names\n");
  const doors = { ...main, ...chaos, ...clock, ...ecosystem, ...server };
  const known = new Set([
    ...Object.keys({ ...doors, ...verify, ...wire }),
    ...Object.getOwnPropertyNames(server.Server.prototype),
  ]);
  const here = names.split("\n").filter((line) => line.startsWith("| `"))
    .map((line) => line.split(/(?<!\\)\|/)[2] ?? "");
  assert(here.length >= 18);
  for (const cell of here) {
    for (const [, code = ""] of cell.matchAll(/`([^`]+)`/g)) {
      const [name = ""] = /^\w+/.exec(code) ?? [];
      if (name === "" || /^(result|server)$/.test(name)) continue;
      assert(known.has(name), `${name} in ${cell.trim()}`);
    }
  }
});
