// What makes the plain forms quick: keys, marks, order, drafts, counts. Every page works without it.
"use strict";
document.documentElement.classList.add("js");

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);
const writes = (e) => e.matches?.("textarea, select, input:not([type=radio], [type=checkbox], [type=hidden])");
const visible = (e) => (e.checkVisibility ? e.checkVisibility({ visibilityProperty: true }) : e.offsetParent !== null);
const say = (text) => { const place = one("#said"); if (place) place.textContent = text; };

// -- keys: an element with data-keys="1 ArrowLeft" is pressed by them -----------------------------------------

function press(element) {
  if (writes(element) || "focus" in element.dataset) element.focus(); else element.click();
  if (element.matches("details.decline > summary")) one("textarea", element.parentElement).focus();
}

function keys(form) {
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (key === "Enter" && (event.ctrlKey || event.metaKey) && form) return form.requestSubmit(one("[data-send]", form));
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return undefined;
    if (writes(target)) return key === "Escape" ? target.blur() : undefined;
    if (one("dialog[open]")) return key === "?" ? one("dialog[open]").close() : undefined;
    if (key === "Escape") return all("details.decline[open]").forEach((each) => { each.open = false; });
    const own = key === "Enter" && target.matches("a, button, summary");
    const found = all("[data-keys]").find((e) => e.dataset.keys.split(" ").includes(key) && visible(e));
    if (!found || own) return undefined;
    event.preventDefault();
    return event.repeat ? undefined : press(found);
  });
  const open = (event) => { event.preventDefault(); one(`#${event.currentTarget.dataset.opens}`).showModal(); };
  all("[data-opens]").forEach((each) => each.addEventListener("click", open));
}

// -- drafts, counts, one sending ---------------------------------------------------------------------------------

function drafts(form) {
  const where = form.dataset.draft;
  if (!where) return;
  let timer = 0;
  const body = () => new URLSearchParams(new FormData(form));
  const save = () => {
    timer = 0;
    fetch(where, { method: "POST", body: body(), keepalive: true })
      .then(({ ok }) => say(ok ? "Saved" : "Not saved: reload the page"), () => say("Not saved: no connection"));
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(save, 1200); };
  form.addEventListener("input", later);
  form.addEventListener("changed", later);
  form.addEventListener("submit", () => { clearTimeout(timer); timer = 0; });
  addEventListener("pagehide", () => { if (timer) navigator.sendBeacon(where, body()); });
}

function counts(form) {
  const names = ["pasted", "keystrokes", "focus_lost"];
  const kept = (name) => `${name} ${form.action}`;
  const add = (name) => sessionStorage.setItem(kept(name), ++form.elements[name].value);
  const started = performance.now();
  if (one("textarea.answer-text", form)) {
    for (const name of names) form.elements[name].value = sessionStorage.getItem(kept(name)) ?? 0;
    all("textarea.answer-text", form).forEach((each) => {
      each.addEventListener("paste", () => add("pasted"));
      each.addEventListener("input", (event) => { if (event.inputType !== "insertFromPaste") add("keystrokes"); });
    });
    addEventListener("blur", () => add("focus_lost"));
  }
  form.addEventListener("submit", () => {  // once: what is pressed again does nothing
    form.elements.seconds.value = ((performance.now() - started) / 1000).toFixed(1);
    setTimeout(() => all("button", form).forEach((each) => { each.disabled = true; }));
  });
}

// -- a text that can be marked: characters are code points, a sign for an unseen one counts as one --------------------

function characters(root) {
  const places = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      let at = 0;
      for (const letter of node.data) { places.push({ node, at, letter }); at += letter.length; }
    } else if (node.dataset?.n === "1") places.push({ node, at: null, letter: "\ufffc" });
    else if (node.dataset?.n !== "0") node.childNodes.forEach(walk);
  };
  walk(root);
  return places;
}

function rangeOf(places, start, end) {
  const [range, first, last] = [new Range(), places[start], places[end - 1]];
  if (first.at === null) range.setStartBefore(first.node); else range.setStart(first.node, first.at);
  if (last.at === null) range.setEndAfter(last.node); else range.setEnd(last.node, last.at + last.letter.length);
  return range;
}

function marking(root) {
  const places = characters(root);
  const text = places.map((each) => each.letter);
  const inside = (start, end) => text.slice(start, end).join("");
  const words = [];
  let at = 0;
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "word" }).segment(text.join(""))) {
    const end = at + [...segment].length;
    if (segment.trim()) words.push([at, end]);
    at = end;
  }
  let [anchor, head] = [-1, -1];
  const box = (word) => rangeOf(places, ...words[word]).getBoundingClientRect();
  const line = (step) => {  // the nearest word of the line above or below
    const here = box(head);
    const far = words.map((_, word) => box(word)).map((b) => [step * (b.top - here.top), Math.abs(b.left - here.left)]);
    const away = ([down, aside]) => (down < 4 ? Infinity : 99 * down + aside);
    return far.reduce((best, each, word) => (away(each) < away(far[best]) ? word : best), head);
  };
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !words.length) return;
    event.preventDefault();
    if (head < 0) head = 0;
    else head = /Up|Down/.test(event.key) ? line(step) : within(words, head + step);
    if (!event.shiftKey || anchor < 0) anchor = head;
    const range = rangeOf(places, words[Math.min(anchor, head)][0], words[Math.max(anchor, head)][1]);
    getSelection().setBaseAndExtent(range.startContainer, range.startOffset, range.endContainer, range.endOffset);
  });
  const selected = () => {
    const range = getSelection().rangeCount ? getSelection().getRangeAt(0) : null;
    if (!range || range.collapsed || !root.contains(range.commonAncestorContainer)) return null;
    const start = places.findIndex((p) => range.comparePoint(p.node, p.at ?? 0) >= 0);
    const end = 1 + places.findLastIndex((p) => range.comparePoint(p.node, p.at === null ? 1 : p.at + p.letter.length) <= 0);
    return start >= 0 && start < end ? [start, end] : null;
  };
  return { selected, inside, range: (start, end) => rangeOf(places, start, end), length: places.length };
}

// -- the kinds that want more than keys -------------------------------------------------------------------------------

const changed = (form) => form.dispatchEvent(new Event("changed"));
const within = (list, place) => Math.max(0, Math.min(list.length - 1, place));
const onKeys = (handle) => document.addEventListener("keydown", (event) => {
  const free = !writes(event.target) && !event.ctrlKey && !event.metaKey && !one("dialog[open]");
  if (free && handle(event)) event.preventDefault();
});

function comparison(form) {
  const steps = all("[name=strength]", form);
  onKeys(({ key }) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[key];
    if (!step || !steps.length || !visible(steps[0])) return false;
    steps[within(steps, steps.findIndex((each) => each.checked) + step)].click();
    return true;
  });
}

function ranking(form) {
  const list = one(".ranking", form);
  const cards = () => all(".answer", list);
  const number = () => {
    let rank = 0;
    cards().forEach((card, place) => {
      const tied = place > 0 && card.dataset.tied === "1";
      card.classList.toggle("tied", tied);
      rank = tied ? rank : place + 1;
      one("select", card).value = one(".rank", card).textContent = rank;
    });
    changed(form);
  };
  const move = (card, step) => {
    const other = cards()[cards().indexOf(card) + step];
    if (!other) return;
    card.dataset.tied = "";
    if (step < 0) other.before(card); else other.after(card);
    number();
    card.focus();
    say(`${one(".who", card).dataset.name} is now in place ${one("select", card).value}`);
  };
  const tie = (card) => { card.dataset.tied = card.dataset.tied === "1" ? "" : "1"; number(); };
  const rank = (card) => Number(one("select", card).value || 99);
  cards().sort((a, b) => rank(a) - rank(b)).forEach((card, place, before) => {
    if (place && rank(card) < 99 && rank(card) === rank(before[place - 1])) card.dataset.tied = "1";
    list.append(card);
  });
  number();
  list.addEventListener("click", ({ target }) => {
    const [button, card] = [target.closest("button"), target.closest(".answer")];
    if (button?.dataset.move) move(card, Number(button.dataset.move)); else if (button) tie(card);
  });
  onKeys(({ key }) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[key];
    const card = document.activeElement?.closest(".ranking .answer");
    if (!card && step) cards()[0].focus();
    else if (step) move(card, step);
    else if (card && key === "=" && list.dataset.ties) tie(card);
    return step || key === "=";
  });
  let moving = null;
  list.addEventListener("dragstart", (event) => {
    moving = event.target.closest(".answer");
    moving.classList.add("moving");
    event.dataTransfer.setDragImage(moving, 20, 20);
  });
  list.addEventListener("dragover", (event) => {
    const over = event.target.closest(".answer");
    if (!moving || !over) return;
    event.preventDefault();
    const { top, height } = over.getBoundingClientRect();
    if (over !== moving) event.clientY < top + height / 2 ? over.before(moving) : over.after(moving);
  });
  list.addEventListener("dragend", () => {
    moving.classList.remove("moving");
    [moving.dataset.tied, moving] = ["", null];
    number();
  });
}

function spans(form) {
  const text = marking(one(".marks", form));
  const rows = () => all(".span", form);
  const field = (row, stem) => one(`[name^="${stem}-"]`, row);
  const draw = () => {
    const kinds = new Map();
    for (const row of rows()) {
      const [start, end, type] = ["start", "end", "type"].map((stem) => field(row, stem).value);
      row.hidden = start === "";
      if (row.hidden || !(Number(start) < Number(end) && Number(end) <= text.length)) continue;
      one("q", row).textContent = text.inside(Number(start), Number(end));
      const colour = one(`[data-type="${CSS.escape(type)}"]`, form)?.dataset.colour;
      row.className = `span mark-${colour}`;
      kinds.set(colour, [...(kinds.get(colour) ?? []), text.range(Number(start), Number(end))]);
    }
    CSS.highlights?.clear();
    kinds.forEach((ranges, colour) => CSS.highlights?.set(`mark-${colour}`, new Highlight(...ranges)));
    changed(form);
  };
  form.addEventListener("click", ({ target }) => {
    const gone = target.closest("[data-remove]")?.closest(".span");
    for (const stem of gone ? ["start", "end", "note"] : []) field(gone, stem).value = "";
    const type = target.closest("[data-type]")?.dataset.type;
    const [found, row] = [type && text.selected(), rows().find((each) => field(each, "start").value === "")];
    if (type) say(found && row ? `Marked as ${type}: ${text.inside(...found)}` : "Select a stretch of the text first");
    if (found && row) [field(row, "start").value, field(row, "end").value, field(row, "type").value] = [...found, type];
    if (gone || found) draw();
  });
  draw();
}

function steps(form) {
  const list = all(".step", form);
  let now = 0;
  const show = (place) => {
    now = place;
    list.forEach((each) => each.classList.toggle("current", each === list[now]));
    list[now].scrollIntoView({ block: "nearest" });
  };
  onKeys(({ key }) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[key];
    const said = { r: "right", w: "wrong", u: "unsure" }[key];
    if (said) one(`[value=${said}]`, list[now]).click();
    if (step || said) show(within(list, now + (step ?? 1)));
    return step || said;
  });
  show(within(list, list.findIndex((each) => !one(":checked", each))));
}

function critique(form) {
  const text = marking(one(".marks", form));
  const [start, end, about] = [form.elements.start, form.elements.end, one("#about", form)];
  const stretch = () => `“${text.inside(Number(start.value), Number(end.value))}”`;
  const draw = () => { about.textContent = start.value === "" ? "the whole answer" : stretch(); };
  const set = (found) => {
    if (!found) return say("Select a stretch of the text first");
    [start.value, end.value] = found;
    draw();
    return changed(form);
  };
  one("#stretch", form).addEventListener("click", () => set(text.selected()));
  one("#whole", form).addEventListener("click", () => set(["", ""]));
  draw();
}

function difference(before, after) {  // words that went and came: the longest common subsequence
  const [a, b] = [before, after].map((text) => text.match(/\s+|\S+/g) ?? []);
  let [head, tail] = [0, 0];
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head += 1;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const [x, y] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const [parts, end] = [[["span", a.slice(0, head).join("")]], ["span", a.slice(a.length - tail).join("")]];
  if (x.length * y.length > 4e6) return [...parts, ["del", x.join("")], ["ins", y.join("")], end];
  const common = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i -= 1)
    for (let j = y.length - 1; j >= 0; j -= 1)
      common[i][j] = x[i] === y[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  let [i, j] = [0, 0];
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) { parts.push(["span", x[i]]); i += 1; j += 1; }
    else if (j >= y.length || (i < x.length && common[i + 1][j] >= common[i][j + 1])) parts.push(["del", x[i++]]);
    else parts.push(["ins", y[j++]]);
  }
  return [...parts, end];
}

function correction(form) {
  const [area, out] = [one("textarea.answer-text", form), one(".diff", form)];
  const made = ([kind, text]) => Object.assign(document.createElement(kind), { textContent: text });
  const draw = () => out.replaceChildren(...difference(out.dataset.before, area.value).map(made));
  area.addEventListener("input", () => requestAnimationFrame(draw));
  draw();
}

// -- on every page -------------------------------------------------------------------------------------------------

document.addEventListener("DOMContentLoaded", () => {
  const form = one("form.judge");
  keys(form);
  all("details.veil").forEach((each) => {  // a warning that was read once in this session need not be read again
    each.open ||= sessionStorage.getItem("veil") === each.dataset.session;
    each.addEventListener("toggle", () => each.open && sessionStorage.setItem("veil", each.dataset.session));
  });
  all("time[datetime]").forEach((each) => {
    each.textContent = new Date(each.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  });
  if (!form) return;
  ({ comparison, ranking, spans, steps, critique, correction }[form.dataset.kind] ?? (() => {}))(form);
  drafts(form);
  counts(form);
  one("[data-begin]", form)?.focus();
});
