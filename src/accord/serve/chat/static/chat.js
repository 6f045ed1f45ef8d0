// A text that grows while it is written, and one key to send. Every page works without it.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const section = document.querySelector("[data-follow]");
  const newest = [...document.querySelectorAll("main.chat .turn, main.chat .answers")].at(-1);
  newest?.scrollIntoView({ block: "nearest" });
  document.querySelector("[data-first]")?.focus({ preventScroll: true });
  document.querySelector("form.say")?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) event.currentTarget.requestSubmit();
  });
  document.querySelectorAll("form").forEach((form) => {  // what is pressed again does nothing
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented || form.method === "dialog") return;
      setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
    });
  });
  addEventListener("pageshow", (event) => {  // back on a page that a browser kept
    if (event.persisted) location.replace("/");
  });
  if (!section) return;
  const grows = [...section.querySelectorAll("[data-grows]")];
  const source = new EventSource(section.dataset.follow);
  const away = () => innerHeight + scrollY < document.body.scrollHeight - 160;
  let begun = false;
  source.addEventListener("open", () => { begun = false; });
  source.addEventListener("message", ({ data }) => {
    const follow = !away();
    if (!begun) grows.forEach((element) => { element.textContent = ""; });  // a stream begins with all there is
    begun = true;
    for (const [place, text] of JSON.parse(data)) grows[place].append(text);
    if (follow) scrollTo(0, document.body.scrollHeight);
  });
  source.addEventListener("end", () => { source.close(); location.replace("/"); });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) location.replace("/");
    else document.querySelector("#status").textContent = "The connection is lost; trying again …";
  });
  addEventListener("pagehide", () => source.close());
});
