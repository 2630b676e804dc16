// Names and colors of the teams, from the service.

import { get } from "./api.js";
import { el } from "./dom.js";

const teams = new Map();
let passers = {};
let loading = null;

/** Teams are known once this is done; without them everything is shown in neutral colors. */
export function loadTeams() {
  loading = loading ?? get("/v1/teams").then((answer) => {
    for (const team of answer.teams) teams.set(team.code, team);
    passers = answer.passers;
  }).catch(() => { loading = null; });
  return loading;
}

export const teamName = (code) => teams.get(code)?.name ?? code ?? "";

/** The team for which a passer threw most in a season; in the newest one where none is named. */
export function teamOf(passer, season) {
  if (season !== null && season !== undefined) return passers[season]?.[passer] ?? null;
  const newest = Object.keys(passers).sort().reverse().find((year) => passers[year][passer]);
  return newest ? passers[newest][passer] : null;
}

/** Give an element a team's colors: `--team` with `--ink` on it, and `--tone` to draw with. */
export function paint(element, code) {
  const team = teams.get(code);
  element.classList.add("toned");
  element.classList.toggle("colored", Boolean(team));
  if (!team) return element;
  const { style } = element;
  style.setProperty("--team", team.primary);
  style.setProperty("--second", team.secondary);
  style.setProperty("--ink", team.ink);
  style.setProperty("--tone-light", team.light);
  style.setProperty("--tone-dark", team.dark);
  return element;
}

/** A team's code in its colors. */
export function chip(code) {
  if (!code) return null;
  const name = teamName(code);
  return paint(el("span", { class: "team", title: name === code ? null : name }, code), code);
}
