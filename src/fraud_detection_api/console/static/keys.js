// Keys for what a page declares in data-key, in its HTML. Without this script every page works by itself.
"use strict";
(() => {
  const OFF = "fraud-keys-off";
  const DRAFT = "fraud-draft";
  const dialog = document.getElementById("keys");
  const opener = document.getElementById("keys-open");
  const toggle = document.getElementById("keys-on");
  let isSent = false;

  const isOff = () => { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } };
  const turn = (off) => { try { localStorage.setItem(OFF, off ? "1" : "0"); } catch { toggle.checked = true; } };
  const isField = (element) => element.isContentEditable || element.matches("input, select, textarea");
  const keyed = () => [...document.querySelectorAll("[data-key]")].filter((each) => each.offsetParent !== null);
  const named = (element) => element.labels?.[0]?.textContent || element.textContent;

  function list() {
    const rows = document.getElementById("keys-of-page");
    rows.replaceChildren(...keyed().map((element) => {
      const row = document.createElement("div");
      const key = document.createElement("dt");
      const what = document.createElement("dd");
      key.append(Object.assign(document.createElement("kbd"), { textContent: element.dataset.key }));
      what.textContent = named(element).trim();
      row.append(key, what);
      return row;
    }));
  }

  function show() {
    list();
    toggle.checked = !isOff();
    dialog.showModal();
  }

  function move(step) {
    const items = [...document.querySelectorAll("[data-item]")];
    const at = items.indexOf(document.activeElement);
    items[Math.max(0, Math.min(items.length - 1, at < 0 ? 0 : at + step))]?.focus();
  }

  // a note survives a session that ended while it was written: after the sign-in, the form has it again
  function keep(form) {
    const draft = [form.getAttribute("action"), form.querySelector("textarea")?.value ?? ""];
    try { sessionStorage.setItem(DRAFT, JSON.stringify(draft)); } catch { /* then it is lost */ }
  }

  function restore() {
    if (document.querySelector("[data-keeps-draft]")) return;
    try {
      const [action, text] = JSON.parse(sessionStorage.getItem(DRAFT) ?? "[]");
      sessionStorage.removeItem(DRAFT);
      const form = [...document.forms].find((each) => each.getAttribute("action") === action);
      const field = form?.querySelector("textarea");
      if (field && text) field.value ||= text;
    } catch { /* nothing was kept */ }
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || dialog.open) return;
    if (isField(event.target) && !dialog.contains(event.target)) { // which keeps the focus for a moment after it closed
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (isOff() || isSent) return;
    if (event.key === "?") show();
    else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
    else {
      const element = keyed().find((each) => each.dataset.key === event.key);
      if (!element) return;
      if (isField(element)) element.focus();
      else element.click();
    }
    event.preventDefault();
  }

  // a second press while the next page loads must not send the form again
  document.addEventListener("submit", (event) => {
    if (event.target.method === "dialog") return;
    if (isSent) event.preventDefault();
    else if (!event.target.closest("[data-keeps-draft]")) keep(event.target);
    isSent = true;
    setTimeout(() => { isSent = false; }, 3000); // the person may have stopped the page
  });
  addEventListener("pageshow", () => { isSent = false; });
  addEventListener("keydown", press);
  toggle.addEventListener("change", () => turn(!toggle.checked));
  opener.addEventListener("click", show);
  opener.hidden = false;
  restore();
})();
