// deno-lint-ignore-file no-console
// Run by Node and Bun from a folder that holds the sources and their dependencies.
import { DIALECTS, sendRequest } from "../mod.ts";
import { serve, Server } from "../server.ts";

const server = await Server.create({ greaseProbability: 0 });
const running = await serve(server, { hostname: "127.0.0.1", port: 0 });
const target = {
  host: "localhost",
  port: running.address.port,
  publicKey: server.publicKeys[0],
  fallback: false,
};
for (const dialect of Object.values(DIALECTS)) {
  const versions = [dialect.code];
  const typed = dialect.type === "required";
  const result = await sendRequest({ ...target, versions, typed });
  if (result.dialect !== dialect.id) throw new Error(`spoke ${result.dialect}`);
}
for (
  const [expected, wrong] of [
    ["certificate-signature", {
      publicKey: new Uint8Array(32).fill(9),
      versions: [0x80000008],
      timeout: 300,
    }],
    ["unreachable", { port: 1, transport: "tcp" }],
    ["name", { host: "no-such-host.invalid" }],
  ]
) {
  const error = await sendRequest({ ...target, ...wrong }).catch((e) => e);
  const code = error.rejection?.code ?? error.code;
  if (code !== expected) throw error;
}
await running.shutdown();
console.log("fine");
