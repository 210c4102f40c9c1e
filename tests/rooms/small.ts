import { room } from "../_support/room.ts";

await room("client", "crypto", "load", "relay", "watch", "wire");
