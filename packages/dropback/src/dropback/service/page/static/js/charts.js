// Draw a passer's seasons, splits and games with intervals, and the histogram of where throws fell.

import { el, onWidth, svg } from "./dom.js";
import * as format from "./format.js";

/** Gridlines at round values inside [least, most]. */
function ticks(least, most, step) {
  const found = [];
  for (let at = Math.ceil(least / step); at * step <= most + 1e-12; at += 1) found.push(at * step);
  return found;
}

function axis(width, values, y, text) {
  return values.map((value) => [
    svg("line", { class: "grid", x1: 44, x2: width - 8, y1: y(value), y2: y(value) }),
    svg("text", { class: "tick", x: 38, y: y(value) + 4, "text-anchor": "end" }, text(value)),
  ]);
}

/** The score and its interval by season. */
export function trendChart(seasons) {
  const holder = el("div", { class: "chart" });
  const ends = seasons.flatMap((row) => [row.score_low ?? row.score, row.score_high ?? row.score, 0.5]);
  const least = Math.min(...ends) - 0.01;
  const most = Math.max(...ends) + 0.01;
  const first = seasons[0].season;
  const last = seasons[seasons.length - 1].season;
  const words = seasons.map((row) => `${row.season}: ${format.score(row.score)}`).join(", ");
  onWidth(holder, (width) => {
    const height = 240;
    const x = (season) => (first === last ? width / 2 : 72 + ((season - first) / (last - first)) * (width - 72 - 36));
    const y = (value) => 12 + ((most - value) / (most - least)) * (height - 12 - 30);
    const step = most - least > 0.2 ? 0.05 : 0.02;
    const path = seasons.map((row, at) => `${at ? "L" : "M"}${x(row.season)} ${y(row.score)}`).join("");
    const every = Math.ceil((last - first + 1) / Math.max(1, Math.floor((width - 100) / 44)));
    holder.replaceChildren(svg("svg", { width, height, role: "img", "aria-label": `Mean score by season. ${words}` },
      axis(width, ticks(least, most, step), y, format.score).flat(),
      svg("line", { class: "average", x1: 44, x2: width - 8, y1: y(0.5), y2: y(0.5) }),
      svg("path", { class: "trend", d: path }),
      seasons.map((row) => [
        row.score_low === null ? null : svg("path", { class: "whisker",
          d: `M${x(row.season)} ${y(row.score_low)}V${y(row.score_high)}m-5 0h10M${x(row.season) - 5} ${y(row.score_low)}h10` }),
        svg("circle", { class: "dot", cx: x(row.season), cy: y(row.score), r: 5.5 },
          svg("title", {}, `${row.season}: ${format.score(row.score)}`)),
        (row.season - first) % every ? null
          : svg("text", { class: "tick", x: x(row.season), y: height - 8, "text-anchor": "middle" }, row.season),
      ]).flat()), el("p", { class: "axis-title" }, "Season; up: mean play score with its 90% interval; dashed: the average"));
  });
  return holder;
}

/** Shares of a passer's plays by score as bars, the league's as a stepped line. */
export function pitChart(pit) {
  const holder = el("div", { class: "chart" });
  const most = Math.max(...pit.passer, ...pit.league) * 1.08;
  const words = pit.passer.map((share, at) =>
    `${format.score(pit.edges[at])} to ${format.score(pit.edges[at + 1])}: ${format.percent(share)}`).join(", ");
  onWidth(holder, (width) => {
    const height = 220;
    const x = (value) => 44 + value * (width - 44 - 12);
    const y = (share) => 12 + (1 - share / most) * (height - 12 - 30);
    const league = pit.league.map((share, at) =>
      `${at ? "L" : "M"}${x(pit.edges[at])} ${y(share)}H${x(pit.edges[at + 1])}`).join("");
    holder.replaceChildren(
      svg("svg", { width, height, role: "img", "aria-label": `Share of plays by score. ${words}` },
        axis(width, ticks(0, most, most > 0.25 ? 0.1 : 0.05), y, format.percent).flat(),
        pit.passer.map((share, at) => svg("rect", { class: "bar", x: x(pit.edges[at]) + 1.5, y: y(share),
          width: x(pit.edges[at + 1]) - x(pit.edges[at]) - 3, height: y(0) - y(share) },
        svg("title", {}, format.percent(share)))),
        svg("path", { class: "league", d: league }),
        pit.edges.filter((_, at) => at % 2 === 0).map((edge) =>
          svg("text", { class: "tick", x: x(edge), y: height - 8, "text-anchor": "middle" }, edge === 1 ? "1" : format.score(edge)))),
      el("p", { class: "legend" }, el("span", { class: "swatch bar" }), "This passer", el("span", { class: "swatch line" }), "All plays"),
      el("p", { class: "axis-title" }, "Score of a play; up: share of the plays"));
  });
  return holder;
}

/** The values of a split below each other: score, interval, and the place among all passers. */
export function splitChart(title, rows) {
  const known = rows.filter(({ row }) => row);
  const ends = known.flatMap(({ row }) => [row.score_low ?? row.score, row.score_high ?? row.score]);
  const [least, most] = [Math.min(0.4, ...ends), Math.max(0.6, ...ends)];
  const place = (value) => `${(100 * (value - least)) / (most - least)}`;
  return el("div", { class: "split" }, el("h3", {}, title), el("ul", {}, rows.map(({ value, row }) => el("li", {},
    el("span", { class: "value" }, value),
    row ? svg("svg", { class: "range", viewBox: "0 0 100 22", preserveAspectRatio: "none", role: "img",
      "aria-label": `${format.score(row.score)}, ${format.score(row.score_low)} to ${format.score(row.score_high)}` },
    svg("line", { class: "average", x1: place(0.5), x2: place(0.5), y1: 0, y2: 22, "vector-effect": "non-scaling-stroke" }),
    row.score_low === null ? null : svg("line", { class: "whisker", x1: place(row.score_low), x2: place(row.score_high), y1: 11, y2: 11,
      "vector-effect": "non-scaling-stroke" }),
    // A line of no length with round ends is a dot in any proportion.
    svg("line", { class: "point", x1: place(row.score), x2: place(row.score), y1: 11, y2: 11, "vector-effect": "non-scaling-stroke" }))
      : el("span", { class: "note" }, "too few plays"),
    row ? el("b", {}, format.score(row.score)) : el("b", {}, format.NONE),
    el("small", {}, row ? `${row.rank} of ${row.population}` : "")))));
}

/** The score of each game in order, with the average. */
export function gamesChart(games) {
  const holder = el("div", { class: "chart" });
  const scores = games.map((game) => game.score);
  const [least, most] = [Math.min(0.4, ...scores) - 0.02, Math.max(0.6, ...scores) + 0.02];
  onWidth(holder, (width) => {
    const height = 200;
    const x = (at) => 52 + (games.length === 1 ? 0.5 : at / (games.length - 1)) * (width - 52 - 16);
    const y = (value) => 10 + ((most - value) / (most - least)) * (height - 10 - 26);
    const every = Math.ceil(games.length / Math.max(1, Math.floor(width / 60)));
    const dot = games.length > 60 ? 2.5 : 4.5;
    holder.replaceChildren(svg("svg", { width, height, role: "img",
      "aria-label": `Mean score of ${games.length} games, ${format.score(Math.min(...scores))} to ${format.score(Math.max(...scores))}` },
    axis(width, ticks(least, most, 0.1), y, format.score).flat(),
    svg("line", { class: "average", x1: 44, x2: width - 8, y1: y(0.5), y2: y(0.5) }),
    games.map((game, at) => svg("line", { class: "stem", x1: x(at), x2: x(at), y1: y(0.5), y2: y(game.score) })),
    games.map((game, at) => svg("circle", { class: "dot", cx: x(at), cy: y(game.score), r: dot },
      svg("title", {}, `${game.season} week ${game.week}, ${game.opponent}: ${format.score(game.score)}`))),
    games.map((game, at) => (at % every ? null : svg("text", { class: "tick", x: x(at), y: height - 8, "text-anchor": "middle" },
      at && games[at - every]?.season === game.season ? `w${game.week}` : `${game.season}`)))),
    el("p", { class: "axis-title" }, "Games in order; up: mean play score of the game; dashed: the average"));
  });
  return holder;
}
