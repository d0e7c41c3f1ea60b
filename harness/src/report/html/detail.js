// One result, from the report: made when it is opened.

const { run, properties } = JSON.parse(document.getElementById("report").textContent);
const isBad = (status) => status !== "pass" && status !== "skip";
/** Whether somebody has to look at it: what a baseline expects is no news, and that it came out better is. */
const isNews = ({ status, baseline }) => (status === "pass" ? baseline?.status === "fail" : isBad(status) && baseline?.status !== status);
const letter = (status) => status[0].toUpperCase();
const tile = (status) => el("i", { class: "tile " + status, "aria-hidden": "true" }, letter(status));
const milliseconds = (ms) => (ms == null ? null : (ms < 10 ? ms.toFixed(1) : Math.round(ms)) + " ms");

/** As one word of a shell. */
const shellWord = (text) => (/^[\w\/.,:=+@%-]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\\''") + "'");

/** Everything that is known of a result. */
function detail(result) {
  const source = run.scenarios[result.scenario];
  const kernel = run.kernels.find((kernel) => kernel.name === result.kernel);
  return [
    el("p", { class: "about" }, source?.about ?? ""),
    el("p", { class: "where" }, [result.kernel, kernel?.release, result.runtime, milliseconds(result.duration_ms)].filter(Boolean).join(" · ")),
    result.reason && el("p", { class: "reason " + result.status }, result.reason),
    result.baseline && baseline(result),
    result.again && again(result),
    result.repro && el("p", { class: "where" }, "Run it again: ", el("code", {}, "cargo xtask repro " + shellWord(result.repro))),
    result.covers.length > 0 && el("ul", { class: "covers" }, result.covers.map((id) => el("li", {}, el("b", {}, id), " ", properties[id] ?? ""))),
    section("Steps", el("ol", { class: "steps" }, result.steps.map((one) => step(one)))),
    lines("Kernel log", result.kernel_log),
    result.taint > 0 && section("Taint", el("p", {}, "The kernel's taint mask gained 0x" + result.taint.toString(16) + ".")),
    lines("Left behind", result.left_behind),
    lines("Console", result.console),
    drawing(result.scenario),
    source && section("Source", listing(source, result.steps)),
  ].filter(Boolean);
}

const section = (title, ...content) => el("section", {}, el("h3", {}, title), ...content);
const lines = (title, list) => list.length > 0 && section(title, el("pre", { class: "log" }, list.join("\n")));

function baseline({ baseline, status }) {
  const words = baseline.status === status ? "As the baseline expects: " : `The baseline expects ${baseline.status}: `;
  return el("p", { class: "again" + (baseline.status === status ? "" : " disagrees") }, words, baseline.reason, " (", el("code", {}, baseline.place), ")");
}

function again({ again, status }) {
  const agrees = again.status === status;
  const when = again.accel ? "run before, on KVM" : "run once more, in a cold boot";
  const text = ` – ${when}: ` + (agrees ? "the same. " : "not the same. ");
  return el("p", { class: "again" + (agrees ? "" : " disagrees") }, tile(again.status), " ", el("b", {}, again.status), text, again.reason ?? "");
}

function step(step) {
  const who = step.in + (step.exec ? ", via exec" : "");
  const summary = el("summary", {}, tile(step.status), el("span", { class: "name" }, step.name),
    el("span", { class: "what" }, el("b", {}, who), " ", el("code", {}, step.do)),
    el("span", { class: "ms" }, milliseconds(step.ms) ?? "not carried out"));
  return el("li", { class: "step " + step.status, "data-line": step.line },
    el("details", { open: isBad(step.status) }, summary, stepBody(step)));
}

function stepBody(step) {
  const pointers = step.mismatches.map((mismatch) => mismatch.at);
  const whole = pointers.length !== 1 || pointers[0] !== "";
  const observed = step.observed == null ? [el("em", {}, "nothing")]
    : write(step.observed, (_, path) => pointers.includes(pointer(path)) && path.length > 0);
  return el("div", { class: "body" },
    step.mismatches.map((mismatch) => pair(mismatch.at, ...compare(mismatch.expected, mismatch.observed))),
    step.mismatches.length === 0 && side("expected", "", step.expected == null ? [el("em", {}, "to succeed")] : write(step.expected)),
    whole && side(step.mismatches.length > 0 ? "observed as a whole" : "observed", "", observed),
    el("button", { type: "button", class: "line", "data-line": step.line }, "line " + step.line));
}

const pair = (at, expected, observed) =>
  el("div", { class: "pair" }, side("expected", at, expected, "good"), side("observed", at, observed, "bad"));

const side = (title, at, nodes, kind = "") =>
  el("div", { class: "side " + kind }, el("h4", {}, title, at && el("span", {}, " at ", el("code", {}, at))), el("pre", {}, nodes));

function drawing(scenario) {
  const template = Array.from(document.querySelectorAll("template[data-drawing]")).find((one) => one.dataset.drawing === scenario);
  return template && section("Containers", el("figure", { tabindex: "0" }, template.content.cloneNode(true)));
}

/** The scenario's text, with the lines of its steps marked by how they ended. */
function listing(source, steps) {
  const ended = new Map(steps.map((step) => [step.line, step]));
  const rows = source.text.trimEnd().split("\n").map((text, index) => {
    const step = ended.get(index + 1);
    const name = step ? "line " + step.status : "line";
    return el("li", { class: name, "data-line": index + 1, title: step && step.status + ": " + step.name }, el("code", {}, coloured(text)), "\n");
  });
  return [el("p", { class: "file" }, source.file), el("ol", { class: "listing" }, rows)];
}

/** One line of TOML: comments, tables, keys and texts told apart. */
function coloured(text) {
  const kinds = [["comment", /^#.*/], ["table", /^\[+[^\]"]*\]+(?=\s*(#|$))/], ["key", /^[A-Za-z0-9_.-]+(?=\s*=)/], ["text", /^"(?:[^"\\]|\\.)*"|^'[^']*'/], [null, /^[A-Za-z0-9_.-]+|^\s+|^./u]];
  const nodes = [];
  while (text !== "") {
    const [kind, found] = kinds.map(([kind, pattern]) => [kind, pattern.exec(text)?.[0]]).find(([, found]) => found);
    nodes.push(kind ? el("span", { class: kind }, found) : found);
    text = text.slice(found.length);
  }
  return nodes;
}
