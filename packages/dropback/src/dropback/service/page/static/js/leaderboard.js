// The leaderboard: filters in the address, rows from the service, sorted and searched on the page.

import { makeHash, noteHash } from "./address.js";
import { get } from "./api.js";
import { intervalScale } from "./intervals.js";
import { el, labeled, select } from "./dom.js";
import * as format from "./format.js";
import { csvLink } from "./links.js";
import { chip, paint, teamName, teamOf } from "./teams.js";

const PATH = "/leaderboard";
const SHOWN = 100;
const MOST = 1000;

const GROUPS = [
  ["passer,season", "Passers by season"],
  ["passer", "Passers, seasons together"],
  ["team,season", "Teams by season"],
  ["opponent,season", "Defenses by season"],
];
// Chosen by controls of their own, or with too many values for a list of filters.
const NO_FILTER = new Set(["passer", "season", "game", "week"]);
const MINIMA = [["", "Default for the rows"], ["nfl", "14 attempts a team game"], ["reliable", "Reliable (half signal, half noise)"],
  ["1", "1 play"], ["15", "15 plays"], ["50", "50 plays"], ["100", "100 plays"], ["200", "200 plays"]];
const WORDS = { depth: "Depth", down: "Down", quarter: "Quarter", location: "Side", home: "Venue", shotgun: "Formation",
  score_state: "Score state", pressure: "Pressure", time_to_throw: "Time to throw", team: "Team", opponent: "Opponent" };
const KEY_WORDS = { season: "Season", posteam: "Team", defteam: "Defense", qtr: "Quarter", down: "Down", depth: "Depth",
  pass_location: "Side", venue: "Venue", formation: "Formation", score_state: "Score state", pressure: "Pressure",
  time_to_throw_band: "Time to throw" };

export async function make(_, query) {
  const [splits, about] = await Promise.all([get("/v1/splits"), get("/v1")]);
  const asked = {
    by: query.get("by") ?? "passer,season",
    divide: query.get("divide") ?? "",
    split: query.get("split") ?? "",
    seasons: query.get("seasons") ?? ([...query].length ? "" : String(about.seasons[about.seasons.length - 1] ?? "")),
    min_attempts: query.get("min_attempts") ?? "",
    sort: query.get("sort") ?? "rank",
    search: query.get("search") ?? "",
  };
  const board = new Board(asked);
  await board.load();
  return {
    title: "Leaderboard",
    content: [
      el("div", { class: "head" },
        el("h1", {}, "Leaderboard"),
        el("p", { class: "lead" }, OUTCOMES[about.outcome] ?? OUTCOMES.yards)),
      filters(splits.splits, about.seasons, asked, board),
      board.element,
      howToRead(),
    ],
  };
}

const OUTCOMES = {
  yards: "Each throw is placed in the distribution of what an average passer would have gained from there: .500 is average. "
    + "The bar is the 90% interval from resampled games.",
  epa: "Each throw is placed in the distribution of the expected points an average passer would have added: .500 is average. "
    + "The bar is the 90% interval from resampled games.",
};

const COLUMNS = [
  ["Score", "The mean of the play scores. Each throw's score is the share of outcomes of an average passer, from that spot, that it beat."],
  ["Interval", "Where the score would fall in nine of ten replays of the same games."],
  ["Skill", "The score pulled toward the average by as much as luck explains: the best guess of the true score."],
  ["50–99", "The score on the scale that broadcasts use: 85 is average."],
  ["Decision, execution", "Of tracked throws: the choice of target in expected yards against the best alternative, and where the outcome "
    + "fell on the throw that was chosen; below, the interval, and how much of the difference between rows is more than luck."],
  ["Beats next", "The probability that the true score is above the next row's."],
];

function howToRead() {
  return el("section", { class: "card", "aria-label": "How to read this" }, el("details", {}, el("summary", {}, "How to read this"),
    el("dl", { class: "terms" }, COLUMNS.map(([term, words]) => el("div", {}, el("dt", {}, term), el("dd", {}, words))))));
}

function filters(splits, seasons, asked, board) {
  const available = splits.filter((split) => split.available);
  const change = (name) => (value) => { asked[name] = value; board.load(); };
  const pairs = new Map(asked.split.split(",").filter(Boolean).map((pair) => pair.split("=")));
  const keep = (name) => (value) => {
    if (value) pairs.set(name, value);
    else pairs.delete(name);
    asked.split = [...pairs].map((pair) => pair.join("=")).join(",");
    board.load();
  };
  const filtered = available.filter((split) => !NO_FILTER.has(split.name) && split.values.length);
  const more = filtered.map((split) => labeled(WORDS[split.name] ?? split.name,
    select([["", "Any"], ...split.values.map((value) => [value, value])], pairs.get(split.name) ?? "", keep(split.name)),
    split.definition));
  const search = el("input", { type: "search", value: asked.search, placeholder: "Name", autocomplete: "off" });
  search.addEventListener("input", () => { asked.search = search.value; board.draw(); });
  return el("section", { class: "card filters", "aria-label": "Filters" },
    el("div", { class: "controls first" },
      labeled("Season", select([["", "All seasons"], ...[...seasons].reverse().map((year) => [String(year), String(year)])],
        asked.seasons, change("seasons"))),
      labeled("Search", search)),
    el("details", { open: pairs.size > 0 || Boolean(asked.divide) },
      el("summary", {}, "More filters"),
      el("div", { class: "controls" },
        labeled("Rows", select(GROUPS, asked.by, change("by"))),
        labeled("Divided by", select([["", "Nothing"], ...filtered.map((split) => [split.name, WORDS[split.name] ?? split.name])],
          asked.divide, change("divide"))),
        labeled("At least", select(MINIMA, asked.min_attempts, change("min_attempts")), "Plays that a row needs"),
        more)));
}

class Board {
  constructor(asked) {
    this.asked = asked;
    this.status = el("p", { class: "status", role: "status" });
    this.body = el("div", { class: "scroll" });
    this.links = el("p", { class: "links" });
    this.drift = el("p", { class: "lead" });
    this.element = el("section", { class: "card board", "aria-label": "Ranking" }, this.status, this.body, this.links,
      el("details", {}, el("summary", {}, "Between seasons"), this.drift));
    this.request = 0;
  }

  async load() {
    const request = ++this.request;
    const { by, divide, split, seasons, min_attempts } = this.asked;
    this.note();
    this.element.setAttribute("aria-busy", "true");
    try {
      const answer = await get("/v1/leaderboard", {
        by: divide ? `${by},${divide}` : by, split, seasons, min_attempts, limit: MOST,
      });
      if (request !== this.request) return;
      this.answer = answer;
      this.draw();
    } catch (error) {
      if (request !== this.request) return;
      this.answer = null;
      this.status.textContent = error.message;
      this.body.replaceChildren();
    } finally {
      if (request === this.request) this.element.removeAttribute("aria-busy");
    }
  }

  note() {
    noteHash(PATH, this.asked);
  }

  sortBy(name) {
    const now = this.asked.sort;
    if (now.replace(/^-/, "") === name) this.asked.sort = now.startsWith("-") ? name : `-${name}`;
    else this.asked.sort = HIGH_FIRST.has(name) ? `-${name}` : name;
    this.draw();
  }

  draw(all = false) {
    if (!this.answer) return;
    this.note();
    const { rows, total } = this.answer;
    const columns = columnsOf(this.answer.columns, rows[0]?.better === "lower");
    const asked = folded(this.asked.search);
    const found = sorted(rows, this.asked.sort).filter((row) => {
      return matches(asked, searched(row));
    });
    const shown = all ? found : found.slice(0, SHOWN);
    const scale = intervalScale(rows);
    const head = el("tr", {}, columns.map((column) => this.headCell(column)));
    const lines = shown.map((row) => paint(el("tr", {}, columns.map((column) =>
      el(column.head ? "th" : "td", { class: column.class, scope: column.head ? "row" : null }, column.cell(row, scale)))),
    row.posteam ?? row.defteam ?? teamOf(row.passer_player_id, row.season)));
    this.status.textContent = `${format.count(found.length)} of ${format.count(total)} rows`
      + (total > rows.length ? `; the first ${format.count(rows.length)} by rank are searched and sorted` : "");
    const table = el("table", { class: columns.some((column) => column.name in JUDGED) ? "ranking judged" : "ranking" },
      el("caption", { class: "unseen" }, "Ranking by mean play score"),
      el("thead", {}, head), el("tbody", {}, lines));
    this.body.replaceChildren(shown.length ? table : el("p", { class: "note" }, "No row is found: take a word or a filter away."));
    const { by, divide, split, seasons, min_attempts } = this.asked;
    this.drift.textContent = this.answer.drift;
    this.drift.parentElement.hidden = !this.answer.drift;
    this.links.replaceChildren(
      csvLink("/v1/leaderboard", { by: divide ? `${by},${divide}` : by, split, seasons, min_attempts, limit: MOST }));
    if (shown.length < found.length) {
      this.body.append(el("button", { type: "button", class: "more", onclick: () => this.draw(true) },
        `Show all ${format.count(found.length)}`));
    }
  }

  headCell(column) {
    const sort = this.asked.sort.replace(/^-/, "") === column.name
      ? (this.asked.sort.startsWith("-") ? "descending" : "ascending") : null;
    return el("th", { scope: "col", class: column.class, "aria-sort": sort, "data-column": column.name },
      el("button", {
        type: "button",
        title: column.title,
        onclick: () => {
          this.sortBy(column.name);
          this.body.querySelector(`th[data-column="${column.name}"] button`)?.focus();
        },
      }, column.text, el("span", { class: "arrow", "aria-hidden": "true" },
        sort === "descending" ? "▾" : sort === "ascending" ? "▴" : "")));
  }
}

/** Letters without accents, apostrophes and dots, in small. */
function folded(text) {
  return text.normalize("NFKD").replace(/[\u0300-\u036f'’.]/g, (mark) => (mark === "." ? " " : "")).toLowerCase()
    .replace(/[^a-z0-9]+/g, " ").trim();
}

function searched(row) {
  const team = row.posteam ?? row.defteam ?? teamOf(row.passer_player_id, row.season);
  return folded([...Object.entries(row).filter(([name]) => !NOT_SEARCHED.has(name)).map(([, value]) => (typeof value === "string" ? value : "")),
    team ?? "", teamName(team)].join(" "));
}

/** Each word is in the text; "patrick mahomes" finds P.Mahomes. */
function matches(asked, text) {
  const words = asked.split(" ").filter(Boolean);
  const found = text.split(" ");
  const named = (first, last) => found.some((initial, place) =>
    initial.length <= 2 && first.startsWith(initial) && found[place + 1]?.startsWith(last));
  return words.every((word, at) => {
    const next = words[at + 1];
    // One letter is an initial where a name follows it; two begin a word; more may be anywhere in one.
    if (word.length === 1 && next) return named(word, next);
    if (word.length > 2 ? text.includes(word) : found.some((other) => other.startsWith(word))) return true;
    return Boolean(next) && named(word, next);
  });
}

const NOT_SEARCHED = new Set(["place", "better"]);
const TEAMS = { posteam: true, defteam: true };
const HIGH_FIRST = new Set(["decision", "execution", "score", "score_shrunk", "display", "plays", "games", "season", "probability_better_than_next"]);

function sorted(rows, order) {
  const name = order.replace(/^-/, "");
  const sign = order.startsWith("-") ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [left, right] = [a[name] ?? null, b[name] ?? null];
    if (left === null || right === null) return (left === null) - (right === null);
    return sign * (typeof left === "string" ? left.localeCompare(right) : left - right);
  });
}

function columnsOf(names, allowed) {
  const first = names.includes("passer_player_name") ? "passer_player_name"
    : names.find((name) => name in KEY_WORDS && name !== "season");
  const keys = names.filter((name) => name in KEY_WORDS && name !== first);
  const passers = first === "passer_player_name";
  return [
    { name: "rank", text: "Rank", title: "Rank, and its 90% interval", class: "rank",
      cell: (row) => [el("b", { title: row.place }, row.rank), el("small", {}, `${row.rank_low}–${row.rank_high}`)] },
    { name: first, text: passers ? "Passer" : KEY_WORDS[first] ?? first, class: "name", head: true,
      cell: (row) => [passers ? chip(teamOf(row.passer_player_id, row.season)) : first in TEAMS ? chip(row[first]) : null, passers
        ? el("a", { href: makeHash(`/passers/${encodeURIComponent(row.passer_player_id)}`, {}) },
          row.passer_player_name ?? row.passer_player_id)
        : el("b", {}, first in TEAMS ? teamName(row[first]) : String(row[first])),
      el("small", { class: "narrow" }, [...keys.map((name) => row[name]), `${format.count(row.plays)} plays`].join(" · "))] },
    ...keys.map((name) => ({ name, text: KEY_WORDS[name], class: name === "season" ? "num key" : "key",
      cell: (row) => [String(row[name])] })),
    { name: "plays", text: "Plays", class: "num key", cell: (row) => [format.count(row.plays)] },
    { name: "score", text: allowed ? "Allowed" : "Score", class: "num score",
      title: allowed ? "Mean play score allowed, the lowest first, and its 90% interval" : "Mean play score, and its 90% interval",
      cell: (row) => [el("b", {}, format.score(row.score)),
        el("small", {}, format.range(row.score_low, row.score_high))] },
    { name: "score_low", text: "Interval", title: "The 90% interval, sorted by its low end", class: "interval",
      cell: (row, scale) => [scale(row)] },
    { name: "score_shrunk", text: "Skill", class: "num wide",
      title: "Score shrunk toward the average by its reliability (posterior mean), and its 90% interval",
      cell: (row) => [format.score(row.score_shrunk),
        el("small", {}, format.range(row.shrunk_low, row.shrunk_high))] },
    { name: "display", text: "50–99", title: "The score on a scale from 50 to 99", class: "num wide",
      cell: (row) => [el("span", { class: "chip" }, format.decimal(row.display, 0))] },
    ...["decision", "execution"].filter((name) => names.includes(name)).map((name) => judged(name)),
    { name: "probability_better_than_next", text: "Beats next", title: "Probability that the true score is above the next row's",
      class: "num wide", cell: (row) => [format.percent(row.probability_better_than_next)] },
  ];
}

const JUDGED = {
  decision: ["Decision", (value) => format.signed(value, 1), "Expected yards of the throw against the best alternative, of tracked throws"],
  execution: ["Execution", format.score, "Where the outcome fell on the throw that was chosen, of tracked throws"],
};

/** A number of tracked throws, with how much of the difference between rows is more than luck. */
function judged(name) {
  const [text, shown, title] = JUDGED[name];
  return { name, text, title: `${title}; below: 90% interval, and the share of the difference that is more than luck`, class: "num wide",
    cell: (row) => [shown(row[name]), row[name] === null ? "" : el("small", {}, format.range(row[`${name}_low`], row[`${name}_high`], shown)),
      row[name] === null || row[`${name}_reliability`] === null ? "" : el("small", {}, format.percent(row[`${name}_reliability`]))] };
}
