// The service's answers. An answer that is no success is a Problem with the service's own sentence.

import { withQuery } from "./address.js";

// The prefix at which a proxy serves the page.
export const ROOT = document.documentElement.dataset.root ?? "";
// A service that is busy says when to come again; so many times, then the reader is told.
const BUSY_TRIES = 4;

export const UNREACHED = "The service does not answer: is it running?";

let key = null;
try {
  key = sessionStorage.getItem("dropback.key");
} catch {
  // Storage is refused to a page within another site.
}

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** An address of the service; `parameters` without a value are left out. */
export const addressOf = (path, parameters = {}) => ROOT + withQuery(path, parameters);

/** Ask for an answer. The key goes in a header: an address is kept in histories and logs. */
async function ask(address) {
  let response;
  for (let tries = 1; ; tries += 1) {
    try {
      response = await fetch(address, { headers: key ? { authorization: `Bearer ${key}` } : {} });
    } catch {
      throw new Problem(0, UNREACHED);
    }
    const again = Number(response.headers.get("retry-after"));
    if (![429, 503].includes(response.status) || !again || again > 10 || tries === BUSY_TRIES) break;
    await new Promise((resolve) => { setTimeout(resolve, 1000 * again); });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => null);
  throw new Problem(response.status, problem?.detail ?? `The service answered ${response.status}.`);
}

/** Ask for JSON. */
export async function get(path, parameters) {
  const response = await ask(addressOf(path, parameters));
  return response.json().catch(() => { throw new Problem(response.status, "The service's answer was cut off."); });
}

/** Whether a link alone would be refused: a browser sends no key with it. */
export const hasKey = () => key !== null;

/** Ask for a file with the key, and save it under a name. */
export async function save(address, name) {
  const url = URL.createObjectURL(await (await ask(address)).blob());
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function setKey(text) {
  key = text;
  try {
    sessionStorage.setItem("dropback.key", text);
  } catch {
    // As above: the key is kept until the view is left.
  }
}

/** A browser cannot set headers on a WebSocket: the key goes as a subprotocol. */
export function openSocket(path) {
  const address = new URL(ROOT + path, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(address, key ? ["dropback.live.v2", `dropback.key.${key}`] : ["dropback.live.v2"]);
}
