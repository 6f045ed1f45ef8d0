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
  const folded = element.matches("details.decline > summary") && element.parentElement;
  if (folded) {
    folded.open = !folded.open;
    (folded.open ? one("textarea", folded) : element).focus();
  } else if (element.dataset.opens) one(`#${element.dataset.opens}`).showModal();
  else if (writes(element) || element.dataset.focus !== undefined) element.focus();
  else element.click();
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
  all("[data-opens]").forEach((each) => each.addEventListener("click", (event) => {
    event.preventDefault();
    one(`#${each.dataset.opens}`).showModal();
  }));
}

// -- drafts, counts, one sending ---------------------------------------------------------------------------------

function drafts(form) {
  const where = form.dataset.draft;
  if (!where) return;
  let timer = 0;
  const body = () => new URLSearchParams(new FormData(form));
  const save = async () => {
    timer = 0;
    try {
      const answer = await fetch(where, { method: "POST", body: body(), keepalive: true });
      say(answer.ok ? "Saved" : "Not saved: reload the page");
    } catch { say("Not saved: no connection"); }
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
  form.addEventListener("submit", (event) => {
    const send = one("[data-send]", form);
    if (send.getAttribute("aria-disabled") === "true") return event.preventDefault();
    form.elements.seconds.value = ((performance.now() - started) / 1000).toFixed(1);
    return send.setAttribute("aria-disabled", "true");
  });
  addEventListener("pageshow", () => one("[data-send]", form).removeAttribute("aria-disabled"));
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
  const range = new Range();
  const [first, last] = [places[start], places[end - 1]];
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
  const line = (step) => {  // the word above or below, as far to the right as this one
    const here = box(head);
    let to = head;
    while (words[to + step] && Math.abs(box(to).top - here.top) < 4) to += step;
    const there = box(to);
    while (words[to + step] && Math.abs(box(to + step).top - there.top) < 4 && step * (box(to).left - here.left) < 0) to += step;
    return to;
  };
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !words.length) return;
    event.preventDefault();
    if (head < 0) head = 0;
    else head = /Up|Down/.test(event.key) ? line(step) : Math.max(0, Math.min(words.length - 1, head + step));
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

function comparison(form) {
  document.addEventListener("keydown", (event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const steps = all("[name=strength]", form);
    if (!step || writes(event.target) || !steps.length || !visible(steps[0])) return;
    event.preventDefault();
    const now = steps.findIndex((each) => each.checked);
    steps[Math.max(0, Math.min(steps.length - 1, now + step))].click();
  });
}

function ranking(form) {
  const list = one(".ranking", form);
  const cards = () => all(".answer", list);
  const number = () => {
    let rank = 0;
    cards().forEach((card, place) => {
      const tied = place > 0 && card.dataset.tied === "1";
      if (!tied) rank = place + 1;
      card.classList.toggle("tied", tied);
      one("select", card).value = rank;
      one(".rank", card).textContent = rank;
    });
    changed(form);
  };
  const move = (card, step) => {
    const order = cards();
    const other = order[order.indexOf(card) + step];
    if (!other) return;
    delete card.dataset.tied;
    if (step < 0) other.before(card); else other.after(card);
    number();
    card.focus();
    say(`${one(".who", card).dataset.name} is now in place ${one("select", card).value}`);
  };
  const tie = (card) => { card.dataset.tied = card.dataset.tied === "1" ? "" : "1"; number(); };
  const rank = (card) => Number(one("select", card).value || 99);
  const before = cards().sort((a, b) => rank(a) - rank(b));
  before.forEach((card, place) => {
    if (place && rank(card) < 99 && rank(card) === rank(before[place - 1])) card.dataset.tied = "1";
    list.append(card);
  });
  number();
  list.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-move], [data-tie]");
    if (button) button.dataset.move ? move(button.closest(".answer"), Number(button.dataset.move)) : tie(button.closest(".answer"));
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const card = document.activeElement?.closest(".ranking .answer");
    if (writes(event.target) || one("dialog[open]") || (!step && event.key !== "=")) return;
    event.preventDefault();
    if (!card) cards()[0].focus();
    else if (step) move(card, step);
    else if (list.dataset.ties) tie(card);
  });
  let moving = null;
  list.addEventListener("dragstart", (event) => {
    moving = event.target.closest(".answer");
    moving.classList.add("moving");
    event.dataTransfer.effectAllowed = "move";
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
    delete moving.dataset.tied;
    moving = null;
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
    if (CSS.highlights) {
      CSS.highlights.clear();
      kinds.forEach((ranges, colour) => CSS.highlights.set(`mark-${colour}`, new Highlight(...ranges)));
    }
    changed(form);
  };
  form.addEventListener("click", ({ target }) => {
    const type = target.closest("[data-type]")?.dataset.type;
    const found = type && text.selected();
    if (type && !found) say("Select a stretch of the text first");
    if (found) {
      const row = rows().find((each) => field(each, "start").value === "");
      if (!row) return say("No room for more marks");
      [field(row, "start").value, field(row, "end").value] = found;
      field(row, "type").value = type;
      say(`Marked as ${type}: ${text.inside(...found)}`);
      draw();
    }
    const gone = target.closest("[data-remove]")?.closest(".span");
    if (gone) { ["start", "end", "note"].forEach((stem) => { field(gone, stem).value = ""; }); draw(); }
    return undefined;
  });
  draw();
}

function steps(form) {
  const list = all(".step", form);
  let now = Math.max(0, list.findIndex((each) => !one(":checked", each)));
  const show = () => {
    list.forEach((each, place) => each.classList.toggle("current", place === now));
    list[now].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    if (writes(event.target) || event.ctrlKey || event.metaKey || one("dialog[open]")) return;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const said = { r: "right", w: "wrong", u: "unsure" }[event.key];
    if (!step && !said) return;
    event.preventDefault();
    if (said) one(`[value=${said}]`, list[now]).click();
    now = Math.max(0, Math.min(list.length - 1, now + (step ?? 1)));
    show();
  });
  show();
}

function critique(form) {
  const text = marking(one(".marks", form));
  const [start, end, about] = [form.elements.start, form.elements.end, one("#about", form)];
  const draw = () => { about.textContent = start.value === "" ? "the whole answer" : `“${text.inside(Number(start.value), Number(end.value))}”`; };
  one("#stretch", form).addEventListener("click", () => {
    const found = text.selected();
    if (!found) return say("Select a stretch of the text first");
    [start.value, end.value] = found;
    draw();
    return changed(form);
  });
  one("#whole", form).addEventListener("click", () => { [start.value, end.value] = ["", ""]; draw(); changed(form); });
  draw();
}

function difference(before, after) {  // words that went and came: the longest common subsequence
  const [a, b] = [before, after].map((text) => text.match(/\s+|[^\s]+/g) ?? []);
  let [head, tail] = [0, 0];
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  while (tail < Math.min(a.length, b.length) - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const [x, y] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const parts = [["same", a.slice(0, head).join("")]];
  if (x.length * y.length > 4e6) parts.push(["del", x.join("")], ["ins", y.join("")]);
  else {
    const common = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1));
    for (let i = x.length - 1; i >= 0; i -= 1)
      for (let j = y.length - 1; j >= 0; j -= 1)
        common[i][j] = x[i] === y[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    let [i, j] = [0, 0];
    while (i < x.length || j < y.length) {
      if (i < x.length && j < y.length && x[i] === y[j]) { parts.push(["same", x[i]]); i += 1; j += 1; }
      else if (j >= y.length || (i < x.length && common[i + 1][j] >= common[i][j + 1])) { parts.push(["del", x[i]]); i += 1; }
      else { parts.push(["ins", y[j]]); j += 1; }
    }
  }
  return [...parts, ["same", a.slice(a.length - tail).join("")]];
}

function correction(form) {
  const [area, out] = [one("textarea.answer-text", form), one(".diff", form)];
  const draw = () => out.replaceChildren(...difference(form.dataset.before, area.value).map(([kind, text]) => {
    const made = document.createElement(kind === "same" ? "span" : kind);
    made.textContent = text;
    return made;
  }));
  area.addEventListener("input", () => requestAnimationFrame(draw));
  draw();
}

// -- on every page -------------------------------------------------------------------------------------------------

function veil() {  // a warning that was read once in this session need not be read again
  const each = one("details.veil");
  if (!each) return;
  const key = `veil ${each.dataset.session}`;
  each.open ||= sessionStorage.getItem(key) === "1";
  each.addEventListener("toggle", () => each.open && sessionStorage.setItem(key, "1"));
}

document.addEventListener("DOMContentLoaded", () => {
  const form = one("form.judge");
  keys(form);
  veil();
  all("time[datetime]").forEach((each) => {
    each.textContent = new Date(each.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  });
  if (!form) return;
  ({ comparison, ranking, spans, steps, critique, correction }[form.dataset.kind] ?? (() => {}))(form);
  drafts(form);
  counts(form);
  one("[data-begin]", form)?.focus();
});
