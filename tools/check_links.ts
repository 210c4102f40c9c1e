/**
 * Checks that the links of the documentation lead to files and headings that exist. It asks
 * nobody, so addresses elsewhere are not looked at.
 *
 * @module
 */

import { remark } from "npm:remark@15.0.1";
import validateLinks from "npm:remark-validate-links@13.1.0";
import { engine } from "npm:unified-engine@11.2.2";

const { stdout } = await new Deno.Command("git", {
  args: ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
}).output();

engine({
  processor: remark().use(validateLinks, { repository: false }),
  files: new TextDecoder().decode(stdout).trim().split("\n"),
  color: false,
  frail: true,
  quiet: true,
}, (error, code) => {
  if (error) throw error;
  Deno.exit(code);
});
