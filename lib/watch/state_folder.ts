/**
 * Where a program keeps what it has gathered.
 *
 * @module
 */

/**
 * The folder for histories, in order of preference: what a service manager says, what the
 * user says, what the system's custom is.
 *
 * @param os As in `process.platform`.
 * @param env Reads a variable.
 * @returns Nothing if nobody says where home is.
 */
export function stateFolder(
  os: string,
  env: (name: string) => string | undefined,
): string | undefined {
  const set = (name: string) => env(name) || undefined;
  // systemd's, of which there may be several.
  const own = set("STATE_DIRECTORY")?.split(":")[0];
  if (own !== undefined) return own;
  const home = set("HOME");
  if (os === "win32") {
    const local = set("LOCALAPPDATA");
    return local && `${local}\\roughly`;
  }
  if (os === "darwin") {
    return home && `${home}/Library/Application Support/roughly`;
  }
  const state = set("XDG_STATE_HOME") ?? (home && `${home}/.local/state`);
  return state && `${state}/roughly`;
}
