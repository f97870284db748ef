// Tables that sort by a click on a head, numbers as numbers, and show a page at a time where they are long.
const PAGE_LINES = 100;

function tablesPart() {
  for (const table of document.querySelectorAll("table.sortable")) sortable(table);
}

function sortable(table) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  let rows = [...body.rows], page = 0;
  const told = element("span", { "aria-live": "polite" });
  const step = (by) => () => { page = Math.min(Math.max(0, page + by), pages() - 1); show(); };
  const pager = element("div", { class: "pager" }, element("button", { type: "button", onclick: step(-1) }, "Previous"), told, element("button", { type: "button", onclick: step(1) }, "Next"));
  const pages = () => Math.ceil(rows.length / PAGE_LINES);
  function show() {
    body.replaceChildren(...rows.slice(page * PAGE_LINES, (page + 1) * PAGE_LINES));
    told.textContent = "lines " + (page * PAGE_LINES + 1) + " to " + Math.min(rows.length, (page + 1) * PAGE_LINES) + " of " + rows.length;
  }
  const key = (row, i) => {
    const cell = row.cells[i];
    if (cell.dataset.n !== undefined) return Number(cell.dataset.n);
    return cell.textContent;
  };
  // Numbers before text, empty cells last either way.
  function order(a, b, i, sign) {
    const [x, y] = [key(a, i), key(b, i)];
    if ((x === "") !== (y === "")) return x === "" ? 1 : -1;
    if (typeof x !== typeof y) return typeof x === "number" ? -sign : sign;
    return sign * (typeof x === "number" ? x - y : x.localeCompare(y, undefined, { numeric: true }));
  }
  heads.forEach((head, i) => head.querySelector("button").addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    rows = [...rows].sort((a, b) => order(a, b, i, sign));
    page = 0;
    show();
  }));
  if (rows.length > PAGE_LINES) {
    table.parentElement.after(pager);
    show();
  }
}
