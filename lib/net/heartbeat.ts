/**
 * Timers that fire together. Waking up costs an idle process more than what it then does, so
 * all that is done every second is done in one wake-up, and what is done every five seconds
 * in every fifth of them.
 *
 * @module
 */

interface Beat {
  readonly ms: number;
  readonly action: () => unknown;
  /** When it is due: a multiple of its interval. */
  due: number;
}

/** What is due so soon is done at once. */
const SLACK_MS = 2;

/** Timers of the runtime reach no further, and fire at once beyond. */
const LONGEST_TIMER_MS = 0x7fffffff;

const beats = new Set<Beat>();
let timer: ReturnType<typeof setTimeout> | undefined;

/**
 * Repeats an action at the multiples of an interval.
 *
 * @param ms The interval, in milliseconds.
 * @param action What to do; must not throw.
 * @returns Ends it.
 */
export function every(ms: number, action: () => unknown): () => void {
  const beat: Beat = { ms, action, due: nextAfter(performance.now(), ms) };
  beats.add(beat);
  arm();
  return () => {
    beats.delete(beat);
    arm();
  };
}

function nextAfter(now: number, ms: number): number {
  return (Math.floor((now + SLACK_MS) / ms) + 1) * ms;
}

function arm(): void {
  clearTimeout(timer);
  timer = undefined;
  if (beats.size === 0) return;
  const next = Math.min(...[...beats].map(({ due }) => due));
  // What is late already is due at once; runtimes complain of times that are over.
  const waitMs = Math.max(1, Math.ceil(next - performance.now()));
  timer = setTimeout(run, Math.min(waitMs, LONGEST_TIMER_MS));
}

function run(): void {
  const now = performance.now();
  const due = [...beats].filter((beat) => beat.due <= now + SLACK_MS);
  // What was missed is missed: a process that slept does not catch up.
  for (const beat of due) beat.due = nextAfter(now, beat.ms);
  arm();
  // One may end another.
  for (const beat of due) if (beats.has(beat)) beat.action();
}
