"use strict";
(() => {
  const table = document.getElementById("board");
  const choice = document.getElementById("season");
  const search = document.getElementById("search");
  const count = document.getElementById("count");
  const heads = [...table.querySelectorAll("thead th")];
  const bodies = [...table.tBodies];
  let column = 0;
  let ascending = true;

  const visible = () => bodies.find((body) => body.dataset.board === choice.value);
  const value = (row) => {
    const text = row.cells[column].dataset.v;
    const number = parseFloat(text);
    return heads[column].dataset.kind === "text" ? text : Number.isNaN(number) ? null : number;
  };
  const compare = (first, second) => {
    const [a, b] = [value(first), value(second)];
    if (a === null || b === null) return (a === null) - (b === null); // unknown comes last
    const order = typeof a === "string" ? a.localeCompare(b) : a - b;
    return ascending ? order : -order;
  };
  const pictures = JSON.parse(document.getElementById("tier-pictures").textContent);
  const figure = document.getElementById("tiers");
  // The tiers of the chosen season: gzipped SVG, which the browser unpacks.
  const unpack = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const drawTiers = async () => {
    const label = choice.value;
    const [packed, words] = pictures[label] ?? [];
    figure.hidden = !packed || !("DecompressionStream" in window);
    if (figure.hidden) return;
    const text = await unpack(packed);
    if (choice.value !== label) return; // another season was chosen meanwhile
    const image = figure.querySelector("img");
    image.src = "data:image/svg+xml," + encodeURIComponent(text);
    image.alt = words;
  };
  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const body of bodies) body.hidden = body !== visible();
    const rows = [...visible().rows].sort(compare);
    for (const row of rows) {
      row.hidden = !row.dataset.search.includes(wanted);
      if (!row.hidden) shown += 1;
    }
    visible().append(...rows);
    count.textContent = shown === 1 ? "1 row" : `${shown} rows`;
    heads.forEach((head, place) => {
      if (place === column) head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  };
  heads.forEach((head, place) => {
    head.querySelector("button").addEventListener("click", () => {
      // Ranks and names start from the first, numbers from the greatest.
      ascending = place === column ? !ascending : head.dataset.first === "up";
      column = place;
      show();
    });
  });
  choice.addEventListener("change", () => {
    show();
    drawTiers();
  });
  search.addEventListener("input", show);
  const year = document.getElementById("qb-season");
  const showYear = () => {
    for (const part of document.getElementById("qb-score").children)
      part.hidden = part.dataset.season !== year.value;
  };
  year?.addEventListener("change", showYear);
  show();
  drawTiers();

  const passer = document.getElementById("passer");
  if (!passer) return;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const picture = document.getElementById("chart");
  const draw = () => {
    const [svg, words] = charts[passer.value];
    picture.src = "data:image/svg+xml," + encodeURIComponent(svg);
    picture.alt = words;
    listSeasons();
  };
  const logs = JSON.parse(document.getElementById("logs")?.textContent ?? "{}");
  const season = document.getElementById("log-season");
  const cell = (row, text, under, kind) => {
    const made = row.insertCell();
    made.textContent = text ?? "";
    if (kind) made.className = kind;
    if (!under) return;
    const small = document.createElement("small");
    small.textContent = under;
    made.append(small);
  };
  // A game: season, week, team, opponent, venue, result, plays, score, low, high, display.
  const listGames = () => {
    const body = document.getElementById("log").tBodies[0];
    body.replaceChildren();
    for (const game of logs[passer.value] ?? []) {
      if (String(game[0]) !== season.value) continue;
      const row = body.insertRow();
      cell(row, game[1]);
      cell(row, (game[4] === "away" ? "at " : "") + game[3], "", "text");
      cell(row, game[5], "", "text");
      cell(row, game[6]);
      cell(row, game[7].toFixed(3), game[8] === null ? "unknown" : `${game[8].toFixed(2)}-${game[9].toFixed(2)}`);
      cell(row, game[10]);
    }
  };
  const listSeasons = () => {
    if (!season) return;
    const years = [...new Set((logs[passer.value] ?? []).map((game) => game[0]))].reverse();
    const former = season.value;
    season.replaceChildren(...years.map((year) => new Option(year, year)));
    // The season that was looked at stays, if this passer has it.
    const kept = [former, choice.value].find((year) => years.map(String).includes(year));
    if (kept) season.value = kept;
    listGames();
  };
  season?.addEventListener("change", listGames);
  passer.addEventListener("change", draw);
  table.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-passer]");
    if (!link || !(link.dataset.passer in charts)) return;
    passer.value = link.dataset.passer;
    draw();
  });
  passer.value = visible().querySelector("a[data-passer]")?.dataset.passer ?? passer.value;
  draw();
})();
