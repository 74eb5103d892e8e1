/* Light or dark by hand, remembered on this machine; without script the reader's own setting rules. */
(() => {
  const root = document.documentElement, key = "theme";
  let kept = null;
  try { kept = localStorage.getItem(key); } catch { /* no storage for files on some browsers */ }
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
      root.dataset.theme = now === "dark" ? "light" : "dark";
      try { localStorage.setItem(key, root.dataset.theme); } catch { /* for this page only */ }
    });
  });
})();
