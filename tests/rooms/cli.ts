import { room } from "../_support/room.ts";

await room("cli");
