/**
 * What packets travel over.
 *
 * @module
 */

/** How a packet travelled. */
export type Transport = "udp" | "tcp";
