/**
 * What help and manual page say of a command beside its arguments and options.
 *
 * @module
 */

/** A command line that works. */
export interface Example {
  /** What it is good for. */
  readonly purpose: string;
  /** As it is typed. */
  readonly line: string;
}

/** Beside the options. */
export interface Notes {
  /** Paragraphs. */
  readonly text?: readonly string[];
  /** The most useful one first. */
  readonly examples: readonly Example[];
}

function example(purpose: string, line: string): Example {
  return { purpose, line };
}

/** That of roughtime.se, as in the bundled list. */
const KEY = "S3AzfZJ5CjSdkJ21ZJGbxqdYP/SoE8fXKY0+aicsehI=";

/** By the words that call the command; empty for the program. */
export const NOTES: Readonly<Record<string, Notes>> = {
  "": {
    examples: [
      example(
        "Ask a server of the bundled list",
        "roughly query --name Cloudflare",
      ),
      example(
        "Check the local clock against five servers",
        "roughly clock check",
      ),
      example("Show the help of a command", "roughly help server run"),
    ],
  },
  "query": {
    text: [
      "Put the server's long-term public key last: without it an answer proves nothing.",
    ],
    examples: [
      example(
        "Ask a server of the bundled list",
        "roughly query --name Cloudflare",
      ),
      example(
        "Ask a server whose key you know",
        `roughly query roughtime.se ${KEY}`,
      ),
      example(
        "Print only the seconds since 1970",
        "roughly query --name Cloudflare --terse",
      ),
    ],
  },
  "probe": {
    text: [
      "Without the public key nothing is verified, so only the server's versions are shown.",
    ],
    examples: [
      example(
        "Show the versions of a server",
        `roughly probe roughtime.se ${KEY}`,
      ),
      example(
        "Decode the packets of one version",
        "roughly probe 127.0.0.1:2002 --offer rfc-10049 --dump",
      ),
    ],
  },
  "bench": {
    text: [
      "A window shows how much the server can do. A rate shows how long clients wait: latency then counts from the planned time of each request. Compare servers in one run, on cores of their own. A server that spoils replies on purpose (grease) makes some of them bad or rejected.",
      "SIGINT and SIGTERM end the measurement early. The results so far are printed, and the exit code is 130 or 143.",
    ],
    examples: [
      example(
        "Find the limit of a local server",
        "roughly bench 127.0.0.1:2002",
      ),
      example(
        "Measure latency at 1000 requests per second",
        "roughly bench 127.0.0.1:2002 --rate 1000",
      ),
      example(
        "Measure the server's CPU time per response as well",
        "roughly bench 127.0.0.1:2002 --pid 4711",
      ),
    ],
  },
  "ecosystem": {
    examples: [
      example(
        "Show which servers of the bundled list answer",
        "roughly ecosystem state",
      ),
      example(
        "Gather proof against servers that lie",
        "roughly ecosystem malfeasance",
      ),
    ],
  },
  "ecosystem state": {
    examples: [
      example("Ask the servers of the bundled list", "roughly ecosystem state"),
      example(
        "Ask those of another list, over TCP",
        "roughly ecosystem state servers.json --transport tcp",
      ),
    ],
  },
  "ecosystem list": {
    text: ["This asks no server."],
    examples: [
      example("Show the bundled list", "roughly ecosystem list"),
      example(
        "Show another list as JSON",
        "roughly ecosystem list servers.json --json",
      ),
    ],
  },
  "ecosystem malfeasance": {
    text: [
      "Every request is made from the reply before it, so the report proves the order of the replies. It exits with 5 if two servers contradict each other.",
    ],
    examples: [
      example(
        "Test the servers of the bundled list",
        "roughly ecosystem malfeasance",
      ),
      example(
        "Keep a report in any case",
        "roughly ecosystem malfeasance --always-write --report-location report.json",
      ),
    ],
  },
  "ecosystem lint": {
    text: [
      "It exits with 4 if the list has errors, and with 2 if it cannot be read.",
    ],
    examples: [
      example(
        "Check a list before it is published",
        "roughly ecosystem lint --strict servers.json",
      ),
    ],
  },
  "report": {
    examples: [
      example(
        "Judge a report",
        "roughly report verify malfeasance_report.json",
      ),
      example(
        "See what it proves, in detail",
        "roughly report explain malfeasance_report.json",
      ),
    ],
  },
  "report verify": {
    text: [
      "It exits with 5 if malfeasance is proven, with 0 if the replies are consistent, and with 4 if an entry proves nothing.",
    ],
    examples: [
      example(
        "Judge a report",
        "roughly report verify malfeasance_report.json",
      ),
      example(
        "Judge one, with the names of your own list",
        "roughly report verify malfeasance_report.json --list servers.json",
      ),
    ],
  },
  "report explain": {
    text: ["The exit codes are those of 'roughly report verify'."],
    examples: [
      example(
        "See what a report proves",
        "roughly report explain malfeasance_report.json",
      ),
    ],
  },
  "report submit": {
    text: [
      "Only a report that proves malfeasance is sent. It exits with 4 if the collector refuses it.",
    ],
    examples: [
      example(
        "Send a report to a collector",
        "roughly report submit malfeasance_report.json https://collector.example/reports",
      ),
    ],
  },
  "clock": {
    examples: [
      example("Check the local clock", "roughly clock check"),
      example(
        "Start a program once the clock is right",
        "roughly clock wait --max-wait 300",
      ),
    ],
  },
  "clock check": {
    text: [
      "A clock within the bounds may be right. Only the distance to the nearer bound counts: by that much the clock is certainly off.",
    ],
    examples: [
      example("Check the local clock", "roughly clock check"),
      example(
        "Fail if it is off by more than 10 seconds",
        "roughly clock check --warn 2 --crit 10",
      ),
      example(
        "Serve as a plugin for monitoring",
        "roughly clock check --nagios",
      ),
    ],
  },
  "clock wait": {
    text: [
      "It exits with 7 if the clock is still off when the time is up.",
    ],
    examples: [
      example(
        "Wait for at most five minutes",
        "roughly clock wait --max-wait 300",
      ),
    ],
  },
  "clock set": {
    text: [
      "This works on Linux and needs the right to set the clock (CAP_SYS_TIME).",
    ],
    examples: [
      example("See what would happen", "roughly clock set --dry-run"),
      example(
        "Set a clock that is off by more than a minute",
        "roughly clock set --threshold 60",
      ),
    ],
  },
  "watch": {
    text: [
      "SIGHUP reads the list again. SIGTERM and SIGINT stop it.",
      "With --once and --rounds it ends with what the last round came to: 5 if two servers contradict each other.",
    ],
    examples: [
      example(
        "Watch the bundled list, with a page on http://127.0.0.1:8319/",
        "roughly watch --serve",
      ),
      example("Ask once, and keep nothing", "roughly watch --once --no-db"),
      example(
        "Serve the page through a proxy that has a name",
        "roughly watch --serve 127.0.0.1:8319 --allow-host watch.example.org",
      ),
    ],
  },
  "server": {
    examples: [
      example("Make a key, then serve with it", "roughly server keygen"),
      example("Serve on port 2002", "roughly server run"),
    ],
  },
  "server run": {
    text: [
      "Without any key the server makes one, which is lost at the end.",
      "SIGHUP reloads keys and delegations. SIGTERM and SIGINT stop the server once it has answered what it received.",
    ],
    examples: [
      example(
        "Serve on this machine only, with the key in .env",
        "roughly server run --host 127.0.0.1",
      ),
      example(
        "Serve with a delegation, and publish metrics",
        "roughly server run --delegation delegation.json --metrics 127.0.0.1:9975",
      ),
      example(
        "Check the configuration before a restart",
        "roughly server run --key-file root.key --check-config",
      ),
    ],
  },
  "server keygen": {
    text: [
      "It prints the public key, an entry for server lists and a record for DNS.",
    ],
    examples: [
      example(
        "Write .env, where 'roughly server run' looks for it",
        "roughly server keygen",
      ),
      example(
        "Write a key for a machine that is offline",
        "roughly server keygen --out root.key",
      ),
    ],
  },
  "server pubkey": {
    examples: [
      example(
        "Print the public key of a file",
        "roughly server pubkey root.key",
      ),
    ],
  },
  "server delegate": {
    text: [
      "Run it on the machine that holds the long-term key, and copy only the delegation to the server. Replace that file before it ends: the server notices a new one by itself.",
    ],
    examples: [
      example(
        "Certify an online key for 30 days",
        "roughly server delegate --key-file root.key --out delegation.json",
      ),
      example(
        "Replace it for another week",
        "roughly server delegate --key-file root.key --days 7 --force",
      ),
    ],
  },
  "completions": {
    text: [
      "The script completes commands, options, their values and file names. It does not call the program.",
    ],
    examples: [
      example(
        "bash: add this to ~/.bashrc",
        "source <(roughly completions bash)",
      ),
      example(
        "zsh: add this to ~/.zshrc, after compinit",
        "source <(roughly completions zsh)",
      ),
      example(
        "fish: write the file that fish looks for",
        "roughly completions fish > ~/.config/fish/completions/roughly.fish",
      ),
    ],
  },
  "help": {
    examples: [
      example(
        "Read the manual",
        "roughly help --man > roughly.1; man ./roughly.1",
      ),
      example("Show the help of a command", "roughly help server run"),
    ],
  },
};
