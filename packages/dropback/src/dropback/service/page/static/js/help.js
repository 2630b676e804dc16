// Explain the keyboard shortcuts.

import { el } from "./dom.js";

const KEYS = [
  ["Space", "Play or pause"],
  ["← →", "One frame back or forward; with Shift ten"],
  ["Home End", "The snap, the release"],
  ["[ ]", "Slower, faster"],
  ["T", "Trails: short, whole, none"],
  ["F", "The whole field, or the part around the play"],
  ["?", "This help"],
];

let dialog = null;

export function showHelp() {
  if (!dialog) {
    const close = el("button", { type: "button", onclick: () => dialog.close() }, "Close");
    dialog = el("dialog", { "aria-labeledby": "help-title" },
      el("h2", { id: "help-title" }, "Keyboard"),
      el("dl", { class: "keys" },
        KEYS.map(([keys, does]) => [el("dt", {}, keys.split(" ").map((key) => el("kbd", {}, key))), el("dd", {}, does)])),
      close);
    document.body.append(dialog);
  }
  if (!dialog.open) dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=range]), select, textarea");
  if (event.key === "?" && !typing && !event.ctrlKey && !event.metaKey) showHelp();
});
