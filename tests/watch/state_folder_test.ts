import assert from "node:assert/strict";
import { stateFolder } from "../../lib/watch/state_folder.ts";

Deno.test("stateFolder() follows the manager, the user and the system", {
  permissions: "none",
}, () => {
  const on = (os: string, variables: Readonly<Record<string, string>>) =>
    stateFolder(os, (name) => variables[name]);
  const HOME = "/home/a";
  assert.equal(on("linux", { HOME }), "/home/a/.local/state/roughly");
  assert.equal(on("linux", { HOME, XDG_STATE_HOME: "/s" }), "/s/roughly");
  assert.equal(
    on("linux", { STATE_DIRECTORY: "/var/lib/x:/b", HOME }),
    "/var/lib/x",
  );
  assert.equal(on("linux", { HOME: "" }), undefined);
  assert.equal(
    on("darwin", { HOME }),
    "/home/a/Library/Application Support/roughly",
  );
  assert.equal(on("win32", { LOCALAPPDATA: "C:\\A" }), "C:\\A\\roughly");
  assert.equal(on("win32", {}), undefined);
});
