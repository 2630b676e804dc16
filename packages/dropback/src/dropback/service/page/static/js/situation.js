// Words about a play: who against whom, when, and from which set it is.

import { el } from "./dom.js";
import * as format from "./format.js";

export const situationText = (item) => [
  format.quarter(item.quarter), format.clock(item.game_clock_s),
  format.downAndDistance(item.down, item.yards_to_go, item.yards_to_go !== null && item.yards_to_go >= item.yards_to_goal),
].filter(Boolean).join(" · ");

export const matchText = (item) =>
  item.offense && item.defense ? `${item.offense} vs. ${item.defense}` : item.game === null ? "Live feed" : `Game ${item.game}`;

/** A note on plays that are a selection, shown with each of them. */
export function selectionNote(text) {
  return text ? el("p", { class: "selection" }, el("b", {}, noteTitle(text)), ` ${text[0].toUpperCase()}${text.slice(1)}.`) : null;
}

const noteTitle = (text) => (text.includes("highlight reel") ? "Highlight reel." : "A selection.");
