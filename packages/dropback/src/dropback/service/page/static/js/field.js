// Draw the field to scale: lines, players (offense round, defense square), the ball, and trails.

import { svg } from "./dom.js";
import { paint, teamName } from "./teams.js";

const SHORT_TRAIL = 15;
// Radius of a player with arms, yards; drawn no smaller than can be distinguished.
const REACH_YD = 0.95;

export const TRAILS = ["short", "whole", "none"];

export class FieldView {
  constructor(play, { choose }) {
    this.play = play;
    this.players = new Map(play.players.map((player) => [player.slot, player]));
    this.element = svg("svg", { class: "field", role: "img", "aria-label": this.words() });
    this.choose = choose;
    this.trails = TRAILS[0];
    this.chosen = null;
  }

  words() {
    const { offense, defense } = this.play.item;
    return `Field with ${teamName(offense) || "the offense"} moving right against ${teamName(defense) || "the defense"}`;
  }

  /** Redraw everything for another width or another part of the field. */
  layout(scale) {
    this.scale = scale;
    const { element } = this;
    element.setAttribute("width", scale.width);
    element.setAttribute("height", scale.height);
    element.setAttribute("viewBox", `0 0 ${scale.width} ${scale.height}`);
    this.paths = new Map();
    this.marks = new Map();
    const trails = svg("g", { class: "trails" });
    const players = svg("g", { class: "players" });
    for (const [slot, player] of this.players) {
      const path = svg("path", { class: `trail ${player.side} ${player.role}` });
      this.paths.set(slot, path);
      trails.append(path);
      const mark = this.mark(slot, player);
      this.marks.set(slot, mark);
      players.append(mark);
    }
    element.replaceChildren(ground(this.play, scale), trails, players);
    if (this.at !== undefined) this.show(this.frames, this.at, this.released);
  }

  mark(slot, player) {
    const radius = Math.max(this.scale.width < 600 ? 6.5 : 9, REACH_YD * this.scale.perYard);
    const label = radius >= 9 ? (player.position ?? "") : "";
    const shape = player.side === "ball"
      ? svg("ellipse", { rx: Math.max(4.5, 0.55 * this.scale.perYard), ry: Math.max(3, 0.36 * this.scale.perYard) })
      : player.side === "offense" ? svg("circle", { r: radius })
        : svg("rect", { x: -radius * 0.9, y: -radius * 0.9, width: radius * 1.8, height: radius * 1.8, rx: 2 });
    const ring = player.role === "passer" || player.role === "target" ? svg("circle", { class: "ring", r: radius + 3.5 }) : null;
    const text = label ? svg("text", { y: radius * 0.33, "text-anchor": "middle",
      "font-size": Math.min(12, radius * (label.length > 2 ? 0.82 : 0.98)) }, label) : null;
    const mark = svg("g", { class: `player ${player.side} ${player.role}`, "data-slot": slot },
      svg("title", {}, [player.name ?? player.position ?? player.side, player.position, player.role].filter(Boolean).join(", ")),
      ...[ring, shape, text].filter(Boolean));
    if (player.side !== "ball") paint(mark, this.play.item[player.side]);
    mark.addEventListener("click", () => this.choose(slot));
    return mark;
  }

  /** The players at frame `at`; after the release the target is ringed. */
  show(frames, at, released) {
    this.frames = frames;
    this.at = at;
    this.released = released;
    if (!this.scale) return;
    this.element.classList.toggle("released", released);
    const { x, y } = this.scale;
    const from = this.trails === "whole" ? 0 : Math.max(0, at - SHORT_TRAIL);
    for (const [slot, mark] of this.marks) {
      const place = frames[at]?.[slot];
      const seen = place && place[0] !== null && place[1] !== null;
      mark.classList.toggle("unseen", !seen);
      mark.classList.toggle("chosen", slot === this.chosen);
      if (seen) mark.style.transform = `translate(${x(place[0])}px, ${y(place[1])}px)`;
      const whole = slot === this.chosen;
      this.paths.get(slot).setAttribute("d", this.trails === "none" && !whole ? ""
        : trail(frames, slot, whole ? 0 : from, at, this.scale));
    }
  }
}

function trail(frames, slot, from, to, { x, y }) {
  let path = "";
  let pen = "M";
  for (let at = from; at <= to; at += 1) {
    const place = frames[at]?.[slot];
    if (!place || place[0] === null || place[1] === null) {
      pen = "M";
      continue;
    }
    path += `${pen}${x(place[0]).toFixed(1)} ${y(place[1]).toFixed(1)}`;
    pen = "L";
  }
  return path;
}

/** Turf, lines, numbers, line of scrimmage, line to gain. */
function ground(play, scale) {
  const { field, item } = play;
  const { x, y, perYard, height } = scale;
  const goals = [10, field.length_yd - 10];
  const parts = [svg("rect", { class: "turf", width: scale.width, height })];
  for (let yard = 10; yard < goals[1]; yard += 10) {
    parts.push(svg("rect", { class: "stripe", x: x(yard), width: 5 * perYard, height }));
  }
  for (const [at, name] of [[0, item.offense], [goals[1], item.defense]]) {
    parts.push(paint(svg("rect", { class: "endzone", x: x(at), width: 10 * perYard, height }), name));
    if (!name) continue;
    const [middle, angle] = [x(at + 5), at ? 90 : -90];
    // The nickname, as on the grass: the last word of the name.
    const words = teamName(name).split(" ");
    const text = words[words.length - 1].toUpperCase();
    parts.push(paint(svg("text", { class: "endname", "text-anchor": "middle", "font-size": Math.min(6, 58 / text.length) * perYard,
      dy: "0.36em", transform: `translate(${middle} ${height / 2}) rotate(${angle})` }, text), name));
  }
  for (let yard = 10; yard <= goals[1]; yard += 5) {
    parts.push(svg("line", { class: goals.includes(yard) ? "goal" : "yardline", x1: x(yard), x2: x(yard), y1: 0, y2: height }));
  }
  let hashes = "";
  for (let yard = 11; yard < goals[1]; yard += 1) {
    if (yard % 5 === 0) continue;
    for (const at of [0.6, field.hash_mark_y_yd, field.width_yd - field.hash_mark_y_yd, field.width_yd - 0.6]) {
      hashes += `M${x(yard).toFixed(1)} ${(y(at) - perYard / 3).toFixed(1)}v${(perYard * 2 / 3).toFixed(1)}`;
    }
  }
  parts.push(svg("path", { class: "hash", d: hashes }));
  for (let yard = 20; yard < goals[1]; yard += 10) {
    const text = yard <= 60 ? yard - 10 : field.length_yd - 10 - yard;
    for (const [at, angle] of [[8, 0], [field.width_yd - 8, 180]]) {
      parts.push(svg("text", { class: "number", "text-anchor": "middle", "font-size": Math.max(9, 3 * perYard), dy: "0.36em",
        transform: `translate(${x(yard)} ${y(at)}) rotate(${angle})` }, text));
    }
  }
  parts.push(marker("scrimmage", field.line_of_scrimmage_x_yd, scale, "Line of scrimmage"));
  const gain = field.first_down_x_yd;
  if (gain !== null && gain < field.goal_line_x_yd) parts.push(marker("gain", gain, scale, "Line to gain"));
  return svg("g", { class: "ground" }, parts);
}

function marker(name, yard, { x, height }, words) {
  return svg("line", { class: name, x1: x(yard), x2: x(yard), y1: 0, y2: height }, svg("title", {}, words));
}
