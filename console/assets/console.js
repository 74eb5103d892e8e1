// What a page does beyond links and forms. Everything works without it; nothing is loaded, nothing moves by itself.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const typing = (target) => target.closest("input,textarea,select,[contenteditable]");
  const lang = document.documentElement.lang === "en" ? "en" : "zh";

  // Single keys can be switched off (WCAG 2.1.4).
  const quiet = () => localStorage.getItem("keys") === "off";

  // Close buttons, and menus that close when one looks elsewhere.
  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close]");
    if (close) close.closest(".toast,dialog")?.remove();
    for (const menu of all("details.menu[open],details.burger[open]")) {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    }
    if (event.target.closest("[data-print]")) print();
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy);
  });

  // Buttons that only a script can serve.
  for (const one of all("[data-script]")) one.hidden = false;

  // Destructive forms ask once, in the words of the page.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    const question = button?.dataset.ask ?? event.target.dataset.ask;
    if (question && !confirm(question)) event.preventDefault();
  });

  // Rows of a list: j and k move, x selects, o or Enter opens.
  const rows = () => all("[data-row]");
  let at = -1;
  const move = (to) => {
    const list = rows();
    if (!list.length) return;
    at = Math.max(0, Math.min(list.length - 1, to));
    list.forEach((row, i) => row.classList.toggle("cur", i === at));
    list[at].scrollIntoView({ block: "nearest" });
    $("a", list[at])?.focus({ preventScroll: true });
  };
  const select = (row, on) => {
    const box = $("input[type=checkbox]", row);
    if (!box) return;
    box.checked = on ?? !box.checked;
    box.dispatchEvent(new Event("change", { bubbles: true }));
  };
  let last = -1;
  // What is done to the chosen is offered when some are.
  const chosen = () => {
    const count = all("[data-row] input:checked").length;
    for (const bulk of all("[data-bulk]")) bulk.hidden = count === 0;
    for (const text of all("[data-count]")) text.textContent = count;
  };
  chosen();
  document.addEventListener("change", (event) => {
    const row = event.target.closest("[data-row]");
    if (row) row.setAttribute("aria-selected", event.target.checked);
    const every = event.target.closest("[data-every]");
    if (every) for (const one of rows()) select(one, every.checked);
    chosen();
    const auto = event.target.closest("[data-auto]");
    if (auto) auto.form.requestSubmit();
  });

  // g, then a letter: go to a page.
  const places = { o: "/console", i: "/console/incidents", e: "/console/events", n: "/console/notices", f: "/console/feeds", b: "/console/bulletin" };
  let going = false;

  const palette = () => {
    $("dialog.pal")?.remove();
    const box = document.createElement("dialog");
    box.className = "pal";
    const input = document.createElement("input");
    input.className = "in";
    input.setAttribute("aria-label", lang === "en" ? "Commands" : "命令");
    input.placeholder = lang === "en" ? "Go to, or do" : "前往或执行";
    const list = document.createElement("ul");
    const links = [...new Map(all(".side .nav a,[data-command]").map((a) => [a.textContent.trim(), a])).values()];
    let chosen = 0;
    const draw = () => {
      list.replaceChildren();
      const text = input.value.toLowerCase();
      links.filter((a) => a.textContent.toLowerCase().includes(text)).forEach((a, i) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = a.href ?? "#";
        link.textContent = a.dataset?.command ?? a.firstChild?.nextSibling?.textContent ?? a.textContent;
        if (!a.href) link.addEventListener("click", (e) => { e.preventDefault(); box.remove(); a.click(); });
        if (i === chosen) link.className = "on";
        item.append(link);
        list.append(item);
      });
      if (text) {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = "/console/incidents?q=" + encodeURIComponent(input.value);
        link.textContent = (lang === "en" ? "Find incidents: " : "查找事件：") + input.value;
        item.append(link);
        list.append(item);
      }
    };
    input.addEventListener("input", () => { chosen = 0; draw(); });
    input.addEventListener("keydown", (event) => {
      const items = all("a", list);
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        chosen = (chosen + (event.key === "ArrowDown" ? 1 : items.length - 1)) % Math.max(1, items.length);
        items.forEach((a, i) => a.classList.toggle("on", i === chosen));
      }
      if (event.key === "Enter") { event.preventDefault(); (items[chosen] ?? items[0])?.click(); }
    });
    box.append(input, list);
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    draw();
    box.showModal();
  };

  const help = () => {
    $("dialog.keys-help")?.remove();
    const zh = [["/", "查找"], ["Ctrl K", "命令"], ["g o i e n f b", "前往总览、事件、监测记录、通报、数据源、周报"], ["j k", "上下移动"], ["x", "选择"], ["Shift x", "选择一段"], ["o Enter", "打开"], [".", "载入更新"], ["Esc", "返回"]];
    const en = [["/", "find"], ["Ctrl K", "commands"], ["g o i e n f b", "go to overview, incidents, events, notices, feeds, bulletin"], ["j k", "move"], ["x", "select"], ["Shift x", "select a range"], ["o Enter", "open"], [".", "load updates"], ["Esc", "back"]];
    const box = document.createElement("dialog");
    box.className = "keys-help";
    const list = document.createElement("dl");
    list.className = "kv";
    for (const [key, what] of (lang === "en" ? en : zh).concat(all("[data-key]").map((a) => [a.dataset.key, a.getAttribute("aria-label") ?? a.textContent.trim()]))) {
      const dt = document.createElement("dt");
      const k = document.createElement("kbd");
      k.textContent = key;
      dt.append(k);
      const dd = document.createElement("dd");
      dd.textContent = what;
      list.append(dt, dd);
    }
    const off = document.createElement("button");
    off.type = "button";
    off.className = "btn sm";
    const label = () => { off.textContent = quiet() ? (lang === "en" ? "Switch single keys on" : "启用单键") : (lang === "en" ? "Switch single keys off" : "停用单键"); };
    label();
    off.addEventListener("click", () => { localStorage.setItem("keys", quiet() ? "on" : "off"); label(); });
    const p = document.createElement("p");
    p.append(off);
    box.append(list, p);
    document.body.append(box);
    box.showModal();
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "k") { event.preventDefault(); palette(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "?") { help(); return; }
    if (quiet()) return;
    if (going) { going = false; const to = places[event.key]; if (to) location.href = to; return; }
    const own = all("[data-key]").find((one) => one.dataset.key === event.key && !one.closest("[hidden]"));
    if (own) { event.preventDefault(); if (own.matches("input,textarea,select")) own.focus(); else own.click(); return; }
    const list = rows();
    switch (event.key) {
      case "g": going = true; setTimeout(() => { going = false; }, 1500); break;
      case "/": event.preventDefault(); $("[data-find]")?.focus(); break;
      case "j": move(at + 1); break;
      case "k": move(at - 1); break;
      case "x": if (list[at]) { select(list[at]); last = at; } break;
      case "X": for (let i = Math.min(last, at); i <= Math.max(last, at); i++) if (list[i]) select(list[i], true); break;
      case "o": if (list[at]) $("a", list[at])?.click(); break;
      case ".": location.reload(); break;
      case "Escape": if (document.referrer.startsWith(location.origin) && $("[data-back]")) history.back(); break;
    }
  });

  // What is edited is not lost by leaving.
  let dirty = false;
  document.addEventListener("input", (event) => { if (event.target.closest("form[data-keep]")) dirty = true; });
  document.addEventListener("submit", () => { dirty = false; });
  addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });

  // Changes elsewhere announce themselves and wait.
  const fresh = $("[data-fresh]");
  if (fresh && window.EventSource) {
    let waiting = 0;
    const source = new EventSource(fresh.dataset.fresh);
    source.addEventListener("change", () => {
      waiting += 1;
      fresh.hidden = false;
      fresh.textContent = lang === "en" ? waiting + " updates, press ." : waiting + " 条更新，按 . 载入";
    });
  }
})();
