import { room } from "../_support/room.ts";

await room("net/linux");
