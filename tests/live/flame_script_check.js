/* Runs the script of a flame graph over as much of a document as it asks for, and uses it as a person would: zooms,
 * searches, flips, resets.
 *
 *     node tests/live/flame_script_check.js GRAPH.svg */
"use strict";
const assert = require("assert");
const fs = require("fs");
const vm = require("vm");

class Element {
  constructor(name) {
    Object.assign(this, { name, attributes: {}, children: [], text: "", listeners: {}, style: {}, focused: false });
  }
  getAttribute(name) { return name in this.attributes ? this.attributes[name] : null; }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  appendChild(child) { this.children.push(child); return child; }
  addEventListener(type, action) { this.listeners[type] = action; }
  focus() { this.focused = true; }
  *all() { for (const child of this.children) { yield child; yield* child.all(); } }
  getElementsByTagName(name) { return [...this.all()].filter((e) => e.name === name); }
  get textContent() { return this.text + this.children.map((c) => c.textContent).join(""); }
  set textContent(value) { this.text = value; this.children = []; }
  act(type, event) { this.listeners[type](Object.assign({ preventDefault() {}, target: this }, event)); }
}

const ENTITIES = { lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'" };
const decode = (text) => text.replace(/&([^;]+);/g, (_, name) => ENTITIES[name]);

function parse(source) {
  let script = "";
  const body = source.replace(/<!\[CDATA\[([^]*?)\]\]>/, (_, inside) => { script = inside; return ""; });
  const root = new Element("#document"), open = [root];
  for (const [, closing, name, attributes, empty, text] of body.matchAll(/<(\/?)([\w?]+)([^>]*?)(\/?)>([^<]*)/g)) {
    if (name.startsWith("?")) continue;
    if (closing) {
      assert.equal(open.pop().name, name);
    } else {
      const element = open[open.length - 1].appendChild(new Element(name));
      for (const [, key, value] of attributes.matchAll(/([\w-]+)="([^"]*)"/g)) element.attributes[key] = decode(value);
      if (!empty) open.push(element);
      if (!empty) element.text = decode(text);
    }
  }
  assert.equal(open.length, 1);
  return { svg: root.children[0], script };
}

const { svg, script } = parse(fs.readFileSync(process.argv[2], "utf8"));
const keys = {};
const document = {
  documentElement: svg,
  getElementById: (id) => [...svg.all()].find((e) => e.attributes.id === id),
  createElementNS: (_, name) => new Element(name),
  addEventListener: (type, action) => { keys[type] = action; },
};
const groups = document.getElementById("frames").children.slice();
const rectOf = (group) => group.getElementsByTagName("rect")[0];
const place = (group) => ["x", "y", "width"].map((name) => parseFloat(rectOf(group).attributes[name]));
const titleOf = (group) => group.getElementsByTagName("title")[0].textContent;
const drawn = groups.map(place);
const inner = drawn[0][2], left = drawn[0][0];

vm.runInNewContext(script, { document, Math, parseFloat }, { timeout: 10000 });
const [flip, reset] = svg.children.filter((e) => e.attributes.class === "button");
const input = [...svg.all()].find((e) => e.name === "input");
const details = document.getElementById("details");
const key = (name, more) => keys.keydown(Object.assign({ key: name, target: svg, preventDefault() {} }, more));
const same = (message) => groups.forEach((group, i) => {
  assert.notEqual(group.style.display, "none", message);
  place(group).forEach((value, k) => assert(Math.abs(value - drawn[i][k]) < 0.03, `${message}: ${titleOf(group)}`));
});
const labels = () => groups.forEach((group) => {
  const text = group.getElementsByTagName("text")[0];
  if (text && group.style.display !== "none")
    assert([...text.textContent].length * 7.3 <= place(group)[2] + 0.1, `${titleOf(group)}: ${text.textContent}`);
});

/* As it was drawn, with controls, none of which was there before. */
same("at first");
labels();
assert(input && flip.textContent === "flip" && reset.textContent === "reset" && reset.style.display === "none");

/* The narrowest frame that has one above it, and one beside it that does not hold it. */
const inside = (a, b) => a[0] >= b[0] - 0.02 && a[0] + a[2] <= b[0] + b[2] + 0.02;
const deep = drawn.reduce((best, at, i) => (at[2] > 0.05 && at[2] < drawn[best][2] ? i : best), 0);
assert(drawn[deep][2] < inner);
groups[deep].act("click");
assert.deepEqual(place(groups[deep]).filter((_, i) => i !== 1), [left, inner], "what is zoomed is as wide as the graph");
groups.forEach((group, i) => {
  const hidden = group.style.display === "none";
  if (!inside(drawn[i], drawn[deep]) && !inside(drawn[deep], drawn[i])) assert(hidden, `${titleOf(group)} is shown`);
  if (!hidden) assert(place(group)[0] >= left - 0.01 && place(group)[0] + place(group)[2] <= left + inner + 0.02);
});
labels();
groups[deep].act("mouseover");
assert(details.textContent.startsWith(titleOf(groups[deep]).split("\n")[0]), details.textContent);
assert.notEqual(reset.style.display, "none");
reset.act("click");
same("after reset");

/* Searching marks frames, and counts those within others once. */
key("/");
assert(input.focused);
const wanted = titleOf(groups[deep]).split("\n")[0].toLowerCase();
input.value = wanted;
input.act("input");
const hits = groups.filter((group) => titleOf(group).split("\n")[0].toLowerCase().includes(wanted));
groups.forEach((group) => assert.equal(group.attributes.class, hits.includes(group) ? "hit" : "miss"));
const marks = new Uint8Array(12001);
hits.forEach((group) => {
  const [x, , width] = place(group);
  marks.fill(1, Math.round((x - left) * 10), Math.round((x - left + width) * 10));
});
const share = marks.reduce((a, b) => a + b) / (inner * 10);
const said = details.textContent.match(/^(\d+) frames match, (<?)([\d.]+)% of all$/);
assert(said && Number(said[1]) === hits.length, details.textContent);
assert(Math.abs(Number(said[3]) - 100 * share) < 0.5, `${details.textContent}, not ${100 * share}%`);
input.value = "no function is called so";
input.act("input");
assert.equal(details.textContent, "0 frames match, 0.0% of all");
key("Escape");
same("after Escape");
groups.forEach((group) => assert.equal(group.attributes.class, ""));

/* Flipped, rows are mirrored; once more, as before. */
flip.act("click");
const rows = drawn.map((at) => at[1]), ends = Math.min(...rows) + Math.max(...rows);
groups.forEach((group, i) => assert(Math.abs(place(group)[1] - (ends - drawn[i][1])) < 0.01));
flip.act("click");
same("flipped twice");
console.log(`${groups.length} frames, ${hits.length} found`);
