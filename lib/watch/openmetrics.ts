/**
 * Numbers in the form that Prometheus reads: OpenMetrics 1.0.
 *
 * @module
 */

/** Media type of the whole. */
export const OPENMETRICS_TYPE =
  "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** Labels of a sample. */
export type Labels = Readonly<Record<string, string>>;

/** A sample: its labels, its value. */
export type Sample = readonly [labels: Labels, value: number];

/** Types of families that are used here. */
export type FamilyType = "gauge" | "counter" | "info" | "stateset";

/** What the names of samples end with, by type. */
const SUFFIX: Readonly<Record<FamilyType, string>> = {
  gauge: "",
  counter: "_total",
  info: "_info",
  stateset: "",
};

/** Units that a name can end with. */
const UNITS = ["seconds"] as const;

/**
 * Writes a family; nothing of one that has no samples.
 *
 * @param name Without the suffix of its type.
 * @param type What it is.
 * @param help One line.
 * @param samples Its values.
 */
export function family(
  name: string,
  type: FamilyType,
  help: string,
  samples: readonly Sample[],
): string {
  if (samples.length === 0) return "";
  const unit = UNITS.find((one) => name.endsWith(`_${one}`));
  return [
    `# TYPE ${name} ${type}`,
    ...unit === undefined ? [] : [`# UNIT ${name} ${unit}`],
    `# HELP ${name} ${help}`,
    ...samples.map(([labels, value]) =>
      `${name}${SUFFIX[type]}${renderLabels(labels)} ${renderNumber(value)}`
    ),
    "",
  ].join("\n");
}

function renderLabels(labels: Labels): string {
  const inner = Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeValue(value)}"`).join();
  return inner && `{${inner}}`;
}

function escapeValue(value: string): string {
  return value.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
}

function renderNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
}
