// Texts that people and programs send by malice or by accident, for every field there is. Each says `wfRan(N)` where a
// script of it would run, and asks example.test where it would load something. Control characters are written as
// escapes, so that this file can be read.
"use strict";

const run = (n) => `wfRan(${n})`;
const from = "//evil.example.test/";

// Each is made from its number, so that what ran or loaded says which one it was.
const made = [
  // Markup.
  (n) => `<script>${run(n)}</script>`,
  (n) => `<ScRiPt src=${from}${n}.js></sCrIpT>`,
  (n) => `</script><script>${run(n)}</script>`,
  (n) => `<img src=x onerror=${run(n)}>`,
  (n) => `<img src="${from}${n}.png" alt="a">`,
  (n) => `<svg onload=${run(n)}><circle r=9 /></svg>`,
  (n) => `<svg><style>@import "${from}${n}.css"</style></svg>`,
  (n) => `<iframe srcdoc="<script>parent.${run(n)}</script>"></iframe>`,
  (n) => `<object data="${from}${n}"></object><embed src="${from}${n}">`,
  (n) => `<link rel=stylesheet href=${from}${n}.css>`,
  (n) => `<meta http-equiv=refresh content="0;url=${from}${n}">`,
  (n) => `<base href="${from}${n}/">`,
  (n) => `<form action="${from}${n}"><input name=a autofocus onfocus=${run(n)}></form>`,
  (n) => `<details open ontoggle=${run(n)}>a</details>`,
  (n) => `<math><mtext></form><form><mglyph><svg><mtext><style><path id="</style><img onerror=${run(n)} src>">`,
  (n) => `<!--><img src=x onerror=${run(n)}>-->`,
  (n) => `<plaintext>${n}`,
  (n) => `<noscript><p title="</noscript><img src=x onerror=${run(n)}>">`,
  (n) => `</title></textarea></select></style><img src=x onerror=${run(n)}>`,
  (n) => `<template><script>${run(n)}</script></template>`,
  (n) => `<b onmouseover=${run(n)} style="position:fixed;inset:0">over</b>`,
  // Out of an attribute.
  (n) => `" autofocus onfocus="${run(n)}" x="`,
  (n) => `' onpointerenter='${run(n)}' x='`,
  (n) => `"><script>${run(n)}</script>`,
  (n) => `\` onerror=${run(n)} \``,
  (n) => `" style="background:url(${from}${n})`,
  // Addresses.
  (n) => `javascript:${run(n)}`,
  (n) => `JaVaScRiPt:${run(n)}//https://a.example.test`,
  (n) => `\u0001java\tscript:${run(n)}`,
  (n) => `data:text/html,<script>${run(n)}</script>`,
  (n) => `${from}${n}/a?b=c#d`,
  (n) => `https://u:p@a.example.test\\@b.example.test/${n}`,
  (n) => `../../../../etc/passwd?${n}`,
  (n) => `%2e%2e%2f%00%0d%0aSet-Cookie:%20a=${n}`,
  // Templates and expressions of this and that.
  (n) => `{{ ${n} * ${n} }} {% for a in b %} {# c #}`,
  (n) => "${" + run(n) + "} #{" + n + "} <%= " + n + " %>",
  (n) => `[[${n}]] ((${n})) $(id) \`id\` ; id | id && id`,
  (n) => `=HYPERLINK("${from}${n}","a")`,
  (n) => `@SUM(1+1)*cmd|' /C calc'!A0 ${n}`,
  // Databases and matching.
  (n) => `'; DROP TABLE incident; -- ${n}`,
  (n) => `" OR ""="" /* ${n} */`,
  (n) => `%' UNION SELECT ${n}, NULL --`,
  (n) => `_%_%${n}\\%\\_`,
  (n) => `(a+)+$ [[:alpha:]] ^.*${n}\\`,
  // Formats.
  (n) => `%s %n %x %d %p {0} {name} %${n}$s`,
  (n) => `{"a": {"$ne": null}, "__proto__": {"n": ${n}}}`,
  (n) => `null undefined NaN Infinity nil None true -0 ${n}`,
  (n) => `\\n \\u0000 \\x00 \\ \\\\ ${n} \\'`,
  (n) => `Subject: a\r\nBcc: b@example.test\r\n\r\n${n}`,
  (n) => `BEGIN:VEVENT ${n} END:VCALENDAR ,;\\`,
  // Letters that are not seen, or that turn others around.
  (n) => `a\u202e gpj.${n}exe`,
  (n) => `\u2067\u05e9\u05dc\u05d5\u05dd ${n} \u2066abc`,
  (n) => `\u0645\u0631\u062d\u0628\u0627 ${n} \u0628\u0643`,
  (n) => `zero\u200bwidth\u200d\u2060${n}\ufeff`,
  (n) => `\u00ad\u034f\u180e${n}\u3164`,
  (n) => `Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034d a\u0300\u0301\u0302 ${n}`,
  // Pictures and wide letters.
  (n) => `\u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}\u{1f3f4}\u{e0067}\u{e0062}\u{e007f} ${n}`,
  (n) => `\u{20000}\u{2a6df}\u9f98\u{1f1e8}\u{1f1f3} ${n}`,
  (n) => `\uff1cscript\uff1e${run(n)}\uff1c/script\uff1e`,
  (n) => `\u2028${run(n)}\u2029//`,
  // Long ones.
  (n) => "W".repeat(300) + n,
  (n) => "\u706b".repeat(400) + n,
  (n) => `${n} ` + "a b ".repeat(600),
  (n) => "https://" + "a".repeat(60) + ".example.test/" + "b/".repeat(200) + n,
];

// Between marks of its own, by which it is found again.
exports.corpus = made.map((one, n) => ({ n, text: `q${n}z${one(n)}z${n}q` }));
// Those that turn letters around.
exports.turning = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
