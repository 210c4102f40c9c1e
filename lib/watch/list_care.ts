/**
 * The list that is watched, for as long as the watcher lives: read again when somebody asks
 * for it, and kept as it was where that fails.
 *
 * @module
 */

import type { ListedServer, ServerList } from "../ecosystem/list.ts";
import type { WatchState } from "./api.ts";
import { withUniqueNames } from "./unique_names.ts";

/** Cares for a list. */
export class ListCare {
  /** Where it comes from, for people. */
  readonly source: string;
  readonly #load: () => Promise<ServerList>;
  #servers: readonly ListedServer[] = [];
  #skipped = 0;
  #problem: string | null = null;
  #error: unknown;

  /**
   * A list that nobody has read yet.
   *
   * @param source Where it comes from, for people.
   * @param load Reads it.
   */
  constructor(source: string, load: () => Promise<ServerList>) {
    this.source = source;
    this.#load = load;
  }

  /** The servers, each under a name of its own. */
  get servers(): readonly ListedServer[] {
    return this.#servers;
  }

  /** What is told of it. */
  get state(): WatchState["list"] {
    return {
      source: this.source,
      servers: this.#servers.length,
      skipped: this.#skipped,
      problem: this.#problem,
    };
  }

  /** Why it could not be read when that was tried last. */
  get error(): unknown {
    return this.#error;
  }

  /** Reads it. Never throws: what was there before is still there. */
  async read(): Promise<void> {
    this.#error = undefined;
    this.#problem = null;
    try {
      const { servers, skipped } = await this.#load();
      this.#servers = withUniqueNames(servers);
      this.#skipped = skipped.length;
    } catch (error) {
      this.#error = error;
      this.#problem = error instanceof Error ? error.message : String(error);
    }
  }
}
