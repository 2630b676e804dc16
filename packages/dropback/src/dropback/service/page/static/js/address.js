// The address after #: a path and a query, so that every view can be linked to.

export function parseHash() {
  const [path, text] = location.hash.replace(/^#/, "").split("?");
  return { path: path || "/leaderboard", query: new URLSearchParams(text ?? "") };
}

/** A path with its query; values that are empty are left out. */
export function withQuery(path, values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== "" && value !== null && value !== undefined) query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export const makeHash = (path, values) => `#${withQuery(path, values)}`;

/** Put the state of the view in the address without opening another. */
export function noteHash(path, values) {
  history.replaceState(null, "", makeHash(path, values));
}
