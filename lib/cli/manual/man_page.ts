/**
 * The manual page `roughly.1`: every command on one page, so that a reader can search it.
 *
 * @module
 */

import config from "../../../deno.json" with { type: "json" };
import { KEY_FILE, KEY_VARIABLES } from "../server/key_names.ts";
import { EXIT_MEANINGS } from "../terminal/exit_code.ts";
import { type CommandEntry, flatten } from "./entry.ts";
import type { Example } from "./notes.ts";
import { RUN_VARIABLES } from "../environment.ts";
import { wrap } from "./wrap.ts";

/** Of the release; a page has to have one. */
const DATE = "2026-12-01";

/** A term and what it means. */
type Item = readonly [term: string, meaning: string];

/**
 * Writes the page.
 *
 * @param program The whole table.
 */
export function manPage(program: CommandEntry): string {
  const commands = flatten(program).slice(1);
  return [
    `.TH ROUGHLY 1 ${DATE} "roughly ${config.version}" "User Commands"`,
    macro("SH", "NAME"),
    `roughly \\- ${text(program.description)}`,
    macro("SH", "SYNOPSIS"),
    ".B roughly",
    `.RI [ options ] " command " [ arguments ]`,
    macro("SH", "DESCRIPTION"),
    ...DESCRIPTION.flatMap((one, i) =>
      i === 0 ? [text(one)] : [".PP", text(one)]
    ),
    macro("SH", "OPTIONS"),
    ...items(
      program.options.map(({ flags, description }) => [flags, description]),
    ),
    macro("SH", "COMMANDS"),
    ...commands.flatMap(section),
    macro("SH", "EXIT STATUS"),
    ...items(EXIT_MEANINGS.map(([code, meaning]) => [`${code}`, meaning])),
    macro("SH", "ENVIRONMENT"),
    ...items(ENVIRONMENT),
    macro("SH", "FILES"),
    ...items(FILES),
    macro("SH", "EXAMPLES"),
    ...examples(program.notes.examples),
    macro("SH", "STANDARDS"),
    text(
      "RFC 10049 (Roughtime), the drafts before it, and Google's first protocol.",
    ),
    "",
  ].join("\n");
}

const DESCRIPTION = [
  "A Roughtime server signs the time together with a question that the client chose. So the client knows who said it, and that it was said after the question. A client that asks several servers in a chain can prove that two of them contradict each other.",
  "Results go to standard output, one JSON object per line with --json. Errors, warnings, hints and logs go to standard error. Colour and progress appear on a terminal only.",
  "A target is written HOST[:PORT] [PORT] [PUBLIC_KEY]; the port is 2002 unless it is given. A server list is a file or an https URL, in any form in use.",
];

const ENVIRONMENT: readonly Item[] = [
  [
    KEY_VARIABLES.join(", "),
    `The long-term private key of 'roughly server'. The first that is set counts; options and key files come before it, ${KEY_FILE} after it.`,
  ],
  ...Object.entries(RUN_VARIABLES).map(([option, variable]): Item => [
    variable,
    `Stands for ${option} of 'roughly server run'. The command line comes first.`,
  ]),
  ["NO_COLOR", "If it is set and not empty, nothing is coloured."],
  ["TERM", "If it is 'dumb', there is neither colour nor progress."],
  [
    "NOTIFY_SOCKET, WATCHDOG_USEC",
    "Set by systemd. 'roughly server run' tells it when the server is ready and that it is alive.",
  ],
];

const FILES: readonly Item[] = [
  [
    KEY_FILE,
    "In the working folder: 'roughly server keygen' writes the key there, and 'roughly server run' and 'roughly server pubkey' look for it. Others must not be able to read it.",
  ],
  [
    "ecosystem.json",
    "In the working folder: a server list that 'roughly ecosystem state', 'list' and 'malfeasance' use before the bundled one.",
  ],
  [
    "delegation.json",
    "What 'roughly server delegate' writes, unless --out names another file.",
  ],
  [
    "malfeasance_report.json",
    "What 'roughly ecosystem malfeasance' writes, unless --report-location names another file.",
  ],
];

function section(entry: CommandEntry): string[] {
  const { path, description, commands, options, notes } = entry;
  const call = ["roughly", ...path].join(" ");
  const terms = entry.arguments.map(({ term }) => term);
  const own = options.filter(({ names }) => !isCommon(names));
  return [
    macro("SS", [call, ...terms].join(" ")),
    text(sentence(description)),
    ...commands.length === 0 ? [] : [
      ".PP",
      text(`Commands: ${commands.map((one) => one.path.at(-1)).join(", ")}.`),
    ],
    ...items(entry.arguments.map((one) => [one.term, one.description])),
    ...items(own.map(({ flags, description }) => [flags, description])),
    ...(notes.text ?? []).flatMap((one) => [".PP", text(one)]),
    ".PP",
    ...examples(notes.examples),
  ];
}

/** Are these the same for every command? */
function isCommon(names: readonly string[]): boolean {
  return ["--help", "--verbose", "--version"].some((one) =>
    names.includes(one)
  );
}

function items(list: readonly Item[]): string[] {
  return list.flatMap(([term, meaning]) => [
    ".TP",
    `.B ${quoted(term)}`,
    text(sentence(meaning)),
  ]);
}

function examples(list: readonly Example[]): string[] {
  return list.flatMap(({ purpose, line }, i) => [
    ...i === 0 ? [] : [".PP"],
    text(`${purpose}:`),
    ".PP",
    ".RS 4",
    ".EX",
    literal(line),
    ".EE",
    ".RE",
  ]);
}

function macro(name: string, ...words: readonly string[]): string {
  return [`.${name}`, ...words.map(quoted)].join(" ");
}

function quoted(word: string): string {
  return `"${literal(word).replaceAll('"', "\\(dq")}"`;
}

/** Short enough that escapes do not make a line too long. */
const WIDTH = 66;

/** A paragraph. */
function text(paragraph: string): string {
  return wrap(paragraph, WIDTH).split("\n").map(literal).join("\n");
}

/** Lines that begin with a dot or a quote are commands, and a hyphen is not a minus. */
function literal(line: string): string {
  return line.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq").replaceAll("~", "\\(ti").replaceAll("^", "\\(ha")
    .replaceAll("`", "\\(ga").replace(/^\./, "\\&.");
}

function sentence(line: string): string {
  const full = line.charAt(0).toUpperCase() + line.slice(1);
  return /[.?!]$/.test(full) ? full : `${full}.`;
}
