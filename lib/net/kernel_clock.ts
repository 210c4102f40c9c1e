/**
 * What the kernel says about its clock.
 *
 * @module
 */

/** What the system says of its clock. */
export interface KernelClock {
  /** Does something keep the clock in step? */
  readonly synchronised: boolean;
  /** The largest error that the kernel thinks possible, in microseconds. */
  readonly maxErrorMicros: bigint;
  /** Does, or will, a day have a second more or less? */
  readonly leap: boolean;
}
