// A passer: where among all, splits, seasons, games, best and worst throws, and calibration.

import { makeHash, noteHash } from "./address.js";
import { get } from "./api.js";
import { gamesChart, pitChart, splitChart, trendChart } from "./charts.js";
import { passerDecisions } from "./decision.js";
import { el, labeled, select } from "./dom.js";
import * as format from "./format.js";
import { csvLink, shareLinks } from "./links.js";
import { chip, paint, teamName, teamOf } from "./teams.js";

const SPLITS = { depth: "By depth of the throw", down: "By down", location: "By side of the field", pressure: "By pressure" };

export async function make([id], query) {
  const passer = await get(`/v1/passers/${encodeURIComponent(id)}`);
  const seasons = passer.seasons;
  const team = teamOf(id, null);
  const detail = el("div", { class: "detail" }, el("p", { class: "wait" }, "Loading …"));
  const shown = query.get("season") ?? "";
  const years = seasons.map((row) => row.season);
  const choose = async (season) => {
    noteHash(`/passers/${encodeURIComponent(id)}`, { season });
    try {
      detail.replaceChildren(...detailCards(await get(`/v1/passers/${encodeURIComponent(id)}/detail`, { season }), season));
    } catch (error) {
      detail.replaceChildren(el("p", { class: "card", role: "alert" }, error.message));
    }
  };
  return {
    title: passer.name,
    content: [
      paint(el("header", { class: "banner-head" },
        el("p", { class: "crumb" }, el("a", { href: "#/leaderboard" }, "Leaderboard")),
        el("h1", {}, passer.name),
        el("p", { class: "inline" }, chip(team), team ? teamName(team) : ""),
        el("p", { class: "inline links" },
          el("a", { href: makeHash("/compare", { first: id }) }, "Compare with another passer"),
          el("a", { href: makeHash("/plays", { passer: id, order: "best", tracked: "" }) }, "Plays")),
        shareLinks(`/passers/${encodeURIComponent(id)}`, `/v1/passers/${encodeURIComponent(id)}/card`)), team),
      years.length > 1 ? el("div", { class: "controls first" }, labeled("Season", select(
        [["", "Career"], ...[...years].reverse().map((year) => [String(year), String(year)])], shown, choose))) : null,
      paint(detail, team),
      seasons.length ? paint(trendCard(seasons, id), team) : el("p", { class: "card" }, "No season has enough plays to rank."),
      el("div", { class: "pair" }, throwsCard("Best throws", passer.best), throwsCard("Worst throws", passer.worst)),
      passer.pit ? pitCard(passer.pit) : null,
    ],
    entered: () => choose(shown),
  };
}

function detailCards(answer, season) {
  const { career, splits, games } = answer;
  const when = season || (answer.seasons.length > 1 ? `${answer.seasons[0]}–${answer.seasons[answer.seasons.length - 1]}` : answer.seasons[0]);
  const standing = career ? el("section", { class: "card standing", "aria-label": "Standing" },
    el("p", {}, el("b", { class: "large" }, format.score(career.score)), el("small", {},
      ` ${format.range(career.score_low, career.score_high)} · ${format.count(career.plays)} plays · ${when}`)),
    el("p", {}, el("b", {}, `${format.ordinal(career.rank)} of ${career.population}`), " passers, ",
      `${format.ordinal(Math.round(career.percentile))} percentile`),
    el("span", { class: "meter", "aria-hidden": "true" }, filled(career.percentile)))
    : el("section", { class: "card" }, el("p", {}, `Too few plays of ${when} to be ranked.`));
  return [
    standing,
    el("section", { class: "card" }, el("h2", {}, "Splits"),
      el("p", { class: "note" }, "Mean play score with its 90% interval; dashed: .500, the average; the place among all passers in that split."),
      el("div", { class: "splits" }, splits.map(({ split, rows }) => splitChart(SPLITS[split] ?? split, rows)))),
    passerDecisions(answer.decision),
    projectionCard(answer.projection),
    numbersCard(answer),
    el("section", { class: "card" }, el("h2", {}, "Game log"), gamesChart(games), gamesTable(games),
      el("p", { class: "links" }, csvLink(detailOf(answer.id), { season }))),
  ].filter(Boolean);
}

const detailOf = (id) => `/v1/passers/${encodeURIComponent(id)}/detail`;

function projectionCard(row) {
  if (!row) return null;
  const spread = (name) => el("small", {}, ` ${format.range(row[`${name}_low`], row[`${name}_high`], format.signed)}`);
  return el("section", { class: "card", "aria-label": "Projection" }, el("h2", {}, "Projection"),
    el("p", { class: "note" }, `Expected points a play over the league's mean, from all plays until week ${row.week} of ${row.season}, `
      + "as a starter; 90% intervals of the true value. Few plays, or an odd season, are pulled to the league and to the career."),
    el("dl", { class: "three" },
      el("div", {}, el("dt", {}, "Next season"), el("dd", {}, el("b", { "data-number": "projection" }, format.signed(row.projection)), spread("projection"),
        el("small", {}, `${format.ordinal(row.rank)} of ${row.population} passers`))),
      el("div", {}, el("dt", {}, "Now"), el("dd", {}, el("b", { "data-number": "now" }, format.signed(row.now)), spread("now")))));
}

const SCORES = [["passing_score", "Passing score", "how good were the throws?"], ["qb_score", "QB score", "how well did the quarterback play, runs counted?"]];

function numbersCard({ id, numbers }) {
  const shown = SCORES.filter(([name]) => numbers.some((row) => row[name] !== null && row[name] !== undefined));
  if (!shown.length) return null;
  const value = (row, name) => (row[name] === null || row[name] === undefined ? format.NONE : [el("b", {}, format.score(row[name])),
    el("small", {}, ` ${format.range(row[`${name}_low`], row[`${name}_high`])}`), row[`${name}_place`] ? el("small", { class: "place" }, row[`${name}_place`]) : ""]);
  return el("section", { class: "card", "aria-label": "Scores of seasons" }, el("h2", {}, "Passing score and QB score"),
    el("p", { class: "note" }, shown.map(([, title, words]) => `${title}: ${words}`).join(" "), " Shrunk by what luck explains, 90% intervals; .500 is average."),
    el("div", { class: "scroll" }, el("table", { class: "plain" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Season"), shown.map(([, title]) => el("th", { scope: "col", class: "num" }, title)))),
      el("tbody", {}, [...numbers].reverse().map((row) => el("tr", {}, el("th", { scope: "row" }, row.season),
        shown.map(([name]) => el("td", { class: "num wide" }, value(row, name)))))))),
    el("p", { class: "links" }, csvLink(detailOf(id), { table: "numbers" })));
}

function filled(percentile) {
  const bar = el("i", { class: "meter-fill tone" });
  bar.style.width = `${percentile}%`;
  return bar;
}

function gamesTable(games) {
  const results = games.some((game) => game.result);
  const heads = ["Game", "Against", ...(results ? ["Result"] : []), "Plays", "Score", "Best throw"];
  return el("details", {}, el("summary", {}, `Table of ${format.count(games.length)} games`),
    el("div", { class: "scroll" }, el("table", { class: "plain games" },
      el("thead", {}, el("tr", {}, heads.map((text) =>
        el("th", { scope: "col", class: ["Plays", "Score"].includes(text) ? "num" : null }, text)))),
      el("tbody", {}, [...games].reverse().map((game) => el("tr", {},
        el("th", { scope: "row" }, `${game.season} w${game.week}`),
        el("td", {}, game.venue === "away" ? "at " : "", chip(game.opponent)),
        results ? el("td", { class: "outcome-of" }, game.result ?? format.NONE) : null,
        el("td", { class: "num" }, format.count(game.plays)),
        el("td", { class: "num" }, el("b", {}, format.score(game.score))),
        el("td", { class: "best" }, game.best_throw ?? "")))))));
}

function trendCard(seasons, id) {
  return el("section", { class: "card", "aria-labelledby": "trend" },
    el("h2", { id: "trend" }, "By season"),
    el("p", { class: "note" }, "Mean play score with its 90% interval; .500 is an average passer's."),
    trendChart(seasons),
    el("div", { class: "scroll" }, el("table", { class: "plain" },
      el("thead", {}, el("tr", {}, ["Season", "Rank", "Plays", "Score", "90% interval", "50–99"].map((text, at) =>
        el("th", { scope: "col", class: at === 0 ? null : "num" }, text)))),
      el("tbody", {}, seasons.map((row) => el("tr", {},
        el("th", { scope: "row" }, row.season),
        el("td", { class: "num", title: row.place }, ...(row.rank === null ? [row.place]
          : [`${row.rank} of ${row.population} `, el("small", {}, `(${row.rank_low}–${row.rank_high})`)])),
        el("td", { class: "num" }, format.count(row.plays)),
        el("td", { class: "num" }, el("b", {}, format.score(row.score))),
        el("td", { class: "num ends" }, format.range(row.score_low, row.score_high)),
        el("td", { class: "num" }, el("span", { class: "chip" }, format.decimal(row.display, 0)))))))),
    el("p", { class: "links" }, csvLink(`/v1/passers/${encodeURIComponent(id)}`, {})));
}

function throwsCard(title, throws) {
  return el("section", { class: "card" },
    el("h2", {}, title),
    el("ol", { class: "throws" }, throws.map((play) => {
      const when = [play.season, play.week === null ? "" : `week ${play.week}`, play.opponent ? `vs. ${play.opponent}` : "",
        format.quarter(play.quarter), format.downAndDistance(play.down, play.yards_to_go)].filter(Boolean).join(" · ");
      return el("li", {},
        el("div", { class: "stamp" }, el("b", {}, format.score(play.score)), el("small", {}, "score")),
        el("div", {},
          el("p", { class: "when" }, when),
          el("p", { class: "what" }, play.description ?? "No description."),
          el("p", { class: "numbers" },
            `Gained ${format.yards(play.yards)}; median ${format.yards(play.median)}`
            + (play.air_yards === null ? "" : `; ${format.yards(play.air_yards)} in the air`),
            play.stored ? el("a", { class: "watch", href: makeHash(`/plays/${play.stored[0]}/${play.stored[1]}`, {}) },
              "Watch the play") : null)));
    })));
}

function pitCard(pit) {
  return el("section", { class: "card", "aria-label": "Calibration" }, el("details", {}, el("summary", {}, "Calibration"),
    el("h2", {}, "Where the throws fell in their distributions"),
    el("p", { class: "note" }, `Share of ${format.count(pit.plays)} plays by score. Yards are whole, so not even a perfect `
      + "forecast gives level bars: compare with the line, all plays of the league."),
    pitChart(pit)));
}
