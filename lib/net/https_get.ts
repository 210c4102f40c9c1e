/**
 * Getting something by HTTPS and by nothing else, wherever the answer is moved to.
 *
 * @module
 */

/** How often an answer may be somewhere else: lists have moved once or twice. */
const MAX_REDIRECTS = 5;

/** Statuses that send a GET on to `Location` (RFC 9110, section 15.4). */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What came, or why nothing did. */
export type HttpsAnswer =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly why: string };

/**
 * Gets what stands at a URL. One hop over plain HTTP is one too many, since whoever sits
 * there chooses the next one; so every hop is looked at before it is taken.
 *
 * @param url The first address.
 * @param fetch Fetches; must heed `redirect: "manual"`.
 * @param init Headers and signal, the same for every hop.
 * @returns The answer that is no redirect, its body unread, or why there is none.
 * @throws What `fetch` throws.
 */
export async function getHttps(
  url: URL,
  fetch: typeof globalThis.fetch,
  init: Pick<RequestInit, "headers" | "signal">,
): Promise<HttpsAnswer> {
  let at = url;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    if (at.protocol !== "https:") {
      return { ok: false, why: "it leads away from HTTPS" };
    }
    const response = await fetch(at, { ...init, redirect: "manual" });
    const step = nextOf(response, at);
    if (step === undefined) return { ok: true, response };
    await response.body?.cancel();
    if (typeof step === "string") return { ok: false, why: step };
    at = step;
  }
  const why = `it leads on and on, more than ${MAX_REDIRECTS} times`;
  return { ok: false, why };
}

/** Where a response leads, why that cannot be followed, or nothing if it is the answer. */
function nextOf(response: Response, at: URL): URL | string | undefined {
  if (response.type === "opaqueredirect") {
    return "it has moved, and a browser does not say where to: name its new address";
  }
  // Only a `fetch` of somebody's own still follows; what it can tell is where it ended.
  if (response.redirected && !/^https:/i.test(response.url)) {
    return "it leads away from HTTPS";
  }
  if (!REDIRECTS.has(response.status)) return undefined;
  const location = response.headers.get("location");
  if (location === null) {
    return `the answer is ${response.status} without saying where to`;
  }
  return URL.canParse(location, at.href)
    ? new URL(location, at)
    : `the answer is ${response.status} to what is no address`;
}
