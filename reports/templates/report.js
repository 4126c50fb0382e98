"use strict";
(() => {
  const root = document.documentElement;
  const asked = new URLSearchParams(location.search);
  const remember = (key, value) => { try { localStorage.setItem("gse-" + key, value); } catch (error) { /* private */ } };
  const recall = (key) => { try { return localStorage.getItem("gse-" + key); } catch (error) { return null; } };

  const setLanguage = (language) => {
    root.dataset.lang = language;
    root.lang = language;
    for (const element of document.querySelectorAll("[data-en]")) {
      if (element.tagName === "OPTION") element.textContent = element.dataset[language];
      else element.setAttribute("aria-label", element.dataset[language]);
      if (element.tagName === "INPUT") element.placeholder = element.dataset[language];
    }
    for (const button of document.querySelectorAll('[data-do="lang"]')) {
      button.setAttribute("aria-pressed", String(button.dataset.value === language));
    }
  };
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const language = asked.get("lang") || recall("lang");
  const theme = asked.get("theme") || recall("theme");
  root.dataset.lang = language === "zh" ? "zh" : "en";
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;

  document.addEventListener("DOMContentLoaded", () => {
    setLanguage(root.dataset.lang);
    const filter = document.querySelector(".filter");
    const clauses = [...document.querySelectorAll("tbody.clause")];
    const chapters = [...document.querySelectorAll("tbody.chapter")];
    const texts = new Map();
    const textOf = (clause) => {
      if (!texts.has(clause)) texts.set(clause, clause.textContent.toLowerCase());
      return texts.get(clause);
    };
    const open = (clause, wanted) => {
      clause.querySelector(".toggle").setAttribute("aria-expanded", String(wanted));
      clause.querySelector(".detail").hidden = !wanted;
    };
    const narrow = () => {
      const words = filter.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
      const keys = ["chapter", "level", "verdict", "grade"].filter((key) => filter.elements[key].value);
      const populated = new Set();
      let shown = 0;
      for (const clause of clauses) {
        const kept = keys.every((key) => clause.dataset[key] === filter.elements[key].value)
          && words.every((word) => textOf(clause).includes(word));
        clause.hidden = !kept;
        if (kept) { shown += 1; populated.add(clause.dataset.chapter); }
      }
      for (const chapter of chapters) chapter.hidden = !populated.has(chapter.dataset.chapter);
      document.querySelector("[data-shown]").textContent = String(shown);
      document.querySelector(".empty").hidden = shown > 0;
    };
    const follow = () => {
      const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (!target || !target.matches("tbody.clause, tbody.chapter")) return;
      if (target.hidden) { filter.reset(); narrow(); }
      if (target.matches(".clause")) open(target, true);
      target.scrollIntoView();
    };
    const actions = {
      lang: (button) => { setLanguage(button.dataset.value); remember("lang", button.dataset.value); },
      theme: () => { root.dataset.theme = isDark() ? "light" : "dark"; remember("theme", root.dataset.theme); },
      print: () => print(),
      toggle: (button) => open(button.closest("tbody"), button.getAttribute("aria-expanded") !== "true"),
      expand: () => clauses.forEach((clause) => { if (!clause.hidden) open(clause, true); }),
      collapse: () => clauses.forEach((clause) => open(clause, false)),
      verdict: (button) => {
        filter.elements.verdict.value = button.dataset.value;
        narrow();
        document.getElementById("matrix").scrollIntoView();
      },
      copy: (button) => {
        const code = button.parentElement.querySelector("code");
        getSelection().selectAllChildren(code);
        if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).catch(() => {});
      },
    };
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) { actions[button.dataset.do](button); return; }
      const row = event.target.closest("tr.row");
      if (row && !event.target.closest("a") && getSelection().isCollapsed) actions.toggle(row.querySelector(".toggle"));
    });
    filter.addEventListener("input", narrow);
    filter.addEventListener("submit", (event) => event.preventDefault());
    filter.addEventListener("reset", () => setTimeout(narrow));
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.target.matches("input, select, textarea")) {
        event.preventDefault();
        filter.elements.q.focus();
      }
    });
    actions.collapse();
    addEventListener("hashchange", follow);
    follow();
  });
})();
