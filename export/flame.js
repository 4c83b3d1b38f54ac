/* Zoom, search and details of heaptop's flame graphs. The picture is whole without it: all that this draws anew is
 * taken from the frames that are there, and nothing of it is ever run or parsed as markup. */
(function () {
  "use strict";
  var SVG = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml";
  var svg = document.documentElement;
  function number(name) { return parseFloat(svg.getAttribute("data-" + name)); }
  var width = number("width"), top = number("top"), row = number("row"), rows = number("rows");
  var margin = number("margin"), icicle = svg.getAttribute("data-icicle") === "1";
  var LETTER = 7.3, PADDING = 4, SMALLEST = 0.0001, LOWEST_LETTERS = 14;
  var inner = width - 2 * margin;
  var frames = [], zoomed = null, found = null;

  /* As heaptop shortens names: no import path, but the element before a major version. */
  function shortName(name) {
    var end = name.search(/[(\[< ]/), path = end < 0 ? name : name.slice(0, end);
    var at = path.lastIndexOf("/") + 1;
    if (at > 0 && /^v\d+\./.test(path.slice(at))) at = path.lastIndexOf("/", at - 2) + 1;
    return name.slice(at);
  }

  function read() {
    var groups = document.getElementById("frames").getElementsByTagName("g");
    for (var i = 0; i < groups.length; i++) {
      var group = groups[i], rect = group.getElementsByTagName("rect")[0];
      var title = group.getElementsByTagName("title")[0].textContent;
      var level = Math.round((parseFloat(rect.getAttribute("y")) - top) / row);
      frames.push({
        group: group, rect: rect, title: title, name: title.split("\n")[0],
        label: group.getElementsByTagName("text")[0] || null,
        start: (parseFloat(rect.getAttribute("x")) - margin) / inner,
        size: parseFloat(rect.getAttribute("width")) / inner,
        depth: icicle ? level : rows - 1 - level
      });
      listen(frames[i]);
    }
    zoomed = frames[0];
  }

  /* "tsdb.(*Head).getOrCreate", "(*Head).getOrCreate", "getOrCreate", or the beginning of the last. */
  function fit(name, room) {
    var is_run = name[0] === "\u2026", text = is_run ? name.split(":")[0] : shortName(name);
    for (var part = 0; part < 2 && text.length > room && !is_run; part++) {
      var dot = text[0] === "(" ? text.indexOf(").") + 1 : text.indexOf(".");
      if (dot <= 0) break;
      text = text.slice(dot + 1);
    }
    return text.length > room ? text.slice(0, room - 1) + "\u2026" : text;
  }

  function setLabel(frame, x, y, size) {
    var room = Math.floor((size - 2 * PADDING) / LETTER), text = "";
    if (room >= 3 && row >= LOWEST_LETTERS) text = fit(frame.name, room);
    if (!frame.label) {
      if (!text) return;
      frame.label = document.createElementNS(SVG, "text");
      frame.group.appendChild(frame.label);
    }
    frame.label.textContent = text;
    frame.label.setAttribute("x", x + PADDING);
    frame.label.setAttribute("y", y + row - 5);
  }

  function place(frame) {
    var from = zoomed.start, span = zoomed.size || 1, x = 0, size = 1;
    var above = frame.depth <= zoomed.depth && frame.start <= from + SMALLEST &&
                frame.start + frame.size >= from + span - SMALLEST;
    if (!above) {
      var inside = frame.depth > zoomed.depth && frame.start >= from - SMALLEST &&
                   frame.start + frame.size <= from + span + SMALLEST;
      x = (frame.start - from) / span;
      size = inside ? frame.size / span : 0;
    }
    frame.group.style.display = size > 0 ? "" : "none";
    frame.group.style.opacity = above && frame.depth < zoomed.depth ? "0.55" : "";
    if (size <= 0) return;
    var y = top + row * (icicle ? frame.depth : rows - 1 - frame.depth);
    frame.rect.setAttribute("x", (margin + x * inner).toFixed(2));
    frame.rect.setAttribute("width", (size * inner).toFixed(2));
    frame.rect.setAttribute("y", y);
    setLabel(frame, margin + x * inner, y, size * inner);
  }

  function layout() {
    for (var i = 0; i < frames.length; i++) place(frames[i]);
    buttons.reset.style.display = zoomed === frames[0] && !found ? "none" : "";
  }

  function percent(part) {
    var value = 100 * part;
    return (value > 0 && value < 0.1 ? "<0.1" : value.toFixed(1)) + "%";
  }

  function tell(text) { document.getElementById("details").textContent = text; }

  function describe(frame) {
    var text = frame.title.split("\n").join("  \u00b7  ");
    if (zoomed !== frames[0] && frame.depth >= zoomed.depth && zoomed.size > 0)
      text += "  \u00b7  " + percent(frame.size / zoomed.size) + " of what is zoomed";
    return text;
  }

  function zoom(frame) {
    zoomed = frame;
    layout();
  }

  /* Marks what matches, and says how much of the graph that is; a match within a match counts once. */
  function search(words) {
    var sum = 0, covered = [], wanted = words.toLowerCase();
    found = wanted ? words : null;
    for (var i = 0; i < frames.length; i++) {
      var frame = frames[i], hit = !!wanted && frame.name.toLowerCase().indexOf(wanted) >= 0;
      frame.group.setAttribute("class", !wanted ? "" : hit ? "hit" : "miss");
      if (hit) covered.push(frame);
    }
    covered.sort(function (a, b) { return a.start - b.start || b.size - a.size; });
    for (var k = 0, end = 0; k < covered.length; k++) {
      if (covered[k].start + covered[k].size <= end + SMALLEST * SMALLEST) continue;
      sum += covered[k].start + covered[k].size - Math.max(end, covered[k].start);
      end = covered[k].start + covered[k].size;
    }
    tell(wanted ? covered.length + " frames match, " + percent(sum) + " of all" : "");
    layout();
  }

  function flip() {
    icicle = !icicle;
    layout();
  }

  function reset() {
    zoomed = frames[0];
    input.value = "";
    search("");
  }

  function listen(frame) {
    frame.group.addEventListener("click", function () { zoom(frame); });
    frame.group.addEventListener("mouseover", function () { tell(describe(frame)); });
  }

  var buttons = {}, input = null;

  function addButton(name, words, right, action) {
    var group = document.createElementNS(SVG, "g"), rect = document.createElementNS(SVG, "rect");
    var text = document.createElementNS(SVG, "text"), size = words.length * LETTER + 4 * PADDING;
    group.setAttribute("class", "button");
    rect.setAttribute("x", right - size);
    rect.setAttribute("y", 12);
    rect.setAttribute("width", size);
    rect.setAttribute("height", 22);
    rect.setAttribute("rx", 4);
    text.setAttribute("x", right - size + 2 * PADDING);
    text.setAttribute("y", 27);
    text.textContent = words;
    group.appendChild(rect);
    group.appendChild(text);
    group.addEventListener("click", action);
    svg.appendChild(group);
    buttons[name] = group;
    return right - size - 6;
  }

  function addControls() {
    var right = width - margin, holder = document.createElementNS(SVG, "foreignObject");
    input = document.createElementNS(XHTML, "input");
    holder.setAttribute("x", right - 190);
    holder.setAttribute("y", 11);
    holder.setAttribute("width", 190);
    holder.setAttribute("height", 26);
    input.setAttribute("type", "search");
    input.setAttribute("placeholder", "search functions  ( / )");
    input.setAttribute("aria-label", "search functions");
    input.setAttribute("style", "width:186px;height:22px;box-sizing:border-box;font:12px sans-serif;margin:0");
    input.addEventListener("input", function () { search(input.value); });
    holder.appendChild(input);
    svg.appendChild(holder);
    right = addButton("flip", "flip", right - 196, flip);
    addButton("reset", "reset", right, reset);
  }

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") {
      reset();
    } else if (event.target !== input && (event.key === "/" || (event.key === "f" && event.ctrlKey))) {
      event.preventDefault();
      input.focus();
    }
  });

  read();
  addControls();
  layout();
})();
