// The page: which view the address asks for, the colors, and the help.

import { Problem, ROOT, UNREACHED, setKey } from "./api.js";
import { el, labeled } from "./dom.js";
import { showHelp } from "./help.js";
import { parseHash } from "./address.js";
import { loadTeams } from "./teams.js";

// A view's code is asked for when the view is.
const VIEWS = [
  [/^\/leaderboard$/, () => import("./leaderboard.js"), "leaderboard"],
  [/^\/passers\/([^/]+)$/, () => import("./passer.js"), "leaderboard"],
  [/^\/compare$/, () => import("./compare.js"), "compare"],
  [/^\/plays$/, () => import("./plays.js"), "plays"],
  [/^\/plays\/(\d+)\/(\d+)$/, () => import("./viewer.js"), "plays"],
  [/^\/live(?:\/(\d+)\/(\d+))?$/, () => import("./live.js"), "live"],
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
    const [{ make }] = await Promise.all([view().catch(() => { throw new Problem(0, UNREACHED); }), loadTeams()]);
    const opened = await make(names, query);
    if (request !== shown) {
      opened.leave?.();
      return;
    }
    leave = opened.leave ?? (() => {});
    document.title = `${opened.title} · dropback`;
    main.replaceChildren(...opened.content.filter(Boolean));
    opened.entered?.();
    arrive(opened.title);
  } catch (error) {
    if (request !== shown) return;
    main.replaceChildren(problemCard(error));
    arrive(null);
    if (!(error instanceof Problem)) throw error;
  } finally {
    if (request === shown) main.removeAttribute("aria-busy");
  }
}

let first = true;

/** After a change of view the focus is at its beginning, and a screen reader hears its name. */
function arrive(title) {
  if (!first) {
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    if (title) document.getElementById("announce").textContent = title;
  }
  first = false;
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

// Sign and name of each choice of colors, and when the dark ones hold.
const THEMES = { "": ["◐", "as the system", "(prefers-color-scheme: dark)"], light: ["☀", "light", "not all"], dark: ["☾", "dark", "all"] };

function theme(name) {
  const button = document.getElementById("theme");
  document.documentElement.dataset.theme = name;
  document.getElementById("dark").media = THEMES[name][2];
  button.textContent = THEMES[name][0];
  button.setAttribute("aria-label", `Colors: ${THEMES[name][1]}`);
  try {
    localStorage.setItem("dropback.theme", name);
  } catch {
    // Storage is refused to a page within another site.
  }
}

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
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
// Within a page of another site the view stands alone.
const embedded = document.documentElement.dataset.embedded !== undefined;
document.documentElement.classList.toggle("embedded", embedded);
theme(stored("dropback.theme") in THEMES ? stored("dropback.theme") : "");

const path = location.pathname.slice(ROOT.length) || "/";
if (embedded && !location.hash) history.replaceState(null, "", `#${path.replace("/embed", "")}${location.search}`);
if (path !== "/" && !embedded) {
  location.replace(`${ROOT}/#${path}${location.search}`);
} else {
  window.addEventListener("hashchange", route);
  route();
}
