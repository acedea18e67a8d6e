// Sorts and filters the tables of a page. Without this script every page can be read as it is.
"use strict";

const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });

function keyOf(row, column) {
  const cell = row.cells[column];
  const told = cell?.dataset.sort; // what the cell means, where its text does not sort
  const text = told ?? cell?.textContent.trim() ?? "";
  return { row, text, told: told !== undefined, number: text === "" ? NaN : Number(text) };
}

function compare(a, b) {
  if (!Number.isNaN(a.number) && !Number.isNaN(b.number)) return a.number - b.number;
  if (a.told && b.told) return a.text < b.text ? -1 : Number(a.text > b.text);
  return collator.compare(a.text, b.text);
}

function sort(table, head, column) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const keys = Array.from(body.rows, (row) => keyOf(row, column));
  keys.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
  body.append(...keys.map((key) => key.row));
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head, column));
    head.append(button);
  });
}

function makeFilter(filter) {
  const [input, select, output] = ["input", "select", "output"].map((name) => filter.querySelector(name));
  const rows = [...document.getElementById(filter.dataset.filter).tBodies[0].rows];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      const fits = words.every((word) => texts[place].includes(word)) && (!select || !select.value || row.dataset.state === select.value);
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    output.textContent = filter.dataset.shown.replace("{shown}", shown).replace("{all}", rows.length);
  };
  input.addEventListener("input", apply);
  select?.addEventListener("change", apply);
  filter.hidden = false;
  apply();
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("[data-filter]").forEach(makeFilter);
