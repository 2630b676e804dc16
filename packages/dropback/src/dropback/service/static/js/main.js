// The page: which view the address asks for, the colors, and the help.

import { Problem, ROOT, setKey } from "./api.js";
import { el, labeled } from "./dom.js";
import { showHelp } from "./help.js";
import { parseHash } from "./address.js";
import * as leaderboard from "./leaderboard.js";
import * as live from "./live.js";
import * as passer from "./passer.js";
import * as plays from "./plays.js";
import * as viewer from "./viewer.js";

const VIEWS = [
  [/^\/leaderboard$/, leaderboard, "leaderboard"],
  [/^\/passers\/([^/]+)$/, passer, "leaderboard"],
  [/^\/plays$/, plays, "plays"],
  [/^\/plays\/(\d+)\/(\d+)$/, viewer, "plays"],
  [/^\/live(?:\/(\d+)\/(\d+))?$/, live, "live"],
];

const main = document.getElementById("main");
let shown = null;
let leave = () => {};

async function route() {
  const { path, query } = parseHash();
  const found = VIEWS.map(([pattern, view, section]) => [path.match(pattern), view, section]).find(([match]) => match);
  if (!found) {
    location.replace("#/leaderboard");
    return;
  }
  const [match, view, section] = found;
  for (const link of document.querySelectorAll("[data-section]")) {
    if (link.dataset.section === section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const request = (shown = Symbol(path));
  leave();
  leave = () => {};
  main.setAttribute("aria-busy", "true");
  try {
    const names = match.slice(1).filter(Boolean).map(decodeURIComponent);
    const opened = await view.make(names, query);
    if (request !== shown) {
      opened.leave?.();
      return;
    }
    leave = opened.leave ?? (() => {});
    document.title = `${opened.title} · dropback`;
    main.replaceChildren(...opened.content);
    opened.entered?.();
  } catch (error) {
    if (request !== shown) return;
    main.replaceChildren(problemCard(error));
    if (!(error instanceof Problem)) throw error;
  } finally {
    if (request === shown) main.removeAttribute("aria-busy");
  }
}

function problemCard(error) {
  const card = el("section", { class: "card problem", role: "alert" },
    el("h1", {}, error.status === 401 ? "A key is needed" : "This cannot be shown"),
    el("p", {}, error instanceof Problem ? error.message : "The page met a value that it cannot draw."));
  if (error.status === 401) {
    const input = el("input", { type: "password", autocomplete: "off" });
    const enter = () => { setKey(input.value); route(); };
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") enter(); });
    card.append(labeled("API key", input),
      el("button", { type: "button", onclick: enter }, "Use this key"));
  } else {
    card.append(el("button", { type: "button", onclick: route }, "Try again"));
  }
  return card;
}

const THEMES = { "": ["◐", "as the system"], light: ["☀", "light"], dark: ["☾", "dark"] };

function theme(name) {
  const button = document.getElementById("theme");
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
  button.textContent = THEMES[name][0];
  button.setAttribute("aria-label", `Colors: ${THEMES[name][1]}`);
  localStorage.setItem("dropback.theme", name);
}

document.getElementById("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const now = document.documentElement.dataset.theme ?? "";
  theme(names[(names.indexOf(now) + 1) % names.length]);
});
document.getElementById("help").addEventListener("click", showHelp);
document.querySelector(".skip").addEventListener("click", (event) => {
  // The address after # is the view's: moving the focus must not change it.
  event.preventDefault();
  main.focus();
});
theme(localStorage.getItem("dropback.theme") in THEMES ? localStorage.getItem("dropback.theme") : "");

const path = location.pathname.slice(ROOT.length) || "/";
if (path !== "/") {
  location.replace(`${ROOT}/#${path}${location.search}`);
} else {
  window.addEventListener("hashchange", route);
  route();
}
