/**
 * The one table of commands that drives parsing and help.
 *
 * @module
 */

import { CHECK_CONFIG_SCHEMA } from "./server/check.ts";
import { refuseIgnored } from "./ignored.ts";
import { Command, Option } from "commander";
import config from "../../deno.json" with { type: "json" };
import { DEFAULT_DELAY_MICROS } from "../server/listen.ts";
import { DEFAULT_PORT } from "../server/serve.ts";
import {
  naming,
  parseChoice,
  parseCount,
  parseDays,
  parseDelay,
  parseFraction,
  parseInterval,
  parseListen,
  parseListenPort,
  parseRadius,
  parseTimeout,
  parseValidity,
  parseVersions,
  parseWorkers,
} from "./arguments.ts";
import {
  applyEnvironment,
  variableNote,
  type Variables,
} from "./environment.ts";
import { addBench, BENCH_SCHEMA } from "./bench/command.ts";
import { KEY_FILE, KEY_VARIABLES } from "./server/key_source.ts";
import { addClock, addEcosystem, addReport } from "./commands_many.ts";
import type { Output } from "./terminal/output.ts";
import { probe, type ProbeOptions } from "./probe/command.ts";
import { PROBE_SCHEMA } from "./probe/report.ts";
import { query, QUERY_SCHEMA, type QueryOptions } from "./query.ts";
import {
  DELEGATE_SCHEMA,
  type DelegateOptions,
  serverDelegate,
} from "./server/delegate.ts";
import {
  KEYGEN_SCHEMA,
  type KeygenOptions,
  serverKeygen,
} from "./server/keygen.ts";
import {
  PUBKEY_SCHEMA,
  type PubkeyOptions,
  serverPubkey,
} from "./server/pubkey.ts";
import { ignoredByRun, type RunOptions, serverRun } from "./server/run.ts";

/** A command that was recognised. */
export interface Entered {
  /** As the library knows it. */
  readonly command: Command;
  /** Name of its JSON form, if it has one. */
  readonly schema: string | undefined;
}

/** The program, and a way to learn which command it recognised, good or bad. */
export interface Program extends Entered {
  /** Calls back before the command's own options are read. */
  onEnter(callback: (entered: Entered) => void): void;
}

/** Takes an action's exit code. */
type Done = (exitCode: number) => void;

const TARGET_HELP =
  "HOST[:PORT] [PORT] [PUBLIC_KEY]; the key in base64, base64url or hex";

const EXIT_HELP = `
Exit codes: 0 done, 1 unexpected, 2 usage, 3 no answer, 4 answer rejected,
5 malfeasance proven, 6 no quorum, 7 clock outside the limit, 8 not permitted`;

const RUN_VARIABLES: Variables = {
  "--host": "ROUGHLY_HOST",
  "--port": "ROUGHLY_PORT",
  "--radius": "ROUGHLY_RADIUS",
  "--validity-seconds": "ROUGHLY_VALIDITY_SECONDS",
  "--no-grease": "ROUGHLY_NO_GREASE",
  "--grease-probability": "ROUGHLY_GREASE_PROBABILITY",
};

/** Builds the program. */
export function buildProgram(output: Output, done: Done): Program {
  const program = new Command("roughly");
  program
    .description(
      "Roughtime: rough time that is signed, so that one can prove who lied",
    )
    .version(config.version, "--version", "print the version")
    .option("-v, --verbose", "say more on stderr")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("afterAll", EXIT_HELP);
  const schemas = new Map<Command, string>();
  schemas.set(addQuery(program, output, done), QUERY_SCHEMA);
  schemas.set(addProbe(program, output, done), PROBE_SCHEMA);
  schemas.set(addBench(program, output, done), BENCH_SCHEMA);
  const groups = [addEcosystem, addReport, addClock]
    .map((add) => add(program, output, done));
  for (const { commands } of groups) {
    for (const [command, schema] of commands) schemas.set(command, schema);
  }
  const server = program.command("server").description("run a server");
  schemas.set(addServerRun(server, output, done), CHECK_CONFIG_SCHEMA);
  schemas.set(addServerKeygen(server, output, done), KEYGEN_SCHEMA);
  schemas.set(addServerPubkey(server, output, done), PUBKEY_SCHEMA);
  schemas.set(addServerDelegate(server, output, done), DELEGATE_SCHEMA);
  // Commander copies these settings only to commands that are added later.
  const settle = (command: Command) => {
    for (const option of command.options) {
      const { long, parseArg } = option;
      if (parseArg) option.argParser(naming(long ?? option.flags, parseArg));
    }
    command.exitOverride().helpCommand(false).configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.err(text.trimEnd()),
      outputError: () => {}, // for main() to say
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
    command.commands.forEach((child) => settle(child as Command));
  };
  settle(program);
  return {
    command: program,
    schema: undefined,
    onEnter: (callback) => {
      const parents = [program, server, ...groups.map(({ group }) => group)];
      for (const parent of parents) {
        parent.hook("preSubcommand", (_parent, entered) => {
          const command = entered as Command;
          callback({ command, schema: schemas.get(command) });
        });
      }
    },
  };
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
    .argParser(parseTimeout);
}

function addQuery(program: Command, output: Output, done: Done): Command {
  return program.command("query")
    .description("ask a server for the time and verify the answer")
    .argument("[target...]", TARGET_HELP)
    .option("--name <name>", "ask this server of a list instead")
    .option("--list <file>", "server list for --name; one is built in")
    .addOption(
      new Option("--terse", "print the seconds since 1970 and nothing else")
        .conflicts("json"),
    )
    .option("--json", "print one line of JSON, with the evidence")
    .addOption(timeoutOption(5))
    .addOption(
      versionsOption(
        "--offer",
        "offer these versions only, such as 1,0x8000000c or draft-12",
      ),
    )
    .addOption(transportOption())
    .option(
      "--very-dangerously-disable-verification",
      "print whatever comes back; anybody may have sent it",
    )
    .action(async (words: string[], options: QueryOptions) => {
      const { verbose } = program.opts<{ verbose?: boolean }>();
      done(await query(words, { ...options, verbose }, output));
    });
}

function addProbe(program: Command, output: Output, done: Done): Command {
  const command = program.command("probe");
  return command
    .description(
      "try every version and say which a server speaks, and why not the others",
    )
    .argument("<target...>", TARGET_HELP)
    .option("--dump", "decode each request and reply")
    .option(
      "--all",
      "ask for every version, also those that the server says it does not speak",
    )
    .option("--json", "print a line of JSON for each version, and one for all")
    .addOption(timeoutOption(2))
    .addOption(versionsOption("--offer", "try these versions only"))
    .addOption(transportOption())
    .action(async (words: string[], options: ProbeOptions) => {
      refuseIgnored(command, [{
        option: "--all",
        because: "with --offer, which names all that is asked",
        when: options.offer !== undefined,
      }]);
      done(await probe(words, { ...options, ...program.opts() }, output));
    });
}

/** Gathers the values of an option that may be repeated. */
function repeatable<T>(
  read: (text: string) => T,
): (text: string, before: readonly T[] | undefined) => T[] {
  return (text, before) => [...(before ?? []), read(text)];
}

function addServerRun(server: Command, output: Output, done: Done): Command {
  const option = (flags: string, description: string): Option => {
    const [long = ""] = /--[a-z0-9-]+/.exec(flags) ?? [];
    const variable = RUN_VARIABLES[long];
    const note = variable === undefined ? "" : ` ${variableNote(variable)}`;
    return new Option(flags, description + note);
  };
  const word = (text: string) => text;
  const command = server.command("run")
    .description("answer requests over UDP and TCP until stopped");
  const options: readonly Option[] = [
    option(
      "--host <address>",
      "address or name to listen on; all addresses without",
    ),
    option("-p, --port <port>", "port to listen on, 0 for any")
      .default(DEFAULT_PORT).argParser(parseListenPort),
    option("--listen <host:port>", "listen here too; may be repeated")
      .argParser(repeatable(parseListen)),
    option("--no-tcp", "UDP only"),
    option("--max-connections <n>", "TCP connections at one time")
      .default(4096).argParser(parseCount),
    option(
      "--max-connections-per-address <n>",
      "TCP connections at one time from one IPv4 address or one /64 of IPv6",
    ).default(64).argParser(parseCount),
    option(
      "--io <how>",
      "linux, the system's own calls; portable, the runtime's; or what is best here",
    ).default("auto").argParser(parseChoice(["auto", "portable", "linux"])),
    option(
      "--workers <n>",
      "threads for each UDP address, with --io linux; one for each core without",
    ).argParser(parseWorkers),
    option(
      "--max-delay <microseconds>",
      "let requests that come often gather so long before workers answer them, 0 for not at all",
    ).default(DEFAULT_DELAY_MICROS).argParser(parseDelay),
    option(
      "--private-key <key>",
      `the key itself, for all to see in the list of processes; better in a file, or in ${
        KEY_VARIABLES.join(" or ")
      } from the environment or ${KEY_FILE}`,
    ),
    option(
      "--key-file <file>",
      "file with a long-term key; may be repeated, clients then say which they mean",
    ).argParser(repeatable(word)),
    option(
      "--delegation <file>",
      "file from 'server delegate', so that the long-term key is not here; may be repeated",
    ).argParser(repeatable(word)),
    option(
      "--radius <seconds>",
      "how far the clock may be off, rounding included",
    )
      .default(3).argParser(parseRadius),
    option(
      "--max-radius <seconds>",
      "fall silent when the system says that the clock may be off by more",
    ).default(30).argParser(parseRadius),
    option("--trust-clock", "do not ask the system how its clock is"),
    option(
      "--validity-seconds <seconds>",
      "how long an online key signs, 4 at least",
    ).default(3600).argParser(parseValidity),
    option("--no-grease", "spoil no replies on purpose"),
    option("--grease-probability <fraction>", "fraction of replies to spoil")
      .default(0.001).argParser(parseFraction),
    option(
      "--prefer-rfc",
      "answer 1 rather than 0x8000000c where both are offered",
    ),
    option("--v1-context <spelling>", "signature contexts of version 1")
      .default("rfc").argParser(parseChoice(["rfc", "draft"])),
    versionsOption("--versions", "answer these versions only"),
    option("--metrics <host:port>", "serve /metrics and /healthz here")
      .argParser(parseListen),
    option(
      "--stats-interval <seconds>",
      "log the numbers so often, 0 for never",
    )
      .default(60).argParser(parseInterval),
    option("--log-format <format>", "text or json, on stderr")
      .default("text").argParser(parseChoice(["text", "json"])),
    option(
      "--check-config",
      "do all but serve: bind, sign, say what would be served, and end",
    ),
    option("--json", "with --check-config, print one line of JSON"),
  ];
  for (const one of options) command.addOption(one);
  return command
    .addHelpText(
      "after",
      "\nSIGHUP reloads keys and delegations; SIGTERM and SIGINT finish what is being answered.",
    )
    .action(async () => {
      applyEnvironment(command, RUN_VARIABLES);
      const options = command.opts<RunOptions>();
      refuseIgnored(command, ignoredByRun(options));
      done(await serverRun(options, output));
    });
}

function addServerPubkey(
  server: Command,
  output: Output,
  done: Done,
): Command {
  return server.command("pubkey")
    .description("print the public key of a private one")
    .argument(
      "[file]",
      `file with the key; else the environment or ${KEY_FILE}`,
    )
    .option("--json", "print one line of JSON")
    .action(async (file: string | undefined, options: PubkeyOptions) =>
      done(await serverPubkey(file, options, output))
    );
}

function addServerDelegate(
  server: Command,
  output: Output,
  done: Done,
): Command {
  return server.command("delegate")
    .description(
      "make an online key and certify it, where the long-term key is; run the server elsewhere",
    )
    .requiredOption("--key-file <file>", "file with the long-term key")
    .addOption(
      new Option("--days <days>", "how long it signs").default(30)
        .argParser(parseDays),
    )
    .option("--out <file>", "file to write", "delegation.json")
    .option("--force", "replace the file if it exists")
    .option("--json", "print one line of JSON")
    .action(async (options: DelegateOptions) =>
      done(await serverDelegate(options, output))
    );
}

function addServerKeygen(
  server: Command,
  output: Output,
  done: Done,
): Command {
  return server.command("keygen")
    .description(
      "make a long-term key and write it to a file only you can read",
    )
    .option("--out <file>", "file to write", KEY_FILE)
    .option("--force", "replace the file if it exists")
    .option("--json", "print one line of JSON")
    .action(async (options: KeygenOptions) =>
      done(await serverKeygen(options, output))
    );
}
