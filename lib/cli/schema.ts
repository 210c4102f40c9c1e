/**
 * The names of the forms that commands print with `--json`. A form that changes for its
 * readers takes another number.
 *
 * @module
 */

export const BENCH_SCHEMA = "roughly/bench/1";
export const CHECK_SCHEMA = "roughly/clock-check/1";
export const SET_SCHEMA = "roughly/clock-set/1";
export const WAIT_SCHEMA = "roughly/clock-wait/1";
export const LINT_SCHEMA = "roughly/ecosystem-lint/1";
export const LIST_SCHEMA = "roughly/ecosystem-list/1";
export const MALFEASANCE_SCHEMA = "roughly/ecosystem-malfeasance/1";
export const STATE_SCHEMA = "roughly/ecosystem-state/1";
export const SERVER_SCHEMA = "roughly/ecosystem-server/1";
export const PROBE_SCHEMA = "roughly/probe/1";
export const PROBE_VERDICT_SCHEMA = "roughly/probe-verdict/1";
export const QUERY_SCHEMA = "roughly/query/1";
export const REPORT_SCHEMA = "roughly/report/1";
export const SUBMIT_SCHEMA = "roughly/report-submit/1";
export const CHECK_CONFIG_SCHEMA = "roughly/check-config/1";
export const DELEGATE_SCHEMA = "roughly/delegate/1";
export const KEYGEN_SCHEMA = "roughly/keygen/1";
export const PUBKEY_SCHEMA = "roughly/pubkey/1";
export const WATCH_SCHEMA = "roughly/watch/1";
