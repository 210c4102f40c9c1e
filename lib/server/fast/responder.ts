/**
 * The responder for a server in a hurry: it gives what `responder.ts` gives, for requests
 * that lie in the kernel's memory and are plainly in order. Leaves, tree and paths are
 * hashed there, and each reply is a copy of one template per batch with its own nonce, PATH
 * and INDX. Everything else is handed to the `Responder` itself.
 *
 * @module
 */

import { HASH_BYTES } from "../../crypto/hash.ts";
import { SIGNATURE_BYTES } from "../../crypto/ed25519.ts";
import { ALIASES, type Dialect, DIALECTS } from "../../wire/dialect.ts";
import type { DropReason } from "../drop_reason.ts";
import { leavesFor } from "../even_tree.ts";
import { chooseGrease, grease } from "../grease.ts";
import {
  createKernel,
  type Kernel,
  KERNEL_KINDS,
  type KernelKind,
} from "./kernel/instance.ts";
import {
  INPUT_BYTES,
  inputOffset,
  OUTPUT_BYTES,
  outputOffset,
  ROOT_OFFSET,
  SCRATCH_OFFSET,
  SLOTS,
} from "./kernel/layout.ts";
import { type Identity, refusalAt } from "../keyring.ts";
import { spellingOf } from "../../wire/certificate.ts";
import { ReplyTemplate } from "./reply_template.ts";
import {
  ANSWERABLE,
  type Moment,
  type Outcome,
  Responder,
  type ResponderOptions,
  SINGLE_BUDGET,
} from "../responder.ts";
import {
  encodeResponse,
  responseEntries,
  type ResponseOptions,
} from "../../wire/response.ts";
import { type Choice, SlotReader } from "./slot_reader.ts";

/** Where the list of a batch's leaves is written: an offset and a length for each. */
const LEAVES = SCRATCH_OFFSET;
/** Where the template of a batch's replies is written. */
const TEMPLATE = SCRATCH_OFFSET + 16 * SLOTS;

/** What changes together with the keys. */
interface State {
  readonly options: ResponderOptions;
  readonly responder: Responder;
  readonly reader: SlotReader;
  readonly templates: Map<Choice, ReplyTemplate[]>;
}

/** Requests that share a tree. */
interface Group {
  identity: Identity;
  choice: Choice;
  readonly slots: Uint8Array;
  count: number;
}

/**
 * Answers batches of up to 128 requests in place. One batch at a time: the next one may be
 * begun when the promise of the one before has settled.
 */
export class FastResponder {
  /** Holds requests and replies. */
  readonly kernel: Kernel;
  /** To be set before a call: the length of the request in each slot. */
  readonly lengths: Uint32Array = new Uint32Array(SLOTS);
  /** After a call: the length of the reply in each output slot, 0 where there is none. */
  readonly replyLengths: Uint32Array = new Uint32Array(SLOTS);
  /** After a call: why there is no reply, where there is none. */
  readonly drops: (DropReason | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #words: Uint32Array;
  #state: State;
  #nextState: State;
  readonly #groups: Group[] = [];
  readonly #slow: number[] = [];
  #groupCount = 0;

  /**
   * Makes a responder over memory of its own.
   *
   * @param options As for the {@linkcode Responder}, which is made with them too.
   */
  constructor(options: ResponderOptions) {
    this.kernel = createKernel();
    this.#words = new Uint32Array(this.kernel.memory.buffer);
    this.#state = this.#nextState = prepare(options, this.kernel);
  }

  /**
   * Takes other keys or choices into use, from the next batch on.
   *
   * @param options As for the constructor.
   */
  reconfigure(options: ResponderOptions): void {
    this.#nextState = prepare(options, this.kernel);
  }

  /**
   * Answers the requests in the first slots.
   *
   * @param count How many there are, at most 128.
   * @param moment The time, taken after the last of them came in.
   */
  async answer(count: number, moment: Moment): Promise<void> {
    this.#state = this.#nextState;
    this.#sort(count, moment);
    const { maxBatch = SLOTS } = this.#state.options;
    for (let i = 0; i < this.#groupCount; i++) {
      const group = this.#groups[i] as Group;
      for (let from = 0; from < group.count; from += maxBatch) {
        const to = Math.min(from + maxBatch, group.count);
        await this.#answerBatch(group, from, to, moment);
      }
    }
    if (this.#slow.length > 0) await this.#answerSlowly(moment);
  }

  /** Puts every slot into a group, or among those that somebody else looks at. */
  #sort(count: number, moment: Moment): void {
    this.#groupCount = 0;
    this.#slow.length = 0;
    const { reader, options } = this.#state;
    const { keyring, singleBudget } = options;
    let { soloBudget: solo = 8 } = options;
    // Where none of them can be answered, the `Responder` has another word for it.
    const [only, another] = keyring.identities;
    const isOpen = only && !another &&
      !refusalAt(only, DIALECTS["draft-01"], moment.midpointMicros);
    let single = isOpen ? singleBudget ?? SINGLE_BUDGET : Infinity;
    for (let slot = 0; slot < count; slot++) {
      this.replyLengths[slot] = 0;
      this.drops[slot] = undefined;
      const length = this.lengths[slot] as number;
      if (length > INPUT_BYTES) {
        this.drops[slot] = "framing"; // the rest of it is gone
        continue;
      }
      const choice = reader.read(slot, length);
      if (reader.singles[slot] === 1 && single-- <= 0) {
        this.drops[slot] = "budget"; // to say so slowly would cost a good deal
        continue;
      }
      const identity = choice &&
        reader.select(slot, choice.dialect, keyring.identities);
      // The first few old clients get a tree each, see `soloBudget`.
      const alone = choice?.dialect.type === "none" && solo-- > 0;
      if (choice === undefined || identity === undefined || alone) {
        this.#slow.push(slot);
        continue;
      }
      const group = this.#groupFor(identity, choice);
      group.slots[group.count++] = slot;
    }
    // Whether a key may sign now is asked once a group rather than once a request.
    for (let i = 0; i < this.#groupCount; i++) {
      const group = this.#groups[i] as Group;
      const { identity, choice: { dialect: kind } } = group;
      const { midpointMicros: at, radiusMicros } = moment;
      const why = refusalAt(identity, kind, at, radiusMicros);
      if (why === undefined) continue;
      for (let k = 0; k < group.count; k++) {
        this.drops[group.slots[k] as number] = why;
      }
      group.count = 0;
    }
  }

  #groupFor(identity: Identity, choice: Choice): Group {
    for (let i = 0; i < this.#groupCount; i++) {
      const group = this.#groups[i] as Group;
      if (group.identity === identity && group.choice === choice) return group;
    }
    const { slots } = this.#groups[this.#groupCount] ??
      { slots: new Uint8Array(SLOTS) };
    const fresh = { identity, choice, slots, count: 0 };
    return this.#groups[this.#groupCount++] = fresh;
  }

  /** One tree, one signature, many replies. */
  async #answerBatch(
    group: Group,
    from: number,
    to: number,
    moment: Moment,
  ): Promise<void> {
    const { identity, choice, slots } = group;
    const { dialect, version } = choice;
    const { onBatch, onSignerFailure, random, greaseProbability = 0 } =
      this.#state.options;
    const kind = KERNEL_KINDS[dialect.hash];
    const depth = this.#plant(kind, dialect, slots, from, to);
    const template = this.#templateFor(identity, choice, depth, moment);
    const end = ROOT_OFFSET + HASH_BYTES[dialect.hash];
    const root = this.kernel.bytes.subarray(ROOT_OFFSET, end);
    template.setStatement(moment.midpointMicros, root);
    let signature: Uint8Array;
    try {
      const signed = identity.online.signer.sign(template.signed);
      // Most signers are here, and a turn of the event loop costs more than their work.
      signature = signed instanceof Uint8Array ? signed : await signed;
      if (signature.length !== SIGNATURE_BYTES) {
        throw new RangeError(`Signer gave ${signature.length} bytes`);
      }
    } catch (error) {
      onSignerFailure?.(error);
      for (let i = from; i < to; i++) {
        this.drops[slots[i] as number] = "internal";
      }
      return;
    }
    onBatch?.(version, to - from);
    template.setSignature(signature);
    this.kernel.bytes.set(template.reply, TEMPLATE);
    for (let i = from; i < to; i++) {
      const slot = slots[i] as number;
      this.#fill(template, kind, slot, i - from);
      const spoil = random && dialect.grease === "should"
        ? chooseGrease(greaseProbability, random)
        : undefined;
      if (spoil && random && this.replyLengths[slot] !== 0) {
        const entries = responseEntries(
          this.#partsOf(template, signature, slot, i - from),
        );
        this.#put(
          slot,
          encodeResponse(dialect, grease(spoil, entries, dialect, random)),
        );
      }
    }
  }

  /** The last one made for this way to answer; most batches are like the one before. */
  #templateFor(
    identity: Identity,
    choice: Choice,
    depth: number,
    moment: Moment,
  ): ReplyTemplate {
    const { dialect, version } = choice;
    const { keyring } = this.#state.options;
    const certificate = keyring.certificateFor(identity, dialect);
    const templates = this.#state.templates.get(choice) ?? [];
    const known = templates[depth];
    if (known?.fits(certificate, depth, moment)) return known;
    this.#state.templates.set(choice, templates);
    return templates[depth] = new ReplyTemplate({
      dialect,
      version,
      versions: this.#state.responder.versionsWith(version),
      spelling: spellingOf(dialect, keyring.v1Context),
      certificate,
      depth,
      radiusMicros: moment.radiusMicros,
    });
  }

  #partsOf(
    template: ReplyTemplate,
    signature: Uint8Array,
    slot: number,
    index: number,
  ): ResponseOptions {
    const { dialect, depth } = template.options;
    const { bytes } = this.kernel;
    const nonce = this.#state.reader.nonceAt[slot] as number;
    const path = outputOffset(slot) + template.pathAt;
    return template.parts({
      signature,
      index,
      nonce: bytes.slice(nonce, nonce + dialect.nonceSize),
      path: bytes.slice(path, path + depth * HASH_BYTES[dialect.hash]),
    });
  }

  /** Hashes the leaves and the tree over them. */
  #plant(
    kind: KernelKind,
    dialect: Dialect,
    slots: Uint8Array,
    from: number,
    to: number,
  ): number {
    const leaves = leavesFor(dialect, to - from);
    for (let i = 0; i < leaves; i++) {
      const slot = slots[Math.min(from + i, to - 1)] as number;
      const at = (LEAVES >>> 2) + 2 * i;
      const whole = dialect.leaf === "packet";
      this.#words[at] = whole
        ? inputOffset(slot)
        : this.#state.reader.nonceAt[slot] as number;
      this.#words[at + 1] = whole
        ? this.lengths[slot] as number
        : dialect.nonceSize;
    }
    this.kernel.leaves(kind, LEAVES, leaves);
    return this.kernel.tree(kind, leaves);
  }

  #fill(
    template: ReplyTemplate,
    kind: KernelKind,
    slot: number,
    index: number,
  ): void {
    const { reply: { length }, options: { dialect, depth } } = template;
    // Never more than was asked with (section 9.7).
    if (length > (this.lengths[slot] as number) || length > OUTPUT_BYTES) {
      this.drops[slot] = "amplification";
      return;
    }
    const out = outputOffset(slot);
    const { kernel } = this;
    kernel.copy(out, TEMPLATE, length);
    if (template.nonceAt !== 0) {
      kernel.copy(
        out + template.nonceAt,
        this.#state.reader.nonceAt[slot] as number,
        dialect.nonceSize,
      );
    }
    kernel.path(kind, index, depth, out + template.pathAt);
    this.#words[(out + template.indexAt) >>> 2] = index;
    this.replyLengths[slot] = length;
  }

  /** Refuses all requests in the first slots. */
  refuse(count: number, reason: DropReason): void {
    this.replyLengths.fill(0, 0, count);
    this.drops.fill(reason, 0, count);
  }

  /**
   * Puts what was decided elsewhere into a slot.
   *
   * @param slot Which.
   * @param outcome A reply, or why there is none.
   */
  put(slot: number, outcome: Outcome): void {
    if ("reply" in outcome) return this.#put(slot, outcome.reply);
    this.replyLengths[slot] = 0;
    this.drops[slot] = outcome.drop;
  }

  #put(slot: number, reply: Uint8Array): void {
    const fits = reply.length <= OUTPUT_BYTES &&
      reply.length <= (this.lengths[slot] as number);
    if (fits) this.kernel.bytes.set(reply, outputOffset(slot));
    this.replyLengths[slot] = fits ? reply.length : 0;
    this.drops[slot] = fits ? undefined : "amplification";
  }

  async #answerSlowly(moment: Moment): Promise<void> {
    const packets = this.#slow.map((slot) => this.packet(slot));
    const outcomes = await this.#state.responder.respond(packets, moment);
    outcomes.forEach((outcome, i) =>
      this.put(this.#slow[i] as number, outcome)
    );
  }

  /** A copy of the request in a slot. */
  packet(slot: number): Uint8Array {
    const from = inputOffset(slot);
    const to = from + (this.lengths[slot] as number);
    return this.kernel.bytes.slice(from, to);
  }

  /** The reply in an output slot, in place: to be sent before the next call. */
  reply(slot: number): Uint8Array {
    const from = outputOffset(slot);
    const length = this.replyLengths[slot] as number;
    return this.kernel.bytes.subarray(from, from + length);
  }
}

function prepare(options: ResponderOptions, kernel: Kernel): State {
  const { versions = ANSWERABLE, preferRfc = false } = options;
  const known = [...new Set([...ANSWERABLE, ...ALIASES])];
  return {
    options,
    responder: new Responder(options),
    reader: new SlotReader(kernel, known, { versions, preferRfc }),
    templates: new Map(),
  };
}
