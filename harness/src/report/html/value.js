"use strict";

// Values as a scenario file writes them, with marks where they are not as they should be.
// Everything becomes text nodes: nothing of a report is ever read as markup.

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  const shown = children.flat(Infinity).filter((child) => child != null && child !== false);
  node.append(...shown.map((child) => (typeof child === "string" ? visible(child) : child)));
  return node;
}

/** A text whose control characters are seen, as the signs that Unicode has for them. */
const visible = (text) => text.replace(/[\0-\x08\x0b-\x1f\x7f]/g, (c) => (c === "\x7f" ? "\u2421" : String.fromCharCode(0x2400 + c.charCodeAt(0))));

const isTable = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function same(a, b) {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (!isTable(a) || !isTable(b)) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

/** What is at a path of keys; undefined if the path leads nowhere. */
function lookup(value, path) {
  return path.reduce((at, key) => (at !== null && typeof at === "object" && Object.hasOwn(at, key) ? at[key] : undefined), value);
}

const quoted = (key) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key));
const pointer = (path) => path.map((key) => "/" + String(key).replaceAll("~", "~0").replaceAll("/", "~1")).join("");

/**
 * The value as nodes. `mark(value, path)` says of each part: false (look inside), true (mark it), or the nodes to show for it.
 */
function write(value, mark = () => false, path = [], indent = "") {
  const marked = mark(value, path);
  if (Array.isArray(marked)) return marked;
  if (marked) return [el("mark", {}, write(value, undefined, path, indent))];
  if (value === null || typeof value !== "object") return [JSON.stringify(value)];
  const inner = indent + "  ";
  const items = Array.isArray(value)
    ? value.map((item, i) => write(item, mark, [...path, i], inner))
    : Object.entries(value).map(([key, item]) => writeEntry(key, item, mark, [...path, key], inner));
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (items.length === 0) return [open + close];
  if (JSON.stringify(value).length <= 60) {
    const space = Array.isArray(value) ? "" : " ";
    return [open + space, items.map((item, i) => [i ? ", " : "", item]), space + close].flat(Infinity);
  }
  return [open, items.map((item) => ["\n" + inner, item, ","]), "\n" + indent + close].flat(Infinity);
}

/** `key = value`; a value that is marked takes its key with it. */
function writeEntry(key, value, mark, path, indent) {
  const name = quoted(key) + " = ";
  return mark(value, path) === true
    ? [el("mark", {}, name, write(value, undefined, path, indent))]
    : [name, write(value, mark, path, indent)];
}

/** Marks what is not so in `other`. */
const differing = (other) => (value, path) => {
  const there = lookup(other, path);
  if (same(value, there)) return false;
  const list = path.length > 0 ? lookup(other, path.slice(0, -1)) : undefined;
  if (Array.isArray(list) && list.some((item) => same(item, value))) return false;
  if ((isTable(value) && isTable(there)) || (Array.isArray(value) && Array.isArray(there))) return false;
  return typeof value === "string" && typeof there === "string" ? differingText(value, there) : true;
};

/** The text with its middle marked, between what both begin with and what both end with. */
function differingText(text, other) {
  const [ours, theirs] = [Array.from(text), Array.from(other)];
  const shorter = Math.min(ours.length, theirs.length);
  let head = 0;
  while (head < shorter && ours[head] === theirs[head]) head++;
  let tail = 0;
  while (tail < shorter - head && ours[ours.length - 1 - tail] === theirs[theirs.length - 1 - tail]) tail++;
  const inside = (part) => JSON.stringify(part.join("")).slice(1, -1);
  const end = ours.length - tail;
  return ['"' + inside(ours.slice(0, head)), el("mark", {}, inside(ours.slice(head, end))), inside(ours.slice(end)) + '"'];
}

/** Whether a value is that one: a table may have more keys than are asked for. */
const isThat = (value, that) =>
  same(value, that) || (isTable(value) && isTable(that) && Object.keys(that).every((key) => Object.hasOwn(value, key) && same(value[key], that[key])));

/** Marks what is one of these: a value, an element, a key. */
const among = (unwanted) => (value, path) =>
  unwanted.some((one) => isThat(value, one) || (path.length > 0 && one === path[path.length - 1]));

/** Whether a list, table or text contains it. */
function contains(whole, part) {
  if (Array.isArray(whole)) return whole.some((item) => isThat(item, part));
  if (isTable(whole)) return typeof part === "string" && Object.hasOwn(whole, part);
  return typeof whole === "string" && typeof part === "string" && whole.includes(part);
}

/** Both sides of a mismatch as nodes: what was expected, what was observed. */
function compare(expected, observed) {
  if (observed === undefined || observed === null) return [write(expected, () => true), [el("em", {}, "nothing")]];
  const literal = isTable(expected) && Object.keys(expected).length === 1 && "is" in expected ? expected.is : expected;
  if (!isTable(literal) || literal !== expected) {
    return [write(literal, differing(observed)), write(observed, differing(literal))];
  }
  const unwanted = expected.not ?? expected.lacks;
  if (unwanted !== undefined) return [write(expected), write(observed, among([unwanted].flat()))];
  if (expected.contains !== undefined) {
    const missing = (value, path) => path.length === (Array.isArray(expected.contains) ? 2 : 1) && !contains(observed, value);
    return [write(expected, missing), write(observed)];
  }
  return [write(expected), write(observed, () => true)];
}
