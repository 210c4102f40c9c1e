/**
 * The whole verifier next to Python's `cryptography`, which does nothing but the two
 * Ed25519 verifications in it. Rounds alternate, so that whatever else the machine is
 * doing meets all contenders; only the ratios within one run mean anything.
 *
 * @module
 */

// deno-lint-ignore-file no-console -- a program that prints a table
import { base64 } from "@scure/base";
import { signedBytes } from "../lib/wire/certificate.ts";
import { VERIFIERS, type VerifyEquation } from "../lib/crypto/ed25519.ts";
import { parseResponse } from "../lib/wire/response.ts";
import { verifyResponse } from "../lib/verify/response.ts";
import { EXCHANGE } from "./_exchange.ts";

const ROUNDS = 7;
const SECONDS = 0.3;
const GOAL = 2;

/** Something to measure: gives the microseconds that one exchange takes. */
interface Contender {
  readonly name: string;
  readonly measure: () => Promise<number>;
}

/** Python cannot take part, which is no failure of ours. */
class NoPython extends Error {}

function ours(name: string, equation: VerifyEquation): Contender {
  return {
    name,
    measure: async () => {
      let passes = 0;
      let elapsed = 0;
      const start = performance.now();
      while (elapsed < SECONDS * 1000) {
        for (let i = 0; i < 8; i++) {
          const verdict = await verifyResponse(EXCHANGE, { equation });
          if (!verdict.ok) {
            throw new Error(`Cannot measure: ${name} rejects the reply`);
          }
        }
        passes += 8;
        elapsed = performance.now() - start;
      }
      return elapsed / passes * 1000;
    },
  };
}

/** What CERT and SREP are signed with, as Python gets it. */
function pythonJob(): string {
  const parsed = parseResponse(EXCHANGE.response, { framed: true });
  if (!parsed.ok) throw new Error("Cannot measure: the reply is malformed");
  const { signature, srep, certificate } = parsed.response;
  const { dele, delegation } = certificate;
  const signatures = [
    {
      publicKey: EXCHANGE.publicKey,
      signature: certificate.signature,
      message: signedBytes("plain", "delegation", dele),
    },
    {
      publicKey: delegation.publicKey,
      signature,
      message: signedBytes("plain", "response", srep),
    },
  ];
  return JSON.stringify({
    seconds: SECONDS,
    signatures: signatures.map((entry) => ({
      publicKey: base64.encode(entry.publicKey),
      signature: base64.encode(entry.signature),
      message: base64.encode(entry.message),
    })),
  });
}

async function runPython(job: string): Promise<number> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("python3", {
      args: [`${import.meta.dirname}/verify.py`],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new NoPython("there is no python3");
    }
    throw error;
  }
  const writer = child.stdin.getWriter();
  // It may have ended already; its exit code then says why.
  await writer.write(new TextEncoder().encode(job)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout } = await child.output();
  if (code === 2) {
    throw new Error("Cannot measure: Python rejects the reply's signatures");
  }
  if (code === 3) throw new NoPython("python3 has no module `cryptography`");
  if (code !== 0) throw new NoPython(`python3 ended with exit code ${code}`);
  return Number(new TextDecoder().decode(stdout));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

const native = ours("verifyResponse, native Ed25519", VERIFIERS.default);
const noble = ours("verifyResponse, noble", VERIFIERS.noble);
const job = pythonJob();
const python: Contender = {
  name: "Python cryptography, its two signatures alone",
  measure: () => runPython(job),
};

const contenders = [native, noble, python];
// A first round, which does not count, lets the compilers finish.
for (const contender of [...contenders]) {
  try {
    await contender.measure();
  } catch (error) {
    if (!(error instanceof NoPython)) throw error;
    console.log(`Comparing without Python: ${error.message}`);
    contenders.pop();
  }
}

const rounds: Map<Contender, number>[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const times = new Map<Contender, number>();
  for (const contender of contenders) {
    times.set(contender, await contender.measure());
  }
  rounds.push(times);
}

function timesOf(contender: Contender): number[] {
  return rounds.map((times) => times.get(contender) ?? NaN);
}

function ratio(contender: Contender, base: Contender): number {
  const bases = timesOf(base);
  return median(timesOf(contender).map((time, i) => time / (bases[i] ?? NaN)));
}

const measured = contenders.includes(python);
const base = measured ? python : native;
console.log(
  `One reply of drafts 14-19; ${ROUNDS} rounds in turn, medians\n`,
);
console.log(
  `${"".padEnd(47)}${"us".padStart(9)}${
    `/ ${measured ? "Python" : "native"}`.padStart(11)
  }`,
);
for (const contender of contenders) {
  console.log(
    contender.name.padEnd(47) +
      median(timesOf(contender)).toFixed(1).padStart(9) +
      ratio(contender, base).toFixed(2).padStart(11),
  );
}
if (measured) {
  const reached = ratio(native, python);
  console.log(
    `\nratio native / Python: ${reached.toFixed(2)}; goal of at most ${GOAL}: ${
      reached <= GOAL ? "met" : "missed"
    }`,
  );
}
