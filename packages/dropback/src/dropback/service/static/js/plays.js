// Search the stored plays and choose one to watch.

import { makeHash, noteHash } from "./address.js";
import { get } from "./api.js";
import { el, labeled } from "./dom.js";
import * as format from "./format.js";

const PATH = "/plays";
const PAGE = 60;

export const situationText = (item) => [
  format.quarter(item.quarter), format.clock(item.game_clock_s),
  format.downAndDistance(item.down, item.yards_to_go, item.yards_to_go !== null && item.yards_to_go >= item.yards_to_goal),
].filter(Boolean).join(" · ");

export const matchText = (item) =>
  item.offense && item.defense ? `${item.offense} vs. ${item.defense}` : item.game === null ? "Live feed" : `Game ${item.game}`;

/** A note on plays that are a selection, shown with each of them. */
export function selectionNote(text) {
  return text ? el("p", { class: "selection" }, el("b", {}, noteTitle(text)), ` ${text[0].toUpperCase()}${text.slice(1)}.`) : null;
}

const noteTitle = (text) => (text.includes("highlight reel") ? "Highlight reel." : "A selection.");

export async function make(_, query) {
  const asked = { search: query.get("search") ?? "" };
  const about = await get("/v1");
  const list = await playList(asked.search, { link: (item) => makeHash(`/plays/${item.game}/${item.play}`, {}),
    searched: (search) => noteHash(PATH, { search }) });
  return {
    title: "Plays",
    content: [
      el("div", { class: "head" }, el("h1", {}, "Plays"),
        el("p", { class: "lead" }, "Every player ten times a second, with the forecast of the play as it unfolds.")),
      ...about.notes.map(selectionNote),
      list,
    ],
  };
}

/** A searchable list of the stored plays. */
export async function playList(search, { link, searched }) {
  const status = el("p", { class: "status", role: "status" });
  const grid = el("ul", { class: "plays" });
  const more = el("button", { type: "button", class: "more" }, "Show more");
  const input = el("input", { type: "search", value: search, placeholder: "Passer, receiver, words", autocomplete: "off" });
  let latest = 0;
  let words = search;
  const load = async (offset) => {
    const mine = ++latest;
    let page;
    try {
      page = await get("/v1/plays", { search: words, limit: PAGE, offset });
    } catch (error) {
      if (mine === latest) status.textContent = error.message;
      return;
    }
    if (mine !== latest) return;
    if (!offset) grid.replaceChildren();
    grid.append(...page.plays.map((item) => playCard(item, link(item))));
    status.textContent = `${format.count(page.total)} plays`;
    more.hidden = grid.childElementCount >= page.total;
  };
  let wait;
  input.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => {
      words = input.value;
      searched(words);
      load(0);
    }, 150);
  });
  more.addEventListener("click", () => load(grid.childElementCount));
  await load(0);
  return el("section", { class: "card", "aria-label": "List of plays" },
    el("div", { class: "controls" }, labeled("Search", input)), status, grid, more);
}

function playCard(item, href) {
  return el("li", {}, el("a", { href },
    el("span", { class: "match" }, matchText(item), el("small", {}, `${item.season}${item.week === null ? "" : ` · week ${item.week}`}`)),
    el("span", { class: "who" }, [item.passer, item.target].filter(Boolean).join(" to ") || "Unknown passer"),
    el("span", { class: "where" }, situationText(item)),
    el("span", { class: "what" }, item.description ?? "")));
}
