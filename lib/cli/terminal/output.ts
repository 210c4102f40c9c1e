/**
 * The only file that prints. stdout is data, stderr is talk.
 *
 * @module
 */

import { base64 } from "@scure/base";
import { formatTime } from "../../wire/timestamp.ts";
import { paintLabel } from "./paint.ts";
import {
  isBrokenPipe,
  knownVariable,
  type Sink,
  standardSink,
  wouldWait,
} from "./streams.ts";

export type { Sink };

/** Where a command writes; tests bring their own. */
export interface Output {
  /** Writes a line of data. */
  out(line: string): void;
  /** Writes a line of talk. */
  err(line: string): void;
  /** Shows what is going on, on a terminal only; an empty text clears it. */
  progress(text: string): void;
  /** May what goes to a channel be coloured? */
  hasColor?(channel: Loss["channel"]): boolean;
  /** Was anything lost that somebody waits for? */
  readonly hasLost?: boolean;
  /** Sets who says, once for each channel and on the other one, that it takes nothing. */
  onLoss?(say: (loss: Loss) => void): void;
}

/** A channel that does not take what is written to it. */
export interface Loss {
  /** Which. */
  readonly channel: "stdout" | "stderr";
  /** Such as "no space left on device". */
  readonly reason: string;
}

const CHANNELS = {
  stdout: "standard output",
  stderr: "standard error",
} as const;

/** A loss in words. */
export function explainLoss({ channel, reason }: Loss): string {
  return `cannot write to ${CHANNELS[channel]}: ${printable(reason)}`;
}

/** A reader that keeps up with nothing is asked again after so long. */
const RETRY_MS = 1;

/** What a terminal can do, and its owner wants. */
export interface Manners {
  /** Colours? */
  readonly color: boolean;
  /** Lines that are written over? */
  readonly cursor: boolean;
}

/** No line that is written over may be longer: what is wrapped cannot be taken back. */
const PROGRESS_WIDTH = 79;

/** Takes the line back that shows progress. */
const CLEAR_LINE = "\r\x1b[K";

/**
 * Writes to two channels and never throws. A channel whose reader has gone away, as `head`
 * does, is written to no more, and that is no fault. What cannot be written for another
 * reason, such as a full disk, is told once to whoever says it on the other channel.
 */
export class ChannelOutput implements Output {
  readonly #sinks: Readonly<Record<Loss["channel"], Sink>>;
  readonly #manners: Manners;
  readonly #closed = new Set<Loss["channel"]>();
  readonly #lost = new Set<Loss["channel"]>();
  #say: (loss: Loss) => void = () => {};
  #progress = "";

  /**
   * Writes to these.
   *
   * @param stdout Takes data.
   * @param stderr Takes talk.
   * @param manners How to write to them where they are terminals.
   */
  constructor(
    stdout: Sink,
    stderr: Sink,
    manners: Manners = { color: false, cursor: true },
  ) {
    this.#sinks = { stdout, stderr };
    this.#manners = manners;
  }

  get hasLost(): boolean {
    return this.#lost.size > 0;
  }

  hasColor(channel: Loss["channel"]): boolean {
    return this.#manners.color && this.#sinks[channel].isTerminal();
  }

  onLoss(say: (loss: Loss) => void): void {
    this.#say = say;
  }

  out(line: string): void {
    this.#besideProgress(() => this.#write("stdout", `${line}\n`));
  }

  err(line: string): void {
    const text = this.hasColor("stderr") ? paintLabel(line) : line;
    this.#besideProgress(() => this.#write("stderr", `${text}\n`));
  }

  progress(text: string): void {
    if (!this.#manners.cursor || !this.#sinks.stderr.isTerminal()) return;
    const shown = [...text].slice(0, PROGRESS_WIDTH).join("");
    if (shown === this.#progress) return;
    this.#progress = shown;
    this.#write("stderr", CLEAR_LINE + shown);
  }

  /** Both channels mostly end on one terminal. */
  #besideProgress(write: () => void): void {
    if (this.#progress === "") return write();
    this.#write("stderr", CLEAR_LINE);
    write();
    this.#write("stderr", this.#progress);
  }

  #write(channel: Loss["channel"], text: string): void {
    if (this.#closed.has(channel)) return;
    try {
      writeAll(this.#sinks[channel], new TextEncoder().encode(text));
    } catch (error) {
      if (isBrokenPipe(error)) {
        this.#closed.add(channel);
        return;
      }
      // A disk may have room again later, so the next line is tried all the same.
      if (this.#lost.has(channel)) return;
      this.#lost.add(channel);
      this.#say({ channel, reason: reasonOf(error) });
    }
  }
}

/** The program's own channels. */
export function processOutput(): ChannelOutput {
  const noColor = globalThis.Deno?.noColor ??
    Boolean(knownVariable("NO_COLOR"));
  return new ChannelOutput(
    standardSink("stdout"),
    standardSink("stderr"),
    mannersFor(knownVariable("TERM"), noColor),
  );
}

/** What the environment says of the terminal. */
export function mannersFor(
  term: string | undefined,
  noColor: boolean,
): Manners {
  const isDumb = term === "dumb";
  return { color: !isDumb && !noColor, cursor: !isDumb };
}

function writeAll(sink: Sink, bytes: Uint8Array): void {
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(sink.writeSync(bytes));
    } catch (error) {
      // Whoever gave us the pipe made it not wait; a line must not be lost for that.
      if (!wouldWait(error)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/ \(os error \d+\).*$/, "").replace(
    /^[A-Z](?=[a-z]* )/,
    (first) => first.toLowerCase(),
  );
}

/** Characters that a terminal acts on, that reorder what is read, or that nobody sees. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Makes text from the network, a file or the command line harmless on a terminal. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`,
  );
}

/** Prints one object as one line of JSON. */
export function printJson(
  output: Output,
  value: Record<string, unknown>,
): void {
  output.out(jsonLine(value));
}

/** One object as one line of JSON: bigints as decimal strings, bytes as base64. */
export function jsonLine(value: Readonly<Record<string, unknown>>): string {
  const json = JSON.stringify(
    value,
    (_key, entry) =>
      typeof entry === "bigint"
        ? String(entry)
        : entry instanceof Uint8Array
        ? base64.encode(entry)
        : entry,
  );
  return json.replace(UNPRINTABLE, escapeUnits);
}

/** The escape that JSON has: one for each UTF-16 unit. */
function escapeUnits(text: string): string {
  let escaped = "";
  for (let i = 0; i < text.length; i++) {
    escaped += `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

/** A time as JSON: for people (absent where no calendar reaches), and exactly. */
export function jsonTime(
  micros: bigint,
): { time: string | undefined; micros: bigint } {
  return { time: formatTime(micros), micros };
}

/** Seconds from microseconds, with no more digits than there are. */
export function formatSeconds(micros: bigint): string {
  const sign = micros < 0n ? "-" : "";
  const abs = micros < 0n ? -micros : micros;
  const fraction = String(abs % 1_000_000n).padStart(6, "0").replace(/0+$/, "");
  return `${sign}${abs / 1_000_000n}${fraction && `.${fraction}`}`;
}

/** Milliseconds from microseconds, to a tenth. */
export function formatMillis(micros: bigint): string {
  return `${(Number(micros) / 1000).toFixed(1)} ms`;
}
