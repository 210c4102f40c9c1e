/**
 * All edits that leave the keys alone.
 *
 * @module
 */

import type { Edits } from "./edit.ts";
import { TAG_EDITS } from "./tag_edits.ts";
import { TIME_EDITS } from "./time_edits.ts";
import { TREE_EDITS } from "./tree_edits.ts";
import { VERSION_EDITS } from "./version_edits.ts";

/** Every edit by its name. */
export const EDITS: Edits = {
  ...TAG_EDITS,
  ...VERSION_EDITS,
  ...TREE_EDITS,
  ...TIME_EDITS,
};
