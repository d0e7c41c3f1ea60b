// Filters, the panel of one result, and the address, which holds both: a link shows others the same.

const panel = document.getElementById("detail");
const form = document.querySelector("form.filters");
const field = document.getElementById("text");
const chips = Array.from(form.querySelectorAll(".chip"));
const heads = Array.from(document.querySelectorAll(".matrix thead th[data-kernel]"));
const rows = Array.from(document.querySelectorAll(".matrix tr[data-scenario]")).map((row) => ({
  row,
  cells: Array.from(row.querySelectorAll("td:not(.why)")).map((td) => {
    const button = td.querySelector(".cell");
    return { td, button, result: button && run.results[button.dataset.result] };
  }),
  words: searchable(row.dataset.scenario),
}));
const all = rows.flatMap(({ cells }) => cells.filter(({ button }) => button));
let opened = null;

function searchable(scenario) {
  const covers = run.results.find((result) => result.scenario === scenario).covers;
  return [scenario, run.scenarios[scenario]?.about ?? "", ...covers.map((id) => `${id}; ${properties[id] ?? ""}`)].join("\n").toLowerCase();
}

const key = ({ scenario, kernel, runtime }) => [scenario, kernel, runtime].join("@");

/** What the address says. */
function state() {
  const said = new URLSearchParams(location.hash.slice(1));
  return { statuses: said.getAll("status"), kernels: said.getAll("kernel"), text: said.get("text") ?? "", open: said.get("open") };
}

/** Makes the address say it, and the page show it; `step` leaves a way back to what was shown before. */
function go({ statuses, kernels, text, open }, step) {
  const said = new URLSearchParams();
  statuses.forEach((status) => said.append("status", status));
  kernels.forEach((kernel) => said.append("kernel", kernel));
  if (text) said.set("text", text);
  if (open) said.set("open", open);
  const address = location.href.split("#")[0] + (said.size > 0 ? "#" + said : "");
  history[step ? "pushState" : "replaceState"](null, "", address);
  show();
}

function show() {
  const now = state();
  for (const chip of chips) {
    const { status, kernel } = chip.dataset;
    chip.setAttribute("aria-pressed", String(status ? now.statuses.includes(status) : now.kernels.includes(kernel)));
  }
  if (field.value !== now.text) field.value = now.text;
  filter(now);
  open(all.find(({ result }) => key(result) === now.open) ?? null);
}

/** A word that begins with P and a number is a property and meant as a whole: P1 is not P11. */
function matcher(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => words.every((word) => row.includes(/^p\d+$/.test(word) ? word + ";" : word));
}

function filter({ statuses, kernels, text }) {
  const matches = matcher(text);
  const isShown = heads.map((head) => kernels.length === 0 || kernels.includes(head.dataset.kernel));
  heads.forEach((head, column) => (head.hidden = !isShown[column]));
  let scenarios = 0;
  let results = 0;
  for (const { row, cells, words } of rows) {
    let fitting = 0;
    cells.forEach(({ td, button, result }, column) => {
      const fits = Boolean(result) && isShown[column] && (statuses.length === 0 || statuses.includes(result.status));
      td.hidden = !isShown[column];
      button?.classList.toggle("dim", !fits);
      fitting += fits ? 1 : 0;
    });
    row.hidden = fitting === 0 || !matches(words);
    scenarios += row.hidden ? 0 : 1;
    results += row.hidden ? 0 : fitting;
  }
  for (const body of document.querySelectorAll(".matrix tbody")) {
    body.hidden = !body.querySelector("tr[data-scenario]:not([hidden])");
  }
  const isFiltered = statuses.length + kernels.length > 0 || text !== "";
  form.querySelector(".clear").hidden = !isFiltered;
  document.getElementById("nothing").hidden = results > 0;
  document.getElementById("shown").textContent = isFiltered
    ? `${results} of ${run.results.length} results, ${scenarios} of ${rows.length} scenarios`
    : `${run.results.length} results, ${rows.length} scenarios`;
}

/** Opens a cell's result in the panel, or closes the panel. */
function open(cell) {
  if (cell === opened) return;
  const before = opened;
  opened = cell;
  before?.button.removeAttribute("aria-current");
  document.body.classList.toggle("opened", cell !== null);
  panel.hidden = cell === null;
  if (cell === null) {
    panel.replaceChildren();
    before.button.focus();
    return;
  }
  cell.button.setAttribute("aria-current", "true");
  rove(cell.button);
  panel.replaceChildren(title(cell.result), el("div", { class: "content" }, detail(cell.result)));
  panel.scrollTop = 0;
  panel.focus({ preventScroll: true });
  cell.button.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function title(result) {
  const button = (name, label, words) => el("button", { type: "button", class: name, "aria-label": words, title: words }, label);
  return el("header", {}, tile(result.status), el("h2", {}, el("span", { class: "word " + result.status }, result.status), " ", result.scenario),
    button("previous", "↑", "The one before that did not pass"), button("next", "↓", "The next one that did not pass"), button("close", "✕", "Close (Escape)"));
}

/** Whether it is to be looked at: it did not pass, and no filter hides it. */
const isShownNews = ({ td, result, button }) => isNews(result) && !td.hidden && !td.parentNode.hidden && !button.classList.contains("dim");

/** The next shown result in that direction that is bad. */
function neighbour(direction) {
  const bad = all.filter((cell) => isShownNews(cell) || cell === opened);
  return bad[bad.findIndex((cell) => cell === opened) + direction];
}

const close = () => go({ ...state(), open: null });
const openStep = (cell) => cell && go({ ...state(), open: key(cell.result) }, opened === null);

/** Of all cells one can be reached with Tab; the arrows lead from there. */
function rove(button) {
  all.forEach((cell) => (cell.button.tabIndex = -1));
  button.tabIndex = 0;
}

function arrow(event) {
  const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  const shown = rows.filter(({ row }) => !row.hidden);
  let y = shown.findIndex(({ cells }) => cells.some(({ button }) => button === event.target));
  if (!way || y < 0) return;
  event.preventDefault();
  let x = shown[y].cells.findIndex(({ button }) => button === event.target);
  let next;
  do {
    [y, x] = [y + way[0], x + way[1]];
    next = shown[y]?.cells[x];
  } while (next && (next.td.hidden || !next.button));
  if (!next) return;
  rove(next.button);
  next.button.focus();
}

const toggled = (list, one) => (list.includes(one) ? list.filter((other) => other !== one) : [...list, one]);

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  const now = state();
  const { status, kernel, property, result, line } = button.dataset;
  if (button.matches(".cell")) openStep(all.find((cell) => cell.button === button && cell.result === run.results[result]));
  else if (button.matches(".chip") && status) go({ ...now, statuses: toggled(now.statuses, status) });
  else if (button.matches(".chip")) go({ ...now, kernels: toggled(now.kernels, kernel) });
  else if (button.matches(".square")) go({ ...now, text: now.text === property ? "" : property });
  else if (button.matches(".close")) close();
  else if (button.matches(".previous")) openStep(neighbour(-1));
  else if (button.matches(".next")) openStep(neighbour(1));
  else if (button.matches(".line")) panel.querySelector(`.listing li[data-line="${line}"]`)?.scrollIntoView({ block: "center" });
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened) close();
  else if (event.key === "/" && event.target !== field) {
    event.preventDefault();
    field.focus();
  } else if (event.target.matches?.(".cell")) arrow(event);
});

field.addEventListener("input", () => go({ ...state(), text: field.value.trim() === "" ? "" : field.value }));
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", (event) => {
  event.preventDefault();
  go({ statuses: [], kernels: [], text: "", open: state().open });
});
window.addEventListener("popstate", show);
window.addEventListener("hashchange", show);

// On paper nothing can be opened: what did not pass is printed after the matrix.
const paper = document.getElementById("paper");
const PRINTED = 100;
window.addEventListener("beforeprint", () => {
  const bad = all.filter(isShownNews);
  const articles = bad.slice(0, PRINTED).map(({ result }) => el("article", {}, el("h2", {}, `${result.status}: ${result.scenario}`), detail(result)));
  const more = bad.length > PRINTED && el("p", {}, `${bad.length - PRINTED} more did not pass: filter the page, and print it again.`);
  paper.replaceChildren(...articles, ...(more ? [more] : []));
});
window.addEventListener("afterprint", () => paper.replaceChildren());

if (all.length > 0) rove(all[0].button);
document.documentElement.classList.add("live");
show();
