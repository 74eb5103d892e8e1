// Opens a notice's page with the key that stands behind # in its address, which no server sees, and seals what is
// answered with it. The forms are those of console/src/outpost/leaf.rs.
"use strict";
(() => {
  const root = document.querySelector("[data-leaf]");
  if (!root) return;
  const lang = document.documentElement.lang.startsWith("en") ? "en" : "zh";
  const say = (what) => {
    for (const one of root.querySelectorAll("[data-say]")) one.hidden = one.dataset.say !== what;
  };
  const text = new TextEncoder();
  const sha256 = async (what, key) =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", text.encode(`watchfire leaf ${what} 1\n${key}`)));
  const cipher = async (what, key, use) =>
    crypto.subtle.importKey("raw", await sha256(what, key), "AES-GCM", false, [use]);
  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const decode = (base64) => Uint8Array.from(atob(base64.trim()), (c) => c.charCodeAt(0));
  const encode = (bytes) => {
    let all = "";
    for (const byte of bytes) all += String.fromCharCode(byte);
    return btoa(all);
  };

  // A change of language loads the page again without what stands behind #: the tab remembers it.
  const find = () => {
    const typed = location.hash.slice(1).toLowerCase();
    if (typed) sessionStorage.setItem("leaf", typed);
    const key = typed || sessionStorage.getItem("leaf") || "";
    return /^[0-9a-hjkmnp-tv-z]{32}$/.test(key) ? key : null;
  };

  const open = async (key, slot) => {
    const answer = await fetch(`/notice/${slot}`, { cache: "no-store" });
    if (answer.status === 404) return "unknown";
    if (!answer.ok) return "unsent";
    const bytes = decode(await answer.text());
    const own = await cipher("shown", key, "decrypt");
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes.slice(0, 12) }, own, bytes.slice(12));
    // Sealed with this key inside: nobody between there and here can have written it.
    root.querySelector("[data-leaf-held]").innerHTML = JSON.parse(new TextDecoder().decode(plain))[lang];
    return "";
  };

  const send = async (form, act, key, slot) => {
    const field = (name) => form.elements.namedItem(name)?.value ?? "";
    const answer = { act, ground: act === "disputed" ? field("ground") : "", comment: field("comment"), ticket: field("ticket") };
    // The same said again, because nothing came back, is the same answer inside.
    if (form.dataset.said !== JSON.stringify(answer)) {
      form.dataset.said = JSON.stringify(answer);
      form.dataset.id = hex(crypto.getRandomValues(new Uint8Array(6)));
    }
    const said = { id: form.dataset.id, number: Number(form.dataset.answer), answer };
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const own = await cipher("answer", key, "encrypt");
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, own, text.encode(JSON.stringify(said)));
    const body = encode(new Uint8Array([...iv, ...new Uint8Array(sealed)]));
    const told = await fetch(`/notice/${slot}`, { method: "POST", headers: { "Content-Type": "text/plain" }, body });
    return told.ok;
  };

  const begin = async () => {
    root.querySelector("[data-leaf-held]").replaceChildren();
    say("opening");
    if (!window.crypto?.subtle) return say("old");
    const key = find();
    if (!key) return say("no-key");
    const slot = hex(await sha256("slot", key));
    try {
      say(await open(key, slot));
    } catch {
      say("broken");
    }
    root.onsubmit = async (event) => {
      event.preventDefault();
      const form = event.target.closest("[data-answer]");
      const button = event.submitter;
      if (!form || !button) return;
      const comment = form.elements.namedItem("comment");
      const needed = button.value === "asked" || (button.value === "disputed" && form.elements.namedItem("ground")?.value === "other");
      comment.required = needed;
      if (!form.reportValidity()) return;
      button.disabled = true;
      const done = await send(form, button.value, key, slot).catch(() => false);
      button.disabled = false;
      say(done ? "sent" : "unsent");
      if (done) {
        delete form.dataset.said;
        form.reset();
        form.closest("details").open = false;
      }
    };
  };
  addEventListener("hashchange", begin);
  begin();
})();
