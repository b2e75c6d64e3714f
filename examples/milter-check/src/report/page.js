"use strict";
(() => {
  const scenarios = [...document.querySelectorAll("details.scenario")];
  const chapters = [...document.querySelectorAll("section.chapter")];
  const controls = document.getElementById("controls");
  const filter = document.getElementById("filter");
  const toggles = [...controls.querySelectorAll("input[type=checkbox]")];
  const texts = scenarios.map((it) => it.querySelector("summary").textContent.toLowerCase());
  const linked = (link) => document.getElementById(decodeURIComponent(link.hash.slice(1)));
  const firsts = [...document.querySelectorAll(".group > p a")].map(linked);
  const levels = ["must", "should", "info"];

  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const results = new Set(toggles.filter((it) => it.checked).map((it) => it.name));
    let shown = 0;
    scenarios.forEach((it, at) => {
      const has = (word) => levels.includes(word) ? it.dataset.level === word : texts[at].includes(word);
      const matches = results.has(it.dataset.result) && words.every(has);
      it.hidden = !matches;
      shown += matches;
    });
    chapters.forEach((it) => { it.hidden = !it.querySelector("details.scenario:not([hidden])"); });
    document.getElementById("shown").textContent =
      shown === scenarios.length ? `${shown} scenarios` : `${shown} of ${scenarios.length} scenarios`;
  };

  const unfold = (isOpen) => scenarios.filter((it) => !it.hidden).forEach((it) => { it.open = isOpen; });

  // Shows only the scenarios with these words, of one result or of all.
  const show = (words, result) => {
    filter.value = words;
    toggles.forEach((it) => { it.checked = !result || it.name === result; });
    apply();
  };

  // A link to a scenario unfolds it, even if it is hidden.
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.matches("details.scenario")) {
      if (target.hidden) {
        show("", null);
      }
      target.open = true;
      target.scrollIntoView();
    }
  };

  // The texts of the rules are on the page once. They are copied to where they are read.
  const explain = (scenario) => {
    const body = scenario.querySelector(".body");
    if (!body || body.querySelector(".rule")) {
      return;
    }
    body.querySelectorAll(".tested a").forEach((link) => {
      const copy = linked(link).cloneNode(true);
      copy.removeAttribute("id");
      body.append(copy);
    });
  };

  document.querySelectorAll("a[data-show]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    show(link.dataset.words, link.dataset.show);
    linked(link).scrollIntoView();
  }));
  scenarios.forEach((it) => it.addEventListener("toggle", () => it.open && explain(it)));
  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("input", apply);
  document.getElementById("unfold").addEventListener("click", () => unfold(true));
  document.getElementById("fold").addEventListener("click", () => unfold(false));
  window.addEventListener("hashchange", follow);
  // The same link again.
  document.querySelectorAll("#failures a").forEach((link) => link.addEventListener("click", () => {
    if (link.hash === location.hash) {
      follow();
    }
  }));

  // On paper, the first failure of each group is unfolded.
  let printed = [];
  window.addEventListener("beforeprint", () => {
    printed = firsts.filter((it) => !it.open);
    printed.forEach((it) => { it.open = true; });
  });
  window.addEventListener("afterprint", () => printed.forEach((it) => { it.open = false; }));

  apply();
  follow();
})();
