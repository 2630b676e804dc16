// Two passers beside each other: who is better with which probability, in all and by season.

import { makeHash, noteHash } from "./address.js";
import { get } from "./api.js";
import { el, labeled, select } from "./dom.js";
import * as format from "./format.js";
import { csvLink } from "./links.js";
import { chip, paint, teamOf } from "./teams.js";

const MOST = 1000;

export async function make(_, query) {
  const [about, list] = await Promise.all([get("/v1"), get("/v1/passers", { limit: MOST })]);
  const asked = { first: query.get("first") ?? "", second: query.get("second") ?? "", season: query.get("season") ?? "" };
  const passers = [...list.passers];
  const options = passers.map((one) => [one.id, `${one.name} (${one.teams[0] ?? "?"}, ${one.plays} plays)`]);
  asked.first = asked.first || (options[0]?.[0] ?? "");
  asked.second = asked.second || (options.find(([id]) => id !== asked.first)?.[0] ?? "");
  const result = el("div", { class: "detail", "aria-live": "polite" });
  const load = async () => {
    noteHash("/compare", asked);
    try {
      const answer = await get("/v1/compare", asked);
      result.replaceChildren(...compared(answer, asked));
    } catch (error) {
      result.replaceChildren(el("p", { class: "card", role: "alert" }, error.message));
    }
  };
  const change = (name) => (value) => { asked[name] = value; load(); };
  return {
    title: "Compare",
    content: [
      el("div", { class: "head" }, el("h1", {}, "Compare two passers")),
      el("section", { class: "card", "aria-label": "Choose" }, el("div", { class: "controls" },
        labeled("One", select(options, asked.first, change("first"))),
        labeled("The other", select(options, asked.second, change("second"))),
        labeled("Season", select([["", "All seasons"], ...[...about.seasons].reverse().map((year) => [String(year), String(year)])],
          asked.season, change("season"))))),
      result,
    ],
    entered: load,
  };
}

function compared(answer, asked) {
  const [one, other] = answer.rows;
  const name = (row) => row.passer_player_name ?? row.passer_player_id;
  const team = (row) => teamOf(row.passer_player_id, asked.season || null);
  const share = el("span", {}, format.percent(answer.probability));
  share.style.flexBasis = `${Math.min(88, Math.max(12, 100 * answer.probability))}%`;
  const rest = el("span", {}, format.percent(1 - answer.probability));
  const [better, surely] = answer.probability < 0.5 ? [other, 1 - answer.probability] : [one, answer.probability];
  return [
    el("section", { class: "card standing" },
      el("h2", {}, `${name(better)} is better with probability ${format.percent(surely)}`),
      el("div", { class: "versus", role: "img", "aria-label": `${name(one)} ${format.percent(answer.probability)}` },
        paint(share, team(one)), paint(rest, team(other))),
      el("p", { class: "note" }, `The true scores differ by ${signed(answer.difference)} (90% interval ${signed(answer.low)} to `
        + `${signed(answer.high)}), learned from ${answer.passers} passers.`),
      el("div", { class: "scroll" }, el("table", { class: "plain" },
        el("thead", {}, el("tr", {}, ["Passer", "Plays", "Score", "90% interval", "Skill"].map((text, at) =>
          el("th", { scope: "col", class: at ? "num" : null }, text)))),
        el("tbody", {}, answer.rows.map((row) => el("tr", {},
          el("th", { scope: "row" }, chip(team(row)), " ",
            el("a", { href: makeHash(`/passers/${encodeURIComponent(row.passer_player_id)}`, {}) }, name(row))),
          el("td", { class: "num" }, format.count(row.plays)),
          el("td", { class: "num" }, el("b", {}, format.score(row.score))),
          el("td", { class: "num ends" }, format.range(row.score_low, row.score_high)),
          el("td", { class: "num" }, format.score(row.score_shrunk))))))),
      el("p", { class: "links" }, csvLink("/v1/compare", asked))),
    answer.seasons.length ? el("section", { class: "card" }, el("h2", {}, "By season"),
      el("div", { class: "scroll" }, el("table", { class: "plain even" },
        el("thead", {}, el("tr", {}, ["Season", name(one), name(other), `${name(one)} better`].map((text, at) =>
          el("th", { scope: "col", class: at ? "num" : null }, text)))),
        el("tbody", {}, answer.seasons.map((row) => el("tr", {},
          el("th", { scope: "row" }, row.season),
          el("td", { class: "num" }, format.score(row.score), el("small", {}, ` ${format.count(row.plays)}`)),
          el("td", { class: "num" }, format.score(row.other_score), el("small", {}, ` ${format.count(row.other_plays)}`)),
          el("td", { class: "num" }, format.percent(row.probability))))))),
      el("p", { class: "links" }, csvLink("/v1/compare", { ...asked, table: "seasons" }))) : null,
  ].filter(Boolean);
}

const signed = (value) => `${value > 0 ? "+" : ""}${format.score(value)}`;
