import { room } from "../_support/room.ts";

await room("server/workers");
