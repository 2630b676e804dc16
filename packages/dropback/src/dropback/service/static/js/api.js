// The service's answers. An answer that is no success is a Problem with the service's own sentence.

// The prefix at which a proxy serves the page.
export const ROOT = document.documentElement.dataset.root ?? "";
// A service that is busy says when to come again; so many times, then the reader is told.
const BUSY_TRIES = 4;

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

/** Ask for JSON; `parameters` without a value are left out. */
export async function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== "" && value !== null && value !== undefined) query.set(name, value);
  }
  const text = query.toString();
  let response;
  for (let tries = 1; ; tries += 1) {
    try {
      response = await fetch(ROOT + (text ? `${path}?${text}` : path), {
        headers: key ? { authorization: `Bearer ${key}` } : {},
      });
    } catch {
      throw new Problem(0, "The service does not answer: is it running?");
    }
    const again = Number(response.headers.get("retry-after"));
    if (![429, 503].includes(response.status) || !again || again > 10 || tries === BUSY_TRIES) break;
    await new Promise((resolve) => { setTimeout(resolve, 1000 * again); });
  }
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    throw new Problem(response.status, body?.detail ?? `The service answered ${response.status}.`);
  }
  return body;
}

export function setKey(text) {
  key = text;
  sessionStorage.setItem("dropback.key", text);
}

/** A browser cannot set headers on a WebSocket: the key goes as a subprotocol. */
export function openSocket(path) {
  const address = new URL(ROOT + path, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(address, key ? ["dropback.live.v2", `dropback.key.${key}`] : ["dropback.live.v2"]);
}
