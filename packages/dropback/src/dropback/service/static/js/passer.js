// A passer: seasons with intervals, best and worst throws, and calibration.

import { makeHash } from "./address.js";
import { get } from "./api.js";
import { pitChart, trendChart } from "./charts.js";
import { el } from "./dom.js";
import * as format from "./format.js";

export async function make([id]) {
  const passer = await get(`/v1/passers/${encodeURIComponent(id)}`);
  const seasons = passer.seasons;
  return {
    title: passer.name,
    content: [
      el("div", { class: "head" },
        el("p", { class: "crumb" }, el("a", { href: "#/leaderboard" }, "Leaderboard")),
        el("h1", {}, passer.name),
        el("p", { class: "lead" }, seasons.length
          ? `${seasons.length === 1 ? "One season" : `${seasons.length} seasons`} with enough plays to rank.`
          : "No season has enough plays to rank.")),
      seasons.length ? trendCard(seasons) : null,
      el("div", { class: "pair" }, throwsCard("Best throws", passer.best), throwsCard("Worst throws", passer.worst)),
      passer.pit ? pitCard(passer.pit) : null,
    ].filter(Boolean),
  };
}

function trendCard(seasons) {
  return el("section", { class: "card", "aria-labeledby": "trend" },
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
        el("td", { class: "num ends" }, row.score_low === null ? format.NONE
          : `${format.score(row.score_low)} to ${format.score(row.score_high)}`),
        el("td", { class: "num" }, el("span", { class: "chip" }, format.decimal(row.display, 0)))))))));
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
  return el("section", { class: "card", "aria-labeledby": "pit" },
    el("h2", { id: "pit" }, "Where the throws fell in their distributions"),
    el("p", { class: "note" }, `Share of ${format.count(pit.plays)} plays by score. Yards are whole, so not even a perfect `
      + "forecast gives level bars: compare with the line, all plays of the league."),
    pitChart(pit));
}
