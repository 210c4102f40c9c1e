// deno-lint-ignore-file no-console
// Run by Node and Bun from a folder that holds the sources and their dependencies.
import { DIALECTS, sendRequest } from "../../mod.ts";
import { createServer } from "node:http";
import { getHttps } from "../../lib/net/https_get.ts";
import { serve, Server } from "../../server.ts";

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

// A redirect is shown, not followed: here it leads from (made-up) HTTPS to HTTP.
const web = createServer((_, reply) => {
  reply.writeHead(302, { location: `http://127.0.0.1:${web.address().port}/` });
  reply.end("moved");
});
await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
const answer = await getHttps(
  new URL("https://there.example/"),
  (_, init) => fetch(`http://127.0.0.1:${web.address().port}/`, init),
  {},
);
if (answer.why !== "it leads away from HTTPS") throw new Error(answer.why);
web.closeAllConnections();
web.close();
console.log("fine");
