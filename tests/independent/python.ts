/**
 * The verifier in Python as a process that is asked many times.
 *
 * @module
 */

import { base64 } from "@scure/base";
import type { Exchange } from "../../verify.ts";

/** What either verifier says, in words that can be compared. */
export type Answer =
  | {
    readonly ok: true;
    readonly dialect: string;
    readonly midpointMicros: string;
    readonly radiusMicros: string;
    readonly onlineKey: string;
    readonly notBeforeMicros: string;
    readonly notAfterMicros: string;
  }
  | { readonly ok: false; readonly reason: string };

/** There is no Python to ask, or it lacks a package. The message says what to do. */
export class NoPython extends Error {}

const FOLDER = `${import.meta.dirname}`;

/** An exchange as the process reads it, and as differences are printed. */
export function inBase64(exchange: Exchange): Record<keyof Exchange, string> {
  return {
    request: base64.encode(exchange.request),
    response: base64.encode(exchange.response),
    publicKey: base64.encode(exchange.publicKey),
  };
}

/** Asks one Python process, in the order of the calls. */
export class PythonVerifier implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string, void>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#lines = linesOf(child.stdout);
  }

  /**
   * Starts the process.
   *
   * @throws {NoPython} If there is no Python, or it lacks what the verifier needs.
   */
  static async start(command = "python3"): Promise<PythonVerifier> {
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(command, {
        // No cache of compiled files beside the sources.
        args: ["-B", `${FOLDER}/judge.py`],
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) {
        throw new NoPython(
          `there is no ${command}: install Python 3.8 or later, then pip install cryptography`,
        );
      }
      throw error;
    }
    const verifier = new PythonVerifier(child);
    const { done, value } = await verifier.#lines.next();
    if (done === true) {
      const { code } = await child.status;
      throw new Error(`Cannot judge: ${command} ended with exit code ${code}`);
    }
    const { problem } = JSON.parse(value) as { problem: string | null };
    if (problem === null) return verifier;
    await verifier[Symbol.asyncDispose]();
    throw new NoPython(problem);
  }

  /** Judges exchanges; the answers come in their order. */
  async verify(exchanges: readonly Exchange[]): Promise<Answer[]> {
    const lines = exchanges.map((exchange) =>
      `${JSON.stringify(inBase64(exchange))}\n`
    );
    // Reading must not wait for the writing: both pipes hold little.
    const writing = this.#writer.write(
      new TextEncoder().encode(lines.join("")),
    );
    const answers: Answer[] = [];
    while (answers.length < exchanges.length) {
      const { done, value } = await this.#lines.next();
      if (done === true) {
        await writing.catch(() => {});
        throw new Error(
          `Cannot judge: Python ended after ${answers.length} of ${exchanges.length} exchanges`,
        );
      }
      answers.push(JSON.parse(value) as Answer);
    }
    await writing;
    return answers;
  }

  /** Ends the process by ending its input. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    while ((await this.#lines.next()).done !== true);
    await this.#child.status;
  }
}

async function* linesOf(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
