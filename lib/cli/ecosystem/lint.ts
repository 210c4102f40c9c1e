/**
 * `roughly ecosystem lint`: what is wrong with a server list.
 *
 * @module
 */

import { type Finding, lintServerList } from "../../ecosystem/lint.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { readList } from "./list_source.ts";
import { type Output, printable, printJson } from "../terminal/output.ts";
import { painterFor } from "../terminal/paint.ts";
import { LINT_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface LintCommandOptions {
  readonly json?: boolean;
  readonly strict?: boolean;
}

/** Runs the command. */
export async function ecosystemLint(
  path: string,
  options: LintCommandOptions,
  output: Output,
): Promise<number> {
  const text = await readList(path, output);
  const findings = lintServerList(text, {
    nowMicros: BigInt(Date.now()) * 1000n,
  });
  const errors = count(findings, "error");
  const warnings = count(findings, "warning");
  const ok = errors === 0 && !(options.strict && warnings > 0);
  if (options.json) {
    printJson(output, { schema: LINT_SCHEMA, ok, errors, warnings, findings });
  } else {
    const paint = painterFor(output);
    for (const { severity, path, message } of findings) {
      const place = path === "" ? "" : ` ${path}`;
      const label = paint(severity === "error" ? "bad" : "doubtful", severity);
      output.out(label + printable(`${place}: ${message}`));
    }
    output.out(`${plural(errors, "error")}, ${plural(warnings, "warning")}`);
  }
  return ok ? EXIT.ok : EXIT.rejected;
}

function count(
  findings: readonly Finding[],
  wanted: Finding["severity"],
): number {
  return findings.filter(({ severity }) => severity === wanted).length;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
