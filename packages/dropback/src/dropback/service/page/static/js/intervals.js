// Draw intervals to one scale for all rows: a line from low to high, a dot at the value.

import { svg } from "./dom.js";
import * as format from "./format.js";

const HEIGHT = 22;
const INSET = 6;

const NARROW = window.matchMedia("(max-width: 640px)");

export function intervalScale(rows) {
  const width = NARROW.matches ? 80 : 240;
  const ends = rows.flatMap((row) => [row.score_low ?? row.score, row.score_high ?? row.score]);
  const least = Math.min(...ends);
  const most = Math.max(...ends);
  const x = (value) => INSET + ((value - least) / (most - least || 1)) * (width - 2 * INSET);
  return (row) => {
    const known = row.score_low !== null;
    const middle = HEIGHT / 2;
    return svg("svg", {
      class: "range", viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "xMinYMid", role: "img",
      "aria-label": known ? `${format.score(row.score_low)} to ${format.score(row.score_high)}` : "No interval for a lone play",
    },
    least < 0.5 && most > 0.5 ? svg("line", { class: "average", x1: x(0.5), x2: x(0.5), y1: 0, y2: HEIGHT }) : null,
    known ? svg("line", { class: "whisker", x1: x(row.score_low), x2: x(row.score_high), y1: middle, y2: middle }) : null,
    known ? svg("path", { class: "whisker", d: `M${x(row.score_low)} ${middle - 4}v8M${x(row.score_high)} ${middle - 4}v8` }) : null,
    svg("circle", { class: "dot", cx: x(row.score), cy: middle, r: 4.5 }));
  };
}
