import { room } from "../_support/room.ts";

await room("chaos", "clock");
