// Links to files of the service: tables as CSV, pictures to share.

import { ROOT, addressOf, hasKey, save } from "./api.js";
import { el } from "./dom.js";

/** A link to an answer of the service as a file; where a key is needed the page asks for it, with the key. */
function fileLink(words, path, parameters, name) {
  const href = addressOf(path, parameters);
  const link = el("a", { href, download: name, onclick: async (event) => {
    if (!hasKey()) return;
    event.preventDefault();
    await save(href, name).then(() => { link.textContent = words; }, (error) => { link.textContent = `${words}: ${error.message}`; });
  } }, words);
  return link;
}

/** A link to the rows of a table as CSV. */
export const csvLink = (path, parameters, words = "Download as CSV") => fileLink(words, path, { ...parameters, format: "csv" },
  `${path.split("/").filter((part) => part && part !== "v1").map(decodeURIComponent).join("-")}${parameters.table ? `-${parameters.table}` : ""}.csv`);

/** Links to share a view at `path` of the page, whose picture is at `card`. */
export function shareLinks(path, card) {
  const copied = el("span", { role: "status" });
  const copy = (words, text) => el("button", { type: "button", onclick: async () => {
    await navigator.clipboard?.writeText(text);
    copied.textContent = "Copied";
  } }, words);
  const address = `${location.origin}${ROOT}`;
  const name = path.split("/").filter(Boolean).map(decodeURIComponent).join("-");
  return el("details", { class: "share" }, el("summary", {}, "Share"), el("p", { class: "links" },
    copy("Copy link", `${address}${path}`),
    copy("Copy code to embed", `<iframe src="${address}/embed${path}" width="720" height="640" title="dropback"></iframe>`),
    ["png", "svg"].map((format) => fileLink(`Picture (${format.toUpperCase()})`, card, { format }, `${name}.${format}`)), copied));
}
