/**
 * All that lib/ is reached by.
 *
 * @module
 */

import "../../mod.ts";
import "../../ecosystem.ts";
import "../../clock.ts";
import "../../server.ts";
import "../../verify.ts";
import "../../wire.ts";
import "../../relay.ts";
import "../../chaos.ts";
import "../../cli.ts";
