/**
 * The one table of commands that drives parsing and help. What a command runs is loaded when
 * it is run: the others need not wait for it.
 *
 * @module
 */

import { refuseIgnored } from "./ignored.ts";
import { Command, Option } from "commander";
import { DEFAULT_DELAY_MICROS, DEFAULT_PORT } from "../server/check_options.ts";
import {
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
  parseWord,
  parseWorkers,
} from "./arguments.ts";
import {
  applyEnvironment,
  RUN_VARIABLES,
  variableNote,
} from "./environment.ts";
import { addCompletions } from "./completions.ts";
import { addHelp } from "./help.ts";
import { settle } from "./manual/settle.ts";
import { bundledNames, offering } from "./manual/words.ts";
import { versionText } from "./version.ts";
import { DIALECTS } from "../wire/dialect.ts";
import { addBench } from "./bench/command.ts";
import { KEY_FILE, KEY_VARIABLES } from "./server/key_names.ts";
import { addWatch } from "./watch/command.ts";
import { addClock, addEcosystem, addReport } from "./commands_many.ts";
import type { Output } from "./terminal/output.ts";
import type { ProbeOptions } from "./probe/command.ts";
import type { QueryOptions } from "./query.ts";
import type { DelegateOptions } from "./server/delegate.ts";
import type { KeygenOptions } from "./server/keygen.ts";
import type { PubkeyOptions } from "./server/pubkey.ts";
import type { RunOptions } from "./server/run.ts";
import {
  BENCH_SCHEMA,
  CHECK_CONFIG_SCHEMA,
  DELEGATE_SCHEMA,
  KEYGEN_SCHEMA,
  PROBE_SCHEMA,
  PUBKEY_SCHEMA,
  QUERY_SCHEMA,
  WATCH_SCHEMA,
} from "./schema.ts";

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
  `HOST[:PORT] [PORT] [PUBLIC_KEY]: port ${DEFAULT_PORT} if none is given, the key in base64, base64url or hex`;

/** Builds the program. */
export function buildProgram(output: Output, done: Done): Program {
  const program = new Command("roughly");
  program
    .description(
      "Roughtime client, server and monitor: signed time, and proof when servers lie",
    )
    .version(versionText(), "--version", "print version and platform")
    .option(
      "-v, --verbose",
      "print each step, and the causes of errors, on stderr",
    )
    .configureHelp({ showGlobalOptions: true });
  const schemas = new Map<Command, string>();
  schemas.set(addQuery(program, output, done), QUERY_SCHEMA);
  schemas.set(addProbe(program, output, done), PROBE_SCHEMA);
  schemas.set(addBench(program, output, done), BENCH_SCHEMA);
  schemas.set(addWatch(program, output, done), WATCH_SCHEMA);
  const groups = [addEcosystem, addReport, addClock]
    .map((add) => add(program, output, done));
  for (const { commands } of groups) {
    for (const [command, schema] of commands) schemas.set(command, schema);
  }
  const server = program.command("server").description(
    "run a Roughtime server, and manage its keys",
  );
  schemas.set(addServerRun(server, output, done), CHECK_CONFIG_SCHEMA);
  schemas.set(addServerKeygen(server, output, done), KEYGEN_SCHEMA);
  schemas.set(addServerPubkey(server, output, done), PUBKEY_SCHEMA);
  schemas.set(addServerDelegate(server, output, done), DELEGATE_SCHEMA);
  addCompletions(program, output, done);
  addHelp(program, output, done);
  settle(program, output);
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
  const option = new Option(`${flags} <versions>`, description)
    .argParser(parseVersions);
  return offering(option, Object.keys(DIALECTS));
}

function transportOption(): Option {
  return new Option(
    "--transport <how>",
    "with auto, TCP is tried where UDP brings no answer",
  )
    .default("auto").argParser(parseChoice(["auto", "udp", "tcp"]));
}

function timeoutOption(seconds: number): Option {
  return new Option("--timeout <seconds>", "how long to wait for an answer")
    .default(seconds)
    .argParser(parseTimeout);
}

function addQuery(program: Command, output: Output, done: Done): Command {
  return program.command("query")
    .description("ask a server for the time and verify the answer")
    .argument("[target...]", TARGET_HELP)
    .addOption(
      offering(
        new Option(
          "--name <name>",
          "ask the server of this name in the list; give no target then",
        ),
        bundledNames,
      ),
    )
    .option(
      "--list <list>",
      "server list for --name: a file or https URL (default: the bundled list)",
    )
    .addOption(
      new Option("--terse", "print only the seconds since 1970")
        .conflicts("json"),
    )
    .option("--json", "print one line of JSON, with the packets as evidence")
    .addOption(timeoutOption(5))
    .addOption(
      versionsOption(
        "--offer",
        "offer only these versions, such as 1,0x8000000c or draft-12",
      ),
    )
    .addOption(transportOption())
    .option(
      "--very-dangerously-disable-verification",
      "print an answer that nobody verified; anybody may have sent it",
    )
    .action(async (words: string[], options: QueryOptions) => {
      const { verbose } = program.opts<{ verbose?: boolean }>();
      const { query } = await import("./query.ts");
      done(await query(words, { ...options, verbose }, output));
    });
}

function addProbe(program: Command, output: Output, done: Done): Command {
  const command = program.command("probe");
  return command
    .description(
      "show which versions a server speaks over UDP and TCP, and why the others fail",
    )
    .argument("<target...>", TARGET_HELP)
    .option("--dump", "decode each request and reply")
    .option(
      "--all",
      "ask for every version, also for those that the server does not list",
    )
    .option(
      "--json",
      "print one line of JSON for each version, and one with the verdict",
    )
    .addOption(timeoutOption(2))
    .addOption(versionsOption("--offer", "try only these versions"))
    .addOption(transportOption())
    .action(async (words: string[], options: ProbeOptions) => {
      refuseIgnored(command, [{
        option: "--all",
        because: "with --offer, which names all that is asked",
        when: options.offer !== undefined,
      }]);
      const { probe } = await import("./probe/command.ts");
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
  const command = server.command("run")
    .description("answer requests over UDP and TCP");
  const options: readonly Option[] = [
    option(
      "--host <address>",
      "address or name to listen on (default: all addresses)",
    ),
    option("-p, --port <port>", "port to listen on; 0 takes a free one")
      .default(DEFAULT_PORT).argParser(parseListenPort),
    option("--listen <host:port>", "also listen on this address; repeatable")
      .argParser(repeatable(parseListen)),
    option("--no-tcp", "listen on UDP only"),
    option("--max-connections <n>", "open TCP connections in all")
      .default(4096).argParser(parseCount),
    option(
      "--max-connections-per-address <n>",
      "open TCP connections from one IPv4 address or one IPv6 /64",
    ).default(64).argParser(parseCount),
    option(
      "--io <how>",
      "with linux, batched system calls; with portable, the sockets of Deno; auto takes linux where it works",
    ).default("auto").argParser(parseChoice(["auto", "portable", "linux"])),
    option(
      "--workers <n>",
      "threads for each UDP address, with --io linux (default: one for each core)",
    ).argParser(parseWorkers),
    option(
      "--max-delay <microseconds>",
      "longest time that workers let requests gather which come often; 0 for not at all",
    ).default(DEFAULT_DELAY_MICROS).argParser(parseDelay),
    option(
      "--private-key <key>",
      `the long-term key itself, which the process list shows to everybody; safer are --key-file, ${
        KEY_VARIABLES.join(" or ")
      } and ${KEY_FILE}`,
    ).argParser((text: string) => text), // whatever is wrong with it is said without it
    option(
      "--key-file <file>",
      "file with a long-term key; repeatable, clients then say which key they expect",
    ).argParser(repeatable(parseWord)),
    option(
      "--delegation <file>",
      "file from 'server delegate', in place of the long-term key; repeatable",
    ).argParser(repeatable(parseWord)),
    option(
      "--radius <seconds>",
      "radius of replies: how far the clock may be off, rounding included",
    )
      .default(3).argParser(parseRadius),
    option(
      "--max-radius <seconds>",
      "stop answering when the kernel says that the clock may be off by more",
    ).default(30).argParser(parseRadius),
    option(
      "--trust-clock",
      "do not ask the kernel how far the clock may be off",
    ),
    option(
      "--validity-seconds <seconds>",
      "how long an online key is valid; at least 4",
    ).default(3600).argParser(parseValidity),
    option("--no-grease", "spoil no reply on purpose"),
    option(
      "--grease-probability <fraction>",
      "fraction of replies to spoil on purpose, so that clients must verify",
    )
      .default(0.001).argParser(parseFraction),
    option(
      "--prefer-rfc",
      "answer version 1 rather than 0x8000000c to clients that offer both",
    ),
    option(
      "--v1-context <spelling>",
      "spelling of the signature contexts in version 1: of the RFC, or of the drafts",
    )
      .default("rfc").argParser(parseChoice(["rfc", "draft"])),
    versionsOption("--versions", "answer only these versions"),
    option(
      "--metrics <host:port>",
      "serve /metrics (Prometheus) and /healthz on this address",
    )
      .argParser(parseListen),
    option(
      "--stats-interval <seconds>",
      "how often to log the counters; 0 for never",
    )
      .default(60).argParser(parseInterval),
    option("--log-format <format>", "format of the log on stderr")
      .default("text").argParser(parseChoice(["text", "json"])),
    option(
      "--check-config",
      "bind, sign, print what would be served, and exit",
    ),
    option("--json", "with --check-config: print one line of JSON"),
  ];
  for (const one of options) command.addOption(one);
  return command
    .action(async () => {
      applyEnvironment(command, RUN_VARIABLES);
      const options = command.opts<RunOptions>();
      const { ignoredByRun, serverRun } = await import("./server/run.ts");
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
    .description("print the public key of a long-term key")
    .argument(
      "[file]",
      `file with the key (default: the environment, then ${KEY_FILE})`,
    )
    .option("--json", "print one line of JSON")
    .action(async (file: string | undefined, options: PubkeyOptions) => {
      const { serverPubkey } = await import("./server/pubkey.ts");
      done(await serverPubkey(file, options, output));
    });
}

function addServerDelegate(
  server: Command,
  output: Output,
  done: Done,
): Command {
  return server.command("delegate")
    .description(
      "make an online key and certify it, for a server without the long-term key",
    )
    .requiredOption("--key-file <file>", "file with the long-term key")
    .addOption(
      new Option("--days <days>", "how long the online key is valid").default(
        30,
      )
        .argParser(parseDays),
    )
    .option("--out <file>", "file to write", "delegation.json")
    .option("--force", "replace the file if it exists")
    .option("--json", "print one line of JSON")
    .action(async (options: DelegateOptions) => {
      const { serverDelegate } = await import("./server/delegate.ts");
      done(await serverDelegate(options, output));
    });
}

function addServerKeygen(
  server: Command,
  output: Output,
  done: Done,
): Command {
  return server.command("keygen")
    .description(
      "make a long-term key, in a file that only you can read",
    )
    .option("--out <file>", "file to write", KEY_FILE)
    .option("--force", "replace the file if it exists")
    .option("--json", "print one line of JSON")
    .action(async (options: KeygenOptions) => {
      const { serverKeygen } = await import("./server/keygen.ts");
      done(await serverKeygen(options, output));
    });
}
