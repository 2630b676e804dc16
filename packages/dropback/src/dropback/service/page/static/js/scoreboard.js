// The scoreboard: live and finished plays of all games or of one, each row corrected in place.

import { makeHash } from "./address.js";
import { el, select } from "./dom.js";
import * as format from "./format.js";
import { csvLink } from "./links.js";
import { ReturningSocket } from "./socket.js";
import { situationText } from "./situation.js";
import { chip } from "./teams.js";

const SHOWN = 60;
const STATES = { running: "Live", released: "Thrown", silent: "Silent", lost: "Lost", withdrawn: "Withdrawn", ended: "Ended" };

export class Scoreboard {
  constructor(game) {
    this.game = game;
    this.rows = new Map();
    this.lines = new Map();
    this.list = el("ul", { class: "scoreboard" });
    this.status = el("p", { class: "status", role: "status" }, "No live play yet");
    this.choice = el("div", {});
    this.element = el("section", { class: "card", "aria-label": "Scoreboard" },
      el("div", { class: "inline" }, el("h2", {}, "Scoreboard"), this.choice), this.status, this.list,
      el("p", { class: "links" }, csvLink("/v1/live/plays", { limit: 1000 })));
  }

  start() {
    this.socket = new ReturningSocket({
      address: () => "/v1/watch?show=scoreboard",
      greet: () => this.socket.well(),
      take: (message) => this.take(message),
      lost: () => this.say("Connection lost; trying again"),
    });
  }

  stop() {
    this.socket?.close();
  }

  take(message) {
    if (message.type === "scoreboard") {
      // Newest first; the map is in the order of coming.
      this.rows = new Map([...message.plays].reverse().map((row) => [row.play, row]));
    } else if (message.type === "scoreboard_row") {
      this.rows.set(message.row.play, message.row);
    } else {
      return;
    }
    this.draw();
  }

  draw() {
    const all = [...this.rows.values()].reverse();
    const games = [...new Set(all.map((row) => row.game).filter(Boolean))];
    const known = [...this.choice.querySelectorAll("option")].map((option) => option.value).slice(1);
    if (games.join() !== known.join()) {
      const control = select([["", "All games"], ...games.map((game) => [game, game])], this.game, (game) => { this.game = game; this.draw(); });
      control.setAttribute("aria-label", "Game");
      this.choice.replaceChildren(games.length > 1 ? control : "");
    }
    const rows = all.filter((row) => !this.game || row.game === this.game).slice(0, SHOWN);
    const live = rows.filter((row) => row.state === "running").length;
    this.say(rows.length ? `${live} live, ${rows.length} in all` : "No live play yet");
    this.arrange(rows.map((row) => this.line(row)));
  }

  /** A screen reader hears what changed, once. */
  say(words) {
    if (this.status.textContent !== words) this.status.textContent = words;
  }

  /** The line of a row, the same element as long as the play is shown: what has the focus keeps it. */
  line(row) {
    let kept = this.lines.get(row.play);
    if (!kept) {
      const link = el("a");
      kept = { link, line: el("li", {}, link), row: null };
      this.lines.set(row.play, kept);
    }
    const { link } = kept;
    link.href = makeHash("/live", { play: row.play, game: this.game });
    if (kept.row !== row) link.replaceChildren(...cells(row));
    kept.row = row;
    return kept.line;
  }

  /** Put the lines in order, without moving those that are. */
  arrange(lines) {
    let next = null;
    for (const line of [...lines].reverse()) {
      if (line.parentNode !== this.list || line.nextSibling !== next) this.list.insertBefore(line, next);
      next = line;
    }
    while (this.list.firstChild && this.list.firstChild !== next) this.list.firstChild.remove();
    for (const play of this.lines.keys()) if (!this.rows.has(play)) this.lines.delete(play);
  }
}

function cells(row) {
  const scored = row.score !== null && row.state !== "withdrawn";
  const state = scored ? (row.revision > 1 ? "Corrected" : "Scored") : STATES[row.state] ?? row.state;
  const number = scored ? [el("b", {}, `Score ${format.score(row.score)}`), el("small", {}, ` ${row.result ?? ""} ${format.yards(row.yards)}`)]
    : row.expected_yards === null ? [] : [el("b", {}, `${format.yards(row.expected_yards, 1)}`), el("small", {}, " expected")];
  return [
    el("span", {}, chip(row.offense), row.offense && row.defense ? " vs. " : "", chip(row.defense)),
    el("span", {}, [row.passer, row.target].filter(Boolean).join(" to ") || situationText(row)),
    el("span", {}, number),
    el("span", { class: `state-chip ${scored ? "scored" : row.state}` },
      row.state === "silent" ? `Silent ${row.silent_s} s` : state),
    el("span", { class: "what" }, [situationText(row), row.description].filter(Boolean).join(" · ")),
  ];
}
