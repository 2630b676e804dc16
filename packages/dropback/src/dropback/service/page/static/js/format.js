// Numbers as a reader expects them; nothing is computed.

const MINUS = "\u2212";

export const NONE = "–";

function fixed(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** A mean score or a play's score, as .512. */
export function score(value) {
  if (value === null || value === undefined) return NONE;
  const text = fixed(value, 3);
  return text.replace(/^(\u2212?)0\./, "$1.");
}

export function percent(value) {
  if (value === null || value === undefined) return NONE;
  const shown = value * 100;
  if (shown > 0 && shown < 0.1) return "<0.1%";
  // What is not sure is not said to be: 99.6%, not 100%.
  if (shown < 100 && shown > 99.9) return ">99.9%";
  return `${shown.toFixed(shown < 9.95 || (shown >= 99.5 && shown < 100) ? 1 : 0)}%`;
}

export function decimal(value, digits = 1) {
  return value === null || value === undefined ? NONE : fixed(value, digits);
}

/** With its sign: +0.42. */
export function signed(value, digits = 2) {
  if (value === null || value === undefined) return NONE;
  return `${value > 0 ? "+" : ""}${fixed(value, digits)}`;
}

/** From a low to a high end. */
export function range(low, high, text = score) {
  return low === null || low === undefined ? NONE : `${text(low)} to ${text(high)}`;
}

export function yards(value, digits = 0) {
  if (value === null || value === undefined) return NONE;
  return `${fixed(value, digits)} yd`;
}

export function count(value) {
  return value === null || value === undefined ? NONE : value.toLocaleString("en-US");
}

const DOWNS = ["Try", "1st", "2nd", "3rd", "4th"];

/** Down and distance, as 3rd & 7; "goal" where the service's line to gain is the goal line. */
export function downAndDistance(down, toGo, goal = false) {
  if (down === null || down === undefined) return "";
  if (down === 0) return DOWNS[0];
  return `${DOWNS[down]} & ${goal ? "goal" : toGo ?? "?"}`;
}

export function quarter(value) {
  if (value === null || value === undefined) return "";
  return value > 4 ? "OT" : `Q${value}`;
}

export function clock(seconds) {
  if (seconds === null || seconds === undefined) return "";
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const ENDINGS = { 1: "st", 2: "nd", 3: "rd" };

/** 1st, 2nd, 11th. */
export function ordinal(value) {
  const rest = value % 100;
  return `${value}${(rest > 10 && rest < 14 ? null : ENDINGS[value % 10]) ?? "th"}`;
}
