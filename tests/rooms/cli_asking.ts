import { room } from "../_support/room.ts";

await room("cli/ecosystem", "cli/probe", "cli/watch");
