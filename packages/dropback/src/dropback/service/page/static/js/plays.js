// Browse plays: by season, week, team and result, best or worst first, each with a picture of its distribution.

import { makeHash, noteHash } from "./address.js";
import { get } from "./api.js";
import { el, labeled, select } from "./dom.js";
import * as format from "./format.js";
import { csvLink } from "./links.js";
import { Pictures } from "./pictures.js";
import { selectionNote, situationText } from "./situation.js";
import { chip, paint, teamName } from "./teams.js";

const PATH = "/plays";
const PAGE = 24;
const RESULTS = ["touchdown", "first down", "catch", "incomplete", "interception", "sack"];
const ORDERS = [["newest", "Newest first"], ["best", "Best scores first"], ["worst", "Worst scores first"]];
const SETS = [["true", "With tracking"], ["", "All scored plays"]];

export async function make(_, query) {
  const about = await get("/v1");
  const asked = Object.fromEntries(["season", "week", "team", "result", "order", "search", "passer"].map((name) => [name, query.get(name) ?? ""]));
  asked.tracked = query.get("tracked") ?? (about.plays ? "true" : "");
  const list = await playList(asked, about, { link: (item) => makeHash(`/plays/${item.game}/${item.play}`, {}),
    changed: () => noteHash(PATH, asked) });
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

/** A list of plays with filters; `asked` holds them and is changed. */
export async function playList(asked, about, { link, changed }) {
  const status = el("p", { class: "status", role: "status" });
  const grid = el("ul", { class: "plays" });
  const more = el("button", { type: "button", class: "more" }, "Show more");
  const links = el("p", { class: "links" });
  const pictures = about.predictor && about.plays ? new Pictures() : null;
  const choices = el("div", { class: "controls" });
  let latest = 0;
  const load = async (offset) => {
    const mine = ++latest;
    let page;
    try {
      page = await get("/v1/browse", { ...asked, limit: PAGE, offset });
    } catch (error) {
      if (mine === latest) status.textContent = error.message;
      return;
    }
    if (mine !== latest) return;
    if (!offset) {
      grid.replaceChildren();
      fill(page);
    }
    grid.append(...page.plays.map((item) => playCard(item, item.tracked ? link(item) : null, pictures)));
    status.textContent = page.total ? `${format.count(page.total)} plays` : "No play is found: take a word or a filter away.";
    more.hidden = grid.childElementCount >= page.total;
    links.replaceChildren(...(page.total ? [csvLink("/v1/browse", { ...asked, limit: 1000 })] : []));
  };
  const change = (name) => (value) => {
    asked[name] = value;
    changed();
    load(0);
  };
  const texts = (name, all, values) => labeled(name[0].toUpperCase() + name.slice(1),
    select([["", all], ...values], asked[name], change(name)));
  const fill = (page) => {
    const focused = choices.contains(document.activeElement) ? [...choices.querySelectorAll("select")].indexOf(document.activeElement) : -1;
    choices.replaceChildren(
      texts("season", "All seasons", page.seasons.map((year) => [String(year), String(year)])),
      texts("week", "All weeks", page.weeks.map((week) => [String(week), `Week ${week}`])),
      texts("team", "All teams", page.teams.map((code) => [code, teamName(code)])),
      texts("result", "Any result", RESULTS.map((result) => [result, result[0].toUpperCase() + result.slice(1)])),
      about.plays && about.scores ? labeled("Plays", select(SETS, asked.tracked, change("tracked"))) : "");
    if (focused >= 0) choices.querySelectorAll("select")[focused]?.focus();
  };
  const input = el("input", { type: "search", value: asked.search, placeholder: "Passer, receiver, team, words", autocomplete: "off" });
  let wait;
  input.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => change("search")(input.value), 200);
  });
  more.addEventListener("click", () => load(grid.childElementCount));
  await load(0);
  return el("section", { class: "card", "aria-label": "List of plays" },
    el("div", { class: "controls first" }, labeled("Search", input), labeled("Order", select(ORDERS, asked.order || "newest", change("order")))),
    el("details", { open: ["season", "week", "team", "result"].some((name) => asked[name]) }, el("summary", {}, "Filters"), choices),
    status, grid, more, links);
}

function playCard(item, href, pictures) {
  const picture = href && pictures ? pictures.place(item) : null;
  const score = item.score === null ? null : el("span", { class: "stamp" }, el("b", {}, format.score(item.score)), el("small", {}, "score"));
  const card = el(href ? "a" : "div", { class: "play-card", href },
    el("span", { class: "match" }, el("span", {}, chip(item.offense), item.offense && item.defense ? " vs. " : "", chip(item.defense)),
      el("small", {}, `${item.season}${item.week === null ? "" : ` · week ${item.week}`}`)),
    el("span", { class: "who" }, [item.passer, item.target].filter(Boolean).join(" to ") || "Unknown passer"),
    el("span", { class: "came" }, score,
      el("span", {}, item.result ? el("b", { class: "result" }, item.result) : null,
        item.yards === null ? "" : ` ${format.yards(item.yards)}`,
        item.median === null ? null : el("small", {}, ` median ${format.yards(item.median)}`))),
    el("span", { class: "where" }, situationText({ ...item, game_clock_s: null })),
    picture,
    el("span", { class: "what" }, item.description ?? ""));
  return el("li", {}, paint(card, item.offense));
}
