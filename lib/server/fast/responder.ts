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
import { leavesFor } from "../even_tree.ts";
import { chooseGrease, grease } from "../grease.ts";
import {
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
import { Slots } from "./slots.ts";

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

/** Of a group, those that share a tree and a signature. */
interface Batch {
  readonly group: Group;
  readonly from: number;
  readonly to: number;
  readonly kind: KernelKind;
  readonly template: ReplyTemplate;
}

/**
 * Answers batches of up to 128 requests in place. One batch at a time: the next one may be
 * begun when the promise of the one before has settled.
 */
export class FastResponder extends Slots {
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
    super();
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
   * @returns Nothing where it is done already, as one batch of a signer that is here is:
   *   waiting costs as much as hashing.
   */
  answer(count: number, moment: Moment): Promise<void> | undefined {
    this.#state = this.#nextState;
    this.#sort(count, moment);
    const { maxBatch = SLOTS } = this.#state.options;
    const [first] = this.#groups;
    const isOne = this.#groupCount === 1 && this.#slow.length === 0 &&
      first !== undefined && first.count <= maxBatch;
    return isOne && first.count > 0
      ? this.#answerBatch(first, 0, first.count, moment)
      : this.#answerAll(maxBatch, moment);
  }

  async #answerAll(maxBatch: number, moment: Moment): Promise<void> {
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
  #answerBatch(
    group: Group,
    from: number,
    to: number,
    moment: Moment,
  ): Promise<void> | undefined {
    const { identity, choice, slots } = group;
    const { dialect } = choice;
    const kind = KERNEL_KINDS[dialect.hash];
    const depth = this.#plant(kind, dialect, slots, from, to);
    const template = this.#templateFor(identity, choice, depth, moment);
    const end = ROOT_OFFSET + HASH_BYTES[dialect.hash];
    const root = this.kernel.bytes.subarray(ROOT_OFFSET, end);
    template.setStatement(moment.midpointMicros, root);
    const batch = { group, from, to, kind, template };
    let signed: Uint8Array | Promise<Uint8Array>;
    try {
      signed = identity.online.signer.sign(template.signed);
    } catch (error) {
      this.#fail(batch, error);
      return undefined;
    }
    if (!(signed instanceof Uint8Array)) {
      return signed.then(
        (signature) => this.#reply(batch, signature),
        (error) => this.#fail(batch, error),
      );
    }
    // Most signers are here, and a turn of the event loop costs more than their work.
    this.#reply(batch, signed);
    return undefined;
  }

  #fail({ group: { slots }, from, to }: Batch, error: unknown): void {
    this.#state.options.onSignerFailure?.(error);
    for (let i = from; i < to; i++) {
      this.drops[slots[i] as number] = "internal";
    }
  }

  #reply(batch: Batch, signature: Uint8Array): void {
    if (signature.length !== SIGNATURE_BYTES) {
      const error = new RangeError(`Signer gave ${signature.length} bytes`);
      return this.#fail(batch, error);
    }
    const { group, from, to, kind, template } = batch;
    const { choice: { dialect, version }, slots } = group;
    const { onBatch, random, greaseProbability = 0 } = this.#state.options;
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
        this.put(slot, {
          reply: encodeResponse(
            dialect,
            grease(spoil, entries, dialect, random),
          ),
        });
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

  async #answerSlowly(moment: Moment): Promise<void> {
    const packets = this.#slow.map((slot) => this.packet(slot));
    const outcomes = await this.#state.responder.respond(packets, moment);
    outcomes.forEach((outcome, i) =>
      this.put(this.#slow[i] as number, outcome)
    );
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
