import { room } from "../_support/room.ts";

await room(
  "cli",
  "cli/bench",
  "cli/clock",
  "cli/manual",
  "cli/report",
  "cli/terminal",
);
