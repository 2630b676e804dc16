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
  choice.addEventListener("change", show);
  search.addEventListener("input", show);
  show();

  const passer = document.getElementById("passer");
  if (!passer) return;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const picture = document.getElementById("chart");
  const draw = () => {
    const [svg, words] = charts[passer.value];
    picture.src = "data:image/svg+xml," + encodeURIComponent(svg);
    picture.alt = words;
  };
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
