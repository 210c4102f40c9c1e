import assert from "node:assert/strict";
import {
  classify,
  EXIT,
  UsageError,
} from "../../../lib/cli/terminal/exit_code.ts";
import { fileError } from "../../../lib/cli/terminal/file_error.ts";

function system(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}, open 'a.json'`), {
    code,
  });
}

Deno.test("fileError() names the file that the system does not let one read", () => {
  // As Node and newer Deno say it, and as Deno 2.4 does.
  const old = new Error("Permission denied (os error 13)");
  old.name = "PermissionDenied";
  for (const cause of [system("EACCES", "permission denied"), old]) {
    const error = fileError("a.json", cause);
    assert(error instanceof Error);
    assert.equal(error.message, "cannot read a.json: permission denied");
    assert.equal(error.cause, cause);
    assert.deepEqual(classify(error), {
      exitCode: EXIT.denied,
      code: "denied",
    });
  }
});

Deno.test("fileError() blames the user for a file that is missing or a folder", () => {
  const missing = fileError("a.json", system("ENOENT", "no such file"));
  assert(missing instanceof UsageError);
  assert.equal(missing.message, "there is no file a.json");
  const folder = fileError("a.json", system("EISDIR", "Is a directory"));
  assert(folder instanceof UsageError);
  assert.equal(folder.message, "cannot read a.json: Is a directory");
});

Deno.test("fileError() leaves alone what the runtime refuses and what is no system's", () => {
  const refused = new Deno.errors.NotCapable("Requires read access");
  assert.equal(fileError("a.json", refused), refused);
  const fault = new TypeError("x is undefined");
  assert.equal(fileError("a.json", fault), fault);
});
