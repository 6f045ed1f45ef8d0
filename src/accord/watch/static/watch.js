// The page is asked for again and again, and what is new of it is put in its place. Every page works without it.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const main = () => document.querySelector("main[data-every]");
  if (!main()) return;
  const liveIn = (root) => [...root.querySelectorAll("[data-live]")];
  const names = (root) => liveIn(root).map((part) => part.id).join(" ");
  const received = new Map(liveIn(document).map((part) => [part.id, part.outerHTML]));  // as sent, before anybody opens anything
  let tag = "";

  const keepOpen = (fresh, root) => {
    for (const details of fresh.querySelectorAll("details[id]")) {
      const old = root.querySelector(`#${CSS.escape(details.id)}`);
      if (old) details.open = old.open;
    }
  };
  const keepPlaces = (ids) => {  // how far somebody had scrolled, and where the focus was
    const focus = document.activeElement?.id;
    const places = ids.map((id) => [id, document.getElementById(id)?.scrollLeft ?? 0]).filter(([, left]) => left);
    return () => {
      places.forEach(([id, left]) => { const place = document.getElementById(id); if (place) place.scrollLeft = left; });
      if (focus && document.activeElement?.id !== focus) document.getElementById(focus)?.focus({ preventScroll: true });
    };
  };
  const scrolls = () => [...document.querySelectorAll(".scroll[id], .along[id]")].map((place) => place.id);

  const take = (fresh) => {
    const restore = keepPlaces(scrolls());
    document.title = fresh.title;
    if (names(fresh) !== names(document)) {  // a part came or went
      const next = fresh.querySelector("main");
      liveIn(next).forEach((part) => received.set(part.id, part.outerHTML));
      keepOpen(next, document);
      main().replaceWith(document.adoptNode(next));
    } else {
      for (const part of liveIn(fresh)) {
        if (received.get(part.id) === part.outerHTML) continue;
        received.set(part.id, part.outerHTML);
        keepOpen(part, document);
        document.getElementById(part.id).replaceWith(document.adoptNode(part));
      }
      main().dataset.every = fresh.querySelector("main")?.dataset.every ?? main().dataset.every;
    }
    restore();
  };
  const tell = (words, moment) => {
    document.querySelector("#status").textContent = words;
    if (moment) document.querySelector("#looked").textContent = `Looked at ${moment.toISOString().slice(0, 19).replace("T", " ")} UTC.`;
  };
  const renew = async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href, { headers: tag ? { "if-none-match": tag } : {}, cache: "no-store" });
    if (answer.status === 401 || answer.redirected) { location.reload(); return; }
    if (answer.status === 200) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      tag = answer.headers.get("etag") ?? "";
      if (fresh.querySelector("main[data-every]")) take(fresh);
    }
    const ok = answer.status === 200 || answer.status === 304;
    tell(ok ? "" : "The run cannot be looked at right now; trying again …", ok ? new Date(answer.headers.get("date") ?? Date.now()) : null);
  };
  const again = () => setTimeout(async () => {
    try { await renew(); } catch { tell("The connection is lost; trying again …", null); }
    again();
  }, 1000 * Number(main().dataset.every));
  again();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) renew().catch(() => {}); });
});
