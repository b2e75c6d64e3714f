"use strict";
(() => {
  const scenarios = [...document.querySelectorAll("details.scenario")];
  const chapters = [...document.querySelectorAll("section.chapter")];
  const controls = document.getElementById("controls");
  const filter = document.getElementById("filter");
  const toggles = [...controls.querySelectorAll("input[type=checkbox]")];
  const texts = scenarios.map((it) => it.querySelector("summary").textContent.toLowerCase());

  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const results = new Set(toggles.filter((it) => it.checked).map((it) => it.name));
    let shown = 0;
    scenarios.forEach((it, at) => {
      const matches = results.has(it.dataset.result) && words.every((word) => texts[at].includes(word));
      it.hidden = !matches;
      shown += matches;
    });
    chapters.forEach((it) => { it.hidden = !it.querySelector("details.scenario:not([hidden])"); });
    document.getElementById("shown").textContent =
      shown === scenarios.length ? `${shown} scenarios` : `${shown} of ${scenarios.length} scenarios`;
  };

  const unfold = (isOpen) => scenarios.filter((it) => !it.hidden).forEach((it) => { it.open = isOpen; });

  // A link to a scenario unfolds it.
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };

  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("input", apply);
  document.getElementById("unfold").addEventListener("click", () => unfold(true));
  document.getElementById("fold").addEventListener("click", () => unfold(false));
  window.addEventListener("hashchange", follow);

  // On paper, failures are unfolded.
  let printed = [];
  window.addEventListener("beforeprint", () => {
    printed = scenarios.filter((it) => it.dataset.result === "fail" && !it.open);
    printed.forEach((it) => { it.open = true; });
  });
  window.addEventListener("afterprint", () => printed.forEach((it) => { it.open = false; }));

  apply();
  follow();
})();
