"use strict";
// The page is whole without this script. It fetches the page again, puts what is new in place of what was there, and
// leaves alone what somebody has chosen, opened or is using.
(() => {
  const wait = 1000 * Number(document.body.dataset.live);
  const byId = (id) => document.getElementById(id);
  const filter = byId("filter"), state = byId("state"), pause = byId("pause"), seen = byId("seen");
  let paused = false, timer = 0;

  const matches = (row, text) => {
    const kind = state.value;
    const wanted = !kind || row.classList.contains(kind)
      || kind === "bad" && !row.classList.contains("up") && !row.classList.contains("unchecked");
    if (!wanted) return false;
    const names = row.closest("section").id + " " + row.querySelector("th").textContent + " "
      + row.querySelector(".status").textContent;
    return names.toLowerCase().includes(text);
  };

  const show = () => {
    const text = filter.value.trim().toLowerCase();
    for (const section of document.querySelectorAll("main section")) {
      let any = false;
      for (const row of section.querySelectorAll("tbody tr")) {
        row.hidden = !matches(row, text);
        any = any || !row.hidden;
      }
      section.hidden = !any;
    }
  };

  // Rows that are the same stay; of one that is not, the cells are taken, so that its box keeps its tick.
  const renew = (old, fresh) => {
    if (old.innerHTML === fresh.innerHTML && old.className === fresh.className) return;
    old.className = fresh.className;
    while (old.children.length > 1) old.lastElementChild.remove();
    old.append(...Array.from(fresh.children).slice(1));
  };

  const merge = (page) => {
    byId("top").replaceWith(page.getElementById("top"));
    const old = document.querySelector("main"), fresh = page.querySelector("main");
    const ids = (main) => Array.from(main.querySelectorAll("section, tbody tr"), (one) => one.id).join();
    if (ids(old) !== ids(fresh)) {  // servers have come or gone
      old.replaceWith(fresh);
      return;
    }
    for (const section of old.children) {
      const other = page.getElementById(section.id);
      section.querySelector(".drawings").replaceWith(other.querySelector(".drawings"));
    }
    for (const row of old.querySelectorAll("tbody tr")) renew(row, page.getElementById(row.id));
  };

  const update = async () => {
    const began = Date.now();
    if (!paused && !document.hidden) {
      try {
        const answer = await fetch(location.href, {cache: "no-store"});
        if (!answer.ok) throw new Error(answer.status);
        merge(new DOMParser().parseFromString(await answer.text(), "text/html"));
        show();
        seen.textContent = "";
      } catch {
        seen.textContent = "No answer: this is what was known at " + (seen.dataset.at || "the start");
      }
      if (!seen.textContent) seen.dataset.at = new Date().toLocaleTimeString();
    }
    timer = setTimeout(update, Math.max(wait, 10 * (Date.now() - began)));  // a large page is not fetched all the time
  };

  byId("tools").hidden = false;
  filter.addEventListener("input", show);
  state.addEventListener("change", show);
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
  });
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) update();
  });
  timer = setTimeout(update, wait);
})();
