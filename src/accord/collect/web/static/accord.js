// What makes the plain forms quick: keys, marks, order, drafts, counts. Every page works without it.
"use strict";
document.documentElement.classList.add("js");

const queryAll = (selector, root = document) => [...root.querySelectorAll(selector)];
const query = (selector, root = document) => root.querySelector(selector);
const writes = (e) => e.matches?.("textarea, select, input:not([type=radio], [type=checkbox], [type=hidden])");
const visible = (e) => (e.checkVisibility ? e.checkVisibility({ visibilityProperty: true }) : e.offsetParent !== null);

// What is said, in the language of the page: its text by key, in the plural form beside `n`, with the values of its places.
const { lang, dir, dataset: { texts: textsOfPage } } = document.documentElement;
const texts = JSON.parse(textsOfPage ?? "{}");
const told = (key, values = {}) => {
  const form = texts[key] ?? key;
  const pattern = typeof form === "string" ? form : form[new Intl.PluralRules(lang).select(values.n)] ?? form.other;
  return pattern.replace(/\{(\w+)\}/g, (_, name) => (dir === "rtl" ? `\u2068${values[name]}\u2069` : values[name]));
};
const say = (text) => { const status = query("#status"); if (status) status.textContent = text; };

// -- several questions on a page: keys go to the one that is marked -------------------------------------------------

const partOf = (element) => element?.closest?.("[data-part]") ?? null;
const hears = (element) => !partOf(element) || partOf(element).classList.contains("current");

function sheet(parts) {
  const mark = (part) => parts.forEach((other) => other.classList.toggle("current", other === part));
  const on = (part) => {  // to the next one once something was chosen
    const next = parts[parts.indexOf(part) + 1];
    if (!next) return;
    mark(next);
    next.scrollIntoView({ block: "nearest" });
  };
  for (const part of parts) {
    part.addEventListener("focusin", () => mark(part));
    part.addEventListener("pointerdown", () => mark(part));
    part.addEventListener("click", ({ target, detail }) => {
      const chosen = target.matches("input[type=radio]") && !query("[name$=strength]", part);
      if (chosen && !detail) on(part);  // by a key, not by the mouse
    });
  }
  if (parts.length) mark(parts[0]);
}

// -- keys: an element with data-keys="1 ArrowLeft" is pressed by them -----------------------------------------

// The letter or digit of a key: what it writes, else (Cyrillic, Greek, an input method, digits above signs) its place.
function keyOf({ key, code, shiftKey }) {
  if (/^[a-z0-9]$/i.test(key)) return key.toLowerCase();
  const place = /^(?:Key|Digit)(.)$/.exec(code)?.[1].toLowerCase();
  const elsewhere = key === "Process" || (key > "~" && [...key].length === 1) || (/^\d$/.test(place) && !shiftKey);
  return place && elsewhere ? place : key;
}

function press(element) {
  if (writes(element) || "focus" in element.dataset) element.focus(); else element.click();
  if (element.matches("details.decline > summary")) query("textarea", element.parentElement).focus();
}

function keys(form) {
  document.addEventListener("keydown", (event) => {
    const [key, { target }] = [keyOf(event), event];
    if (event.isComposing) return undefined;
    if (key === "Enter" && (event.ctrlKey || event.metaKey) && form) return form.requestSubmit(query("[data-send]", form));
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return undefined;
    if (key === "Enter" && form && target.matches("form.judge input[type=text]")) {  // the end of a note, not the answer
      event.preventDefault();
      return (query(".marks", form) ?? target.form).focus();
    }
    if (writes(target)) return key === "Escape" ? target.blur() : undefined;
    if (query("dialog[open]")) return key === "?" ? query("dialog[open]").close() : undefined;
    if (key === "Escape") return queryAll("details.decline[open]").forEach((details) => { details.open = false; });
    const own = key === "Enter" && target.matches("a, button, summary");
    const element = queryAll("[data-keys]").find((e) => e.dataset.keys.split(" ").includes(key) && visible(e) && hears(e));
    if (!element || own) return undefined;
    event.preventDefault();
    return event.repeat ? undefined : press(element);
  });
  const open = (event) => { event.preventDefault(); query(`#${event.currentTarget.dataset.opens}`).showModal(); };
  queryAll("[data-opens]").forEach((link) => link.addEventListener("click", open));
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
      .then(({ ok }) => say(told(ok ? "saved" : "not_saved")), () => say(told("no_connection")));
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(save, 1200); };
  form.addEventListener("input", later);
  form.addEventListener("changed", later);
  form.addEventListener("submit", (event) => { if (!event.defaultPrevented) timer = clearTimeout(timer) ?? 0; });
  addEventListener("pagehide", () => { if (timer) navigator.sendBeacon(where, body()); });
}

function counts(form) {
  const names = ["pasted", "keystrokes", "focus_lost"];
  const storageKey = (name) => `${name} ${form.action}`;
  const add = (name) => sessionStorage.setItem(storageKey(name), ++form.elements[name].value);
  if (query("[aria-describedby$=counted]", form)) {
    for (const name of names) form.elements[name].value = sessionStorage.getItem(storageKey(name)) ?? 0;
    queryAll("textarea.answer-text", form).forEach((area) => {
      area.addEventListener("paste", () => add("pasted"));
      area.addEventListener("input", (event) => { if (event.inputType !== "insertFromPaste") add("keystrokes"); });
    });
    addEventListener("blur", () => add("focus_lost"));
  }
}

function presence(form) {  // seconds in which the page was in front and somebody did something now and then
  const [where, patience] = [`seconds ${form.action}`, Number(form.dataset.patience) * 1000];
  Object.keys(localStorage).filter((key) => key.startsWith("seconds ") && key !== where).forEach((key) => localStorage.removeItem(key));
  let [seconds, last, touched] = [Number(localStorage.getItem(where)), performance.now(), performance.now()];
  const tick = () => {
    const [now, before] = [performance.now(), last];
    last = now;
    const there = document.visibilityState === "visible" && document.hasFocus() && now - touched < patience;
    if (there) seconds += Math.min(now - before, 2000) / 1000;  // a machine that slept counts no more
    localStorage.setItem(where, seconds);
    queryAll("[name=seconds]").forEach((field) => { field.value = seconds.toFixed(1); });
  };
  for (const type of ["keydown", "pointerdown", "pointermove", "wheel", "touchmove", "scroll"])
    addEventListener(type, () => { touched = performance.now(); }, { capture: true, passive: true });
  setInterval(tick, 1000);
  form.addEventListener("submit", tick);  // what was refused comes back and is counted on
}

function once(form) {  // what is pressed again does nothing
  form.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) setTimeout(() => queryAll("button", form).forEach((button) => { button.disabled = true; }));
  });
}

// -- a text that can be marked: characters are code points, a sign for an unseen one counts as one --------------------

function characters(root) {
  const places = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      let at = 0;
      for (const letter of node.data) { places.push({ node, at, letter }); at += letter.length; }
    } else if (node.dataset?.n === "1") places.push({ node, at: null, letter: node.matches(".end") ? "\n" : "\ufffc" });
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
  const text = places.map(({ letter }) => letter);
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
    return far.reduce((best, offset, word) => (away(offset) < away(far[best]) ? word : best), head);
  };
  const onward = (word) => {  // in a line that is written from the right, the left arrow goes on
    const { node } = places[words[word][0]];
    return getComputedStyle(node.parentElement).direction === "rtl" ? -1 : 1;
  };
  root.addEventListener("keydown", (event) => {
    let step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !words.length) return;
    event.preventDefault();
    if (/Left|Right/.test(event.key)) step *= onward(Math.max(head, 0));
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
    const end = 1 + places.findLastIndex((p) => range.comparePoint(p.node, p.at === null ? p.node.childNodes.length : p.at + p.letter.length) <= 0);
    return start >= 0 && start < end ? [start, end] : null;
  };
  return { selected, inside, range: (start, end) => rangeOf(places, start, end), length: places.length };
}

// -- the kinds that want more than keys -------------------------------------------------------------------------------

const changed = (root) => (root.closest("form") ?? root).dispatchEvent(new Event("changed"));
const within = (list, place) => Math.max(0, Math.min(list.length - 1, place));
const onKeys = (root, handle) => document.addEventListener("keydown", (event) => {
  const free = hears(root) && !writes(event.target) && !event.ctrlKey && !event.metaKey && !query("dialog[open]");
  if (free && handle(keyOf(event))) event.preventDefault();
});

function comparison(form) {
  const steps = queryAll("[name$=strength]", form);
  onKeys(form, (key) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[key];
    if (!step || !steps.length || !visible(steps[0])) return false;
    steps[within(steps, steps.findIndex((input) => input.checked) + step)].click();
    return true;
  });
}

function ranking(form) {
  const list = query(".ranking", form);
  const cards = () => queryAll(".answer", list);
  let ordered = false;
  const number = () => {
    let rank = 0;
    ordered = true;
    cards().forEach((card, place) => {
      const tied = place > 0 && card.dataset.tied === "1";
      card.classList.toggle("tied", tied);
      rank = tied ? rank : place + 1;
      query("select", card).value = query(".rank", card).textContent = rank;
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
    say(told("moved", { name: query(".who", card).dataset.name, place: query("select", card).value }));
  };
  const tie = (card) => { card.dataset.tied = card.dataset.tied === "1" ? "" : "1"; number(); };
  const rank = (card) => Number(query("select", card).value || 99);
  cards().sort((a, b) => rank(a) - rank(b)).forEach((card, place, before) => {
    if (place && rank(card) < 99 && rank(card) === rank(before[place - 1])) card.dataset.tied = "1";
    list.append(card);
  });
  queryAll("select", list).forEach((select) => { select.required = false; });
  if (cards().every((card) => rank(card) < 99)) number();
  query("[data-keep]", form).addEventListener("click", () => { number(); say(told("order_is_yours")); });
  form.closest("form").addEventListener("submit", (event) => {
    if (ordered || event.submitter?.name === "declined") return;
    event.preventDefault();
    say(told("order_first"));
  });
  list.addEventListener("click", ({ target }) => {
    const [button, card] = [target.closest("button"), target.closest(".answer")];
    if (button?.dataset.move) move(card, Number(button.dataset.move)); else if (button) tie(card);
  });
  onKeys(form, (key) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[key];
    const card = document.activeElement?.closest(".ranking .answer");
    if (!card && step) cards()[0].focus();
    else if (step) move(card, step);
    else if (card && key === "=" && list.dataset.ties) tie(card);
    return step || key === "=";
  });
  list.addEventListener("pointerdown", (event) => {  // by mouse, pen or finger
    const handle = event.target.closest(".handle");
    const card = handle?.closest(".answer");
    if (!card) return;
    let [over, side] = [card, "before"];
    const follow = ({ clientY }) => {
      over.classList.remove("before", "after");
      over = cards().find((other) => clientY < other.getBoundingClientRect().bottom) ?? cards().at(-1);
      const { top, height } = over.getBoundingClientRect();
      side = clientY < top + height / 2 ? "before" : "after";
      over.classList.add(side);
      if (clientY < 60 || clientY > innerHeight - 120) scrollBy(0, clientY < 60 ? -15 : 15);
    };
    const drop = ({ type }) => {
      handle.removeEventListener("pointermove", follow);
      over.classList.remove("before", "after");
      card.classList.remove("moving");
      if (type !== "pointerup" || over === card) return;
      over[side](card);
      card.dataset.tied = "";
      number();
    };
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    card.classList.add("moving");
    handle.addEventListener("pointermove", follow);
    for (const type of ["pointerup", "pointercancel"]) handle.addEventListener(type, drop, { once: true });
  });
}

const highlighted = new Map();  // by form or part of it, what is marked there

function spans(form) {
  const text = marking(query(".marks", form));
  const rows = () => queryAll(".span", form);
  const field = (row, stem) => query(`[name*="${stem}-"]`, row);
  const draw = () => {
    const kinds = new Map();
    for (const row of rows()) {
      const [start, end, type] = ["start", "end", "type"].map((stem) => field(row, stem).value);
      row.hidden = start === "";
      if (row.hidden || !(Number(start) < Number(end) && Number(end) <= text.length)) continue;
      query("q", row).textContent = text.inside(Number(start), Number(end));
      const colour = query(`[data-type="${CSS.escape(type)}"]`, form)?.dataset.colour;
      row.className = `span mark-${colour}`;
      kinds.set(colour, [...(kinds.get(colour) ?? []), text.range(Number(start), Number(end))]);
    }
    highlighted.set(form, kinds);
    CSS.highlights?.clear();
    for (const each of highlighted.values())
      each.forEach((ranges, colour) => {
        const there = CSS.highlights?.get(`mark-${colour}`) ?? [];
        CSS.highlights?.set(`mark-${colour}`, new Highlight(...there, ...ranges));
      });
    changed(form);
  };
  form.addEventListener("mousedown", (event) => event.target.closest("[data-type]") && event.preventDefault());  // what is selected stays so
  form.addEventListener("click", ({ target }) => {
    const gone = target.closest("[data-remove]")?.closest(".span");
    for (const stem of gone ? ["start", "end", "note"] : []) field(gone, stem).value = "";
    const type = target.closest("[data-type]")?.dataset.type;
    const [mark, row] = [type && text.selected(), rows().find((spare) => field(spare, "start").value === "")];
    if (type && !mark) say(told("select_first"));
    else if (type) say(row ? told("marked", { type, text: text.inside(...mark) }) : told("most_marks", { n: rows().length }));
    if (mark && row) [field(row, "start").value, field(row, "end").value, field(row, "type").value] = [...mark, type];
    if (gone || mark) draw();
  });
  draw();
}

function steps(form) {
  const list = queryAll(".step", form);
  let now = 0;
  const show = (place) => {
    now = place;
    list.forEach((step) => step.classList.toggle("current", step === list[now]));
    list[now].scrollIntoView({ block: "nearest" });
  };
  onKeys(form, (key) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[key];
    const verdict = { r: "right", w: "wrong", u: "unsure" }[key];
    if (verdict) query(`[value=${verdict}]`, list[now]).click();
    if (step || verdict) show(within(list, now + (step ?? 1)));
    return step || verdict;
  });
  show(within(list, list.findIndex((step) => !query(":checked", step))));
}

function critique(form) {
  const text = marking(query(".marks", form));
  const [start, end, about] = ["[name$=start]", "[name$=end]", "[data-about]"].map((name) => query(name, form));
  const stretch = () => told("quoted", { text: text.inside(Number(start.value), Number(end.value)) });
  const draw = () => { about.textContent = start.value === "" ? told("whole_answer") : stretch(); };
  const set = (place) => {
    if (!place) return say(told("select_first"));
    [start.value, end.value] = place;
    draw();
    return changed(form);
  };
  query("[data-stretch]", form).addEventListener("click", () => set(text.selected()));
  query("[data-whole]", form).addEventListener("click", () => set(["", ""]));
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
  const [area, out] = [query("textarea.answer-text", form), query(".diff", form)];
  const element = ([kind, text]) => Object.assign(document.createElement(kind), { textContent: text });
  const draw = () => {  // line by line, each from the side of its script
    const lines = [Object.assign(document.createElement("div"), { dir: "auto" })];
    for (const [kind, text] of difference(out.dataset.before, area.value))
      text.split("\n").forEach((part, place) => {
        if (place) lines.push(lines[0].cloneNode());
        lines.at(-1).append(element([kind, part]));
      });
    out.replaceChildren(...lines);
  };
  area.addEventListener("input", () => requestAnimationFrame(draw));
  draw();
}

function dialogue(form) {
  form.addEventListener("submit", (event) => event.submitter?.matches("[data-send]") && say(told("writing")));
}

// -- on every page -------------------------------------------------------------------------------------------------

document.addEventListener("DOMContentLoaded", () => {
  const form = query("form.judge");
  queryAll("form[action$='/undo']").forEach(once);
  keys(form);
  queryAll("details.veil").forEach((veil) => {  // a warning that was read once in this session need not be read again
    veil.open ||= sessionStorage.getItem("veil") === veil.dataset.session;
    veil.addEventListener("toggle", () => veil.open && sessionStorage.setItem("veil", veil.dataset.session));
  });
  queryAll("details[data-kept]").forEach((details) => {  // open on one page, open on the next, where there is room
    const where = `${details.dataset.kept} ${location.pathname.split("/work")[0]}`;
    const wide = matchMedia("(min-width: 68rem)");
    details.open = wide.matches && localStorage.getItem(where) === "open";
    details.addEventListener("toggle", () => { if (wide.matches) localStorage.setItem(where, details.open ? "open" : ""); });
  });
  const locale = navigator.languages.find((each) => each.split("-")[0] === lang.split("-")[0]) ?? lang;
  queryAll("time[datetime]").forEach((time) => {
    time.textContent = new Date(time.dateTime).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
  });
  if (!form) return;
  const parts = queryAll("[data-part]", form);
  for (const root of parts.length ? parts : [form])
    ({ comparison, ranking, spans, steps, critique, correction, dialogue }[root.dataset.kind] ?? (() => {}))(root);
  sheet(parts);
  drafts(form);
  counts(form);
  presence(form);
  once(form);
  if (!parts.length) query("[data-begin]", form)?.focus();
});
