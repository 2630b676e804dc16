// Draw a passer's seasons with intervals, and the histogram of where throws fell.

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
  const last = seasons.at(-1).season;
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
      ]).flat()));
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
      el("p", { class: "legend" }, el("span", { class: "swatch bar" }), "This passer", el("span", { class: "swatch line" }), "All plays"));
  });
  return holder;
}
