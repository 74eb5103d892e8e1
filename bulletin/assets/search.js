/* Search without a server: reads the shards of the issues, newest year first, and matches Chinese by pairs of
   characters and Latin by the beginnings of words. Shards are scripts, so that pages opened as files can load them. */
(() => {
  const han = /[\u3400-\u9fff\uf900-\ufaff]/;
  const shards = new Map();
  /* Called by a shard. */
  globalThis.watchfireShard = (name, issues) => shards.set(name, issues);

  /* Text as it is compared: half width, lower case. */
  const plain = (text) => text.normalize("NFKC").toLowerCase();

  /* Terms of a query: pairs of neighbouring Han characters, and words. */
  const terms = (query) => {
    const out = [];
    for (const piece of plain(query).match(/[\u3400-\u9fff\uf900-\ufaff]+|[\p{L}\p{N}][\p{L}\p{N}.,%/-]*/gu) || []) {
      if (!han.test(piece)) { out.push({ word: piece.replace(/[.,/-]+$/, "") }); continue; }
      const signs = [...piece];
      if (signs.length === 1) out.push({ pair: piece });
      for (let i = 1; i < signs.length; i++) out.push({ pair: signs[i - 1] + signs[i] });
    }
    return out;
  };

  /* Where a term stands in a text, or -1. A word must begin where no letter or digit is before it. */
  const find = (text, term) => {
    if (term.pair) return text.indexOf(term.pair);
    for (let at = text.indexOf(term.word); at >= 0; at = text.indexOf(term.word, at + 1)) {
      if (at === 0 || !/[a-z0-9]/.test(text[at - 1])) return at;
    }
    return -1;
  };

  /* Issues in which every term occurs, with the sentences that hold most of them. */
  const search = (issues, wanted) => {
    const found = [];
    for (const issue of issues) {
      const lines = [`${issue.t} ${issue.w}`, ...issue.s];
      const seen = new Set();
      const hits = lines.map((line, at) => {
        const text = plain(line);
        let score = 0;
        wanted.forEach((term, i) => { if (find(text, term) >= 0) { score++; seen.add(i); } });
        return { line, score, at };
      });
      if (seen.size < wanted.length) continue;
      const best = hits.filter((h) => h.at > 0 && h.score > 0).sort((a, b) => b.score - a.score || a.at - b.at).slice(0, 3);
      found.push({ issue, best, score: Math.max(...hits.map((h) => h.score)) });
    }
    return found;
  };

  /* A text with its matches marked; built of nodes, so that nothing in it is markup. */
  const marked = (line, wanted) => {
    const text = plain(line), spot = new Array(line.length).fill(false), out = document.createElement("p");
    if (text.length === line.length) {
      for (const term of wanted) {
        const length = (term.pair || term.word).length;
        for (let at = 0; at <= text.length - length;) {
          const hit = find(text.slice(at), term);
          if (hit < 0) break;
          const before = at + hit - 1;
          if (term.pair || hit > 0 || before < 0 || !/[a-z0-9]/.test(text[before])) spot.fill(true, at + hit, at + hit + length);
          at += hit + length;
        }
      }
    }
    for (let at = 0; at < line.length;) {
      let end = at;
      while (end < line.length && spot[end] === spot[at]) end++;
      const part = line.slice(at, end);
      if (spot[at]) { const mark = document.createElement("mark"); mark.textContent = part; out.append(mark); } else out.append(part);
      at = end;
    }
    return out;
  };

  const load = (box, name) => new Promise((done) => {
    if (shards.has(name)) return done();
    const script = document.createElement("script");
    script.src = `${box.dataset.root}search/${name}.js`;
    script.onload = script.onerror = () => done();
    document.head.append(script);
  });

  globalThis.watchfireSearch = { terms, search };

  addEventListener("DOMContentLoaded", () => {
    const box = document.getElementById("found"), form = document.getElementById("search");
    if (!box || !form) return;
    const input = form.elements.namedItem("q"), told = document.getElementById("told");
    let turn = 0;
    const run = async () => {
      const mine = ++turn, wanted = terms(input.value);
      box.replaceChildren();
      told.textContent = "";
      if (wanted.length === 0) return;
      let count = 0;
      for (const name of box.dataset.shards.split(" ").filter(Boolean)) {
        await load(box, name);
        if (mine !== turn) return;
        for (const { issue, best } of search(shards.get(name) || [], wanted)) {
          count++;
          if (count > 60) continue;
          const item = document.createElement("li"), link = document.createElement("a"), when = document.createElement("span"), head = document.createElement("h2");
          link.href = box.dataset.root + issue.u;
          link.textContent = issue.t;
          when.textContent = issue.w;
          when.className = "when";
          head.append(link, when);
          item.append(head, ...best.map((b) => marked(b.line, wanted)));
          box.append(item);
        }
        told.textContent = box.dataset.told.replace("#", count);
      }
      if (count === 0) told.textContent = box.dataset.none;
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const address = new URL(location.href);
      address.searchParams.set("q", input.value);
      try { history.replaceState(null, "", address); } catch { /* a file keeps its address */ }
      run();
    });
    const asked = new URLSearchParams(location.search).get("q");
    if (asked) { input.value = asked; run(); }
  });
})();
