/**
 * The command line: one table of commands that drives parsing and help.
 *
 * @module
 */

import { Command, CommanderError, Option } from "commander";
import config from "../../deno.json" with { type: "json" };
import { DEFAULT_PORT } from "../serve.ts";
import {
  parseChoice,
  parsePort,
  parseSeconds,
  parseVersions,
} from "./arguments.ts";
import { EXIT, UsageError } from "./exit_code.ts";
import { KEY_FILE, KEY_VARIABLES } from "./key_source.ts";
import { consoleOutput, type Output, reportError } from "./output.ts";
import { probe, PROBE_SCHEMA, type ProbeOptions } from "./probe.ts";
import { query, QUERY_SCHEMA, type QueryOptions } from "./query.ts";
import {
  KEYGEN_SCHEMA,
  type KeygenOptions,
  serverKeygen,
} from "./server_keygen.ts";
import { type RunOptions, serverRun } from "./server_run.ts";

const TARGET_HELP =
  "HOST[:PORT] [PORT] [PUBLIC_KEY]; the key in base64, base64url or hex";

const EXIT_HELP = `
Exit codes: 0 done, 1 unexpected, 2 usage, 3 no answer, 4 answer rejected, 8 not permitted`;

/**
 * Runs a command line.
 *
 * @param args The words after the program's name.
 * @param output Where to write.
 * @returns The exit code.
 */
export async function main(
  args: readonly string[],
  output: Output = consoleOutput,
): Promise<number> {
  let exitCode: number = EXIT.ok;
  let schema: string | undefined;
  const run = (name: string, action: () => Promise<number>) => {
    schema = name;
    return action().then((code) => void (exitCode = code));
  };
  const program = build(output, run);
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    }
    const json = schema && args.includes("--json") ? { schema } : undefined;
    return reportError(output, error, json);
  }
}

type Run = (schema: string, action: () => Promise<number>) => Promise<void>;

function build(output: Output, run: Run): Command {
  const program = new Command("roughly");
  program
    .description(
      "Roughtime: rough time that is signed, so that one can prove who lied",
    )
    .version(config.version, "--version", "print the version")
    .option("-v, --verbose", "say more on stderr")
    .helpCommand(false)
    .showHelpAfterError("(see --help)")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", EXIT_HELP);
  addQuery(program, output, run);
  addProbe(program, output, run);
  const server = program.command("server").description("run a server");
  addServerRun(server, output, run, () => program.opts().verbose === true);
  addServerKeygen(server, output, run);
  // Commander copies these settings only to commands that are added later.
  const settle = (command: Command) => {
    command.exitOverride().configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.err(text.trimEnd()),
      outputError: (text, write) =>
        write(text.replace(/^error: /, "roughly: error: ")),
    });
    command.commands.forEach((child) => settle(child as Command));
  };
  settle(program);
  return program;
}

function versionsOption(flags: string, description: string): Option {
  return new Option(`${flags} <list>`, description).argParser(parseVersions);
}

function transportOption(): Option {
  return new Option("--transport <how>", "udp, tcp, or udp and then tcp")
    .default("auto").argParser(parseChoice(["auto", "udp", "tcp"]));
}

function timeoutOption(seconds: number): Option {
  return new Option("--timeout <seconds>", "how long to wait").default(seconds)
    .argParser(parseSeconds);
}

function addQuery(program: Command, output: Output, run: Run): void {
  program.command("query")
    .description("ask a server for the time and verify the answer")
    .argument("<target...>", TARGET_HELP)
    .option("--terse", "print the seconds since 1970 and nothing else")
    .option("--json", "print one line of JSON, with the evidence")
    .addOption(timeoutOption(5))
    .addOption(
      versionsOption(
        "--offer",
        "offer these versions only, such as 1,0x8000000c",
      ),
    )
    .option("--untyped", "ask for 0x8000000c as drafts 12-13 did, without TYPE")
    .addOption(transportOption())
    .option(
      "--very-dangerously-disable-verification",
      "print whatever comes back; anybody may have sent it",
    )
    .action((words: string[], options: QueryOptions) =>
      run(QUERY_SCHEMA, () => query(words, options, output))
    );
}

function addProbe(program: Command, output: Output, run: Run): void {
  program.command("probe")
    .description(
      "try every version and say which a server speaks, and why not the others",
    )
    .argument("<target...>", TARGET_HELP)
    .option("--dump", "decode each request and reply")
    .option("--json", "print a line of JSON for each version")
    .addOption(timeoutOption(2))
    .addOption(versionsOption("--offer", "try these versions only"))
    .addOption(transportOption())
    .action((words: string[], options: ProbeOptions) =>
      run(PROBE_SCHEMA, () => probe(words, options, output))
    );
}

function addServerRun(
  server: Command,
  output: Output,
  run: Run,
  isVerbose: () => boolean,
): void {
  const seconds = (text: string) => parseSeconds(text);
  server.command("run")
    .description("answer requests until stopped")
    .addOption(
      new Option("--host <address>", "address to listen on").default("0.0.0.0")
        .env("ROUGHLY_HOST"),
    )
    .addOption(
      new Option("-p, --port <port>", "port to listen on").default(DEFAULT_PORT)
        .env("ROUGHLY_PORT").argParser(parsePort),
    )
    .addOption(
      new Option(
        "--private-key <key>",
        `the key itself, for all to see in the list of processes; better in ${
          KEY_VARIABLES.join(" or ")
        }, from the environment or ${KEY_FILE}`,
      ),
    )
    .addOption(
      new Option("--radius <seconds>", "how far the clock may be off").default(
        3,
      )
        .env("ROUGHLY_RADIUS").argParser(seconds),
    )
    .addOption(
      new Option("--validity-seconds <seconds>", "how long an online key signs")
        .default(3600).env("ROUGHLY_VALIDITY_SECONDS").argParser(seconds),
    )
    .addOption(
      new Option("--no-grease", "spoil no replies on purpose").env(
        "ROUGHLY_NO_GREASE",
      ),
    )
    .addOption(
      new Option(
        "--grease-probability <fraction>",
        "fraction of replies to spoil",
      )
        .default(0.001).env("ROUGHLY_GREASE_PROBABILITY").argParser(
          parseFraction,
        ),
    )
    .option(
      "--prefer-rfc",
      "answer 1 rather than 0x8000000c where both are offered",
    )
    .addOption(
      new Option("--v1-context <spelling>", "signature contexts of version 1")
        .default("rfc").argParser(parseChoice(["rfc", "draft"])),
    )
    .addOption(versionsOption("--versions", "answer these versions only"))
    .action((options: RunOptions) =>
      run("roughly/run/1", () => serverRun(options, isVerbose(), output))
    );
}

function addServerKeygen(server: Command, output: Output, run: Run): void {
  server.command("keygen")
    .description(
      "make a long-term key and write it to a file only you can read",
    )
    .option("--out <file>", "file to write", KEY_FILE)
    .option("--force", "replace the file if it exists")
    .option("--json", "print one line of JSON")
    .action((options: KeygenOptions) =>
      run(KEYGEN_SCHEMA, () => serverKeygen(options, output))
    );
}

function parseFraction(text: string): number {
  const fraction = Number(text);
  if (text.trim() === "" || !(fraction >= 0 && fraction <= 1)) {
    throw new UsageError(
      `cannot use "${text}" as a fraction: 0 to 1 are allowed`,
    );
  }
  return fraction;
}
